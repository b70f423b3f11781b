package hook

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/go-logr/logr"

	"git-sync/pkg/advice"
	"git-sync/pkg/secret"
)

// hashHeader is the header of a webhook with its revision.
const hashHeader = "Gitsync-Hash"

const (
	// maxBody is how much of an answer is read, so that the connection ends in order.
	maxBody = 64 << 10
	// maxExcerpt is how much of an answer gets into an error.
	maxExcerpt = 300
)

// WebhookOptions describe an outgoing webhook. URL is required.
type WebhookOptions struct {
	// URL is where to; it may hold secrets (a user and password, a query, a path): of it, only scheme and host are ever shown.
	URL secret.Text
	// Method is the HTTP method; "" is POST.
	Method string
	// SuccessStatus is the only status that counts as success; 0 and below: any.
	SuccessStatus int
	// Timeout bounds one request with its answer. 0: one second.
	Timeout time.Duration
	Log     logr.Logger
	// Transport sends the requests, through proxies and trusting authorities as it sees fit; nil is one that follows Go's
	// proxy variables. A redirect is followed only when the method stays the same.
	Transport http.RoundTripper
}

// Webhook is a hook that makes an HTTP request without a body, the revision in the header Gitsync-Hash.
type Webhook struct {
	opt    WebhookOptions
	client *http.Client
}

// NewWebhook makes a webhook. A URL that is none shows at its first run.
func NewWebhook(o WebhookOptions) *Webhook {
	if o.Method == "" {
		o.Method = http.MethodPost
	}
	if o.Timeout <= 0 {
		o.Timeout = time.Second
	}
	if o.Transport == nil {
		o.Transport = &http.Transport{Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, ForceAttemptHTTP2: true}
	}
	return &Webhook{opt: o, client: newClient(o.Transport)}
}

func newClient(transport http.RoundTripper) *http.Client {
	return &http.Client{
		Transport: transport,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if req.Method != via[0].Method {
				return http.ErrUseLastResponse
			}
			if len(via) >= 5 {
				return errors.New("redirected more than five times")
			}
			return nil
		},
	}
}

// Name is NameWebhook.
func (w *Webhook) Name() string { return NameWebhook }

// Run makes one request and reads its answer.
func (w *Webhook) Run(ctx context.Context, e Event) error {
	limited, cancel := context.WithTimeout(ctx, w.opt.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(limited, w.opt.Method, w.opt.URL.Reveal(), http.NoBody)
	if err != nil {
		return advice.With(errors.New("the webhook's URL or method is not valid"), "check --webhook-url and --webhook-method")
	}
	req.Header.Set(hashHeader, e.Hash)
	req.Header.Set("User-Agent", "git-sync")
	begun := time.Now()
	res, err := w.client.Do(req)
	if err != nil {
		if limited.Err() != nil && ctx.Err() == nil {
			err = fmt.Errorf("no answer within %v", w.opt.Timeout)
		}
		return advice.With(fmt.Errorf("%s %s: %w", w.opt.Method, origin(req.URL), withoutURL(err)), unansweredHint(limited, ctx))
	}
	defer func() { _ = res.Body.Close() }()
	// The status has been said: an answer that breaks off later changes nothing.
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if w.opt.SuccessStatus > 0 && res.StatusCode != w.opt.SuccessStatus {
		return w.refused(req.URL, res, body)
	}
	w.opt.Log.V(1).Info("webhook answered", "hash", e.Hash, "status", res.StatusCode, "took", time.Since(begun).Round(time.Millisecond))
	return nil
}

// refused is the error of an answer with another status than wanted.
func (w *Webhook) refused(u *url.URL, res *http.Response, body []byte) error {
	err := fmt.Errorf("%s %s answered %d, wanted %d", w.opt.Method, origin(u), res.StatusCode, w.opt.SuccessStatus)
	if text := excerpt(body); text != "" {
		err = fmt.Errorf("%w: %s", err, text)
	}
	if to, _ := res.Location(); to != nil {
		return advice.With(err, "it redirects to "+origin(to)+"; give its final address as --webhook-url")
	}
	if res.StatusCode/100 == 2 {
		return advice.With(err, "set --webhook-success-status to the status that the receiver answers with, or to 0 for any")
	}
	return err
}

func unansweredHint(limited, ctx context.Context) string {
	if limited.Err() != nil && ctx.Err() == nil {
		return "raise --webhook-timeout if the receiver needs longer"
	}
	return "check --webhook-url, and whether what should answer there is up"
}

// origin is what may be shown of a URL.
func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// withoutURL takes the URL out of the client's errors, for it may hold secrets.
func withoutURL(err error) error {
	if u, ok := errors.AsType[*url.Error](err); ok {
		return u.Err
	}
	return err
}

// excerpt is the beginning of an answer, in one line.
func excerpt(body []byte) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "")), " ")
	if len(s) > maxExcerpt {
		s = strings.ToValidUTF8(s[:maxExcerpt], "") + "…"
	}
	return s
}
