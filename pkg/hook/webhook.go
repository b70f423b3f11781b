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

// hashHeader is the header with the revision.
const hashHeader = "Gitsync-Hash"

const (
	// maxBody limits how much of a response is read, in bytes, so that the connection ends in order.
	maxBody = 64 << 10
	// maxExcerpt limits how much of a response is in an error, in bytes.
	maxExcerpt = 300
)

// WebhookOptions configures an outgoing webhook. URL, Method and Timeout are required.
type WebhookOptions struct {
	// URL may contain secrets (a user and password, a query, a path): only its scheme and host are ever shown.
	URL secret.Text
	// Method is the HTTP method.
	Method string
	// SuccessStatus is the only status that means success; 0 or less: any.
	SuccessStatus int
	// Timeout limits one request with its response.
	Timeout time.Duration
	Log     logr.Logger
	// Transport sends the requests; nil means http.DefaultTransport. A redirect is followed only if the method stays
	// the same.
	Transport http.RoundTripper
}

// Webhook is a hook that sends an HTTP request without a body. The revision is in the header Gitsync-Hash.
type Webhook struct {
	opt    WebhookOptions
	client *http.Client
}

// NewWebhook returns a webhook. An invalid URL causes an error at the first run.
func NewWebhook(o WebhookOptions) *Webhook {
	return &Webhook{opt: o, client: &http.Client{
		Transport: o.Transport,
		CheckRedirect: func(req *http.Request, via []*http.Request) error {
			if req.Method != via[0].Method {
				return http.ErrUseLastResponse
			}
			if len(via) >= 5 {
				return errors.New("redirected more than five times")
			}
			return nil
		},
	}}
}

// Name returns NameWebhook.
func (w *Webhook) Name() string { return NameWebhook }

// Run sends one request and reads the response.
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
		hint := "check --webhook-url, and whether the receiver is running"
		if u, ok := errors.AsType[*url.Error](err); ok {
			err = u.Err // without the URL, which may contain secrets
		}
		if limited.Err() != nil && ctx.Err() == nil {
			err, hint = fmt.Errorf("no answer within %v", w.opt.Timeout), "raise --webhook-timeout if the receiver needs longer"
		}
		return advice.With(fmt.Errorf("%s %s: %w", w.opt.Method, origin(req.URL), err), hint)
	}
	defer func() { _ = res.Body.Close() }()
	// The status decides, so an incomplete body does not matter.
	body, _ := io.ReadAll(io.LimitReader(res.Body, maxBody))
	if w.opt.SuccessStatus > 0 && res.StatusCode != w.opt.SuccessStatus {
		return w.refused(req.URL, res, body)
	}
	w.opt.Log.V(1).Info("webhook answered", "hash", e.Hash, "status", res.StatusCode, "took", time.Since(begun).Round(time.Millisecond))
	return nil
}

// refused returns the error for a response with another status than wanted.
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

// origin returns the part of a URL that may be shown.
func origin(u *url.URL) string { return u.Scheme + "://" + u.Host }

// excerpt returns the beginning of a response, in one line.
func excerpt(body []byte) string {
	s := strings.Join(strings.Fields(strings.ToValidUTF8(string(body), "")), " ")
	if len(s) > maxExcerpt {
		s = strings.ToValidUTF8(s[:maxExcerpt], "") + "…"
	}
	return s
}
