package hook

import (
	"cmp"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/go-logr/logr"

	"git-sync/pkg/advice"
	"git-sync/pkg/secret"
)

// direct makes a webhook that ignores the proxies of the machine.
func direct(o WebhookOptions) *Webhook {
	o.Log = logr.Discard()
	o.Method = cmp.Or(o.Method, http.MethodPost)
	o.Timeout = cmp.Or(o.Timeout, time.Second)
	o.Transport = &http.Transport{DisableKeepAlives: true}
	return NewWebhook(o)
}

func TestWebhookRequest(t *testing.T) {
	got := make(chan *http.Request, 1)
	body := make(chan string, 1)
	srv := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		body <- string(b)
		got <- r
	}))
	defer srv.Close()
	w := direct(WebhookOptions{URL: secret.Text(strings.Replace(srv.URL, "http://", "http://user:pw@", 1) + "/x?y=z"), SuccessStatus: 200, Timeout: 10 * time.Second})
	if err := w.Run(t.Context(), Event{Hash: "abc", Previous: "def", Dir: "/secret/place"}); err != nil {
		t.Fatal(err)
	}
	r := <-got
	if user, pw, _ := r.BasicAuth(); r.Method != "POST" || r.Header.Get("Gitsync-Hash") != "abc" || r.URL.RequestURI() != "/x?y=z" || user != "user" || pw != "pw" {
		t.Errorf("%s %s %v", r.Method, r.URL, r.Header)
	}
	if b := <-body; b != "" {
		t.Errorf("body %q", b)
	}
}

func TestWebhookAnswers(t *testing.T) {
	mux := http.NewServeMux()
	mux.HandleFunc("/status/", func(w http.ResponseWriter, r *http.Request) {
		switch strings.TrimPrefix(r.URL.Path, "/status/") {
		case "204":
			w.WriteHeader(204)
		case "500":
			w.WriteHeader(500)
			_, _ = io.WriteString(w, "broken\n  by <b>something</b> "+strings.Repeat("long ", 500))
		case "301":
			http.Redirect(w, r, "/status/204?token=hidden", http.StatusMovedPermanently)
		case "307":
			http.Redirect(w, r, "/status/204", http.StatusTemporaryRedirect)
		case "loop":
			http.Redirect(w, r, "/status/loop", http.StatusTemporaryRedirect)
		}
	})
	srv := httptest.NewServer(mux)
	defer srv.Close()
	for _, c := range []struct {
		path, method string
		want         int
		err, hint    string
	}{
		{"204", "", 204, "", ""},
		{"204", "", 0, "", ""},
		{"500", "", -1, "", ""},
		{"204", "GET", 200, "answered 204, wanted 200", "--webhook-success-status"},
		{"500", "", 200, "answered 500, wanted 200: broken by <b>something</b> long", ""},
		{"307", "", 204, "", ""},
		{"301", "GET", 204, "", ""},
		{"301", "", 204, "answered 301, wanted 204", "redirects to http://127.0.0.1"},
		{"loop", "", 204, "redirected more than five times", ""},
	} {
		err := direct(WebhookOptions{URL: secret.Text(srv.URL + "/status/" + c.path + "?token=hidden"), Method: c.method, SuccessStatus: c.want, Timeout: 10 * time.Second}).Run(t.Context(), Event{Hash: "a"})
		switch {
		case c.err == "":
			if err != nil {
				t.Errorf("%+v: %v", c, err)
			}
		case err == nil || !strings.Contains(err.Error(), c.err) || !strings.Contains(advice.Hint(err), c.hint):
			t.Errorf("%+v: %v, hint %s", c, err, advice.Hint(err))
		case strings.Contains(err.Error()+advice.Hint(err), "hidden") || len(err.Error()) > 500:
			t.Errorf("%+v: shows too much: %v, hint %s", c, err, advice.Hint(err))
		}
	}
}

// TestWebhookSilence: a receiver that accepts and says nothing costs the timeout, and no more.
func TestWebhookSilence(t *testing.T) {
	release := make(chan struct{})
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-release }))
	defer srv.Close()
	defer close(release)
	err := direct(WebhookOptions{URL: secret.Text(srv.URL), Timeout: 50 * time.Millisecond}).Run(t.Context(), Event{})
	if err == nil || !strings.Contains(err.Error(), "no answer within 50ms") || advice.Hint(err) == "" {
		t.Errorf("%v", err)
	}
}

func TestWebhookErrorsShowNoSecrets(t *testing.T) {
	srv := httptest.NewServer(http.NotFoundHandler())
	host := strings.TrimPrefix(srv.URL, "http://")
	srv.Close() // refused from now on
	for _, url := range []string{"http://u:hidden@" + host + "/services/hidden?x=hidden", "http://u:hidden@[::1/hidden", "hidden://x/hidden"} {
		err := direct(WebhookOptions{URL: secret.Text(url), Timeout: 10 * time.Second}).Run(t.Context(), Event{})
		if err == nil || strings.Contains(strings.TrimPrefix(err.Error(), "POST hidden://x: unsupported protocol scheme \"hidden\""), "hidden") {
			t.Errorf("%s: %v", url, err)
		}
	}
	if err := direct(WebhookOptions{URL: secret.Text("http://" + host), Method: "NOT VALID"}).Run(t.Context(), Event{}); err == nil || advice.Hint(err) == "" {
		t.Errorf("method: %v", err)
	}
}

// FuzzExcerpt: what a receiver answers is shown in one line that is not long.
func FuzzExcerpt(f *testing.F) {
	f.Add([]byte("<html>\n <b>no</b></html>"))
	f.Add([]byte(strings.Repeat("\xc3\xa4 ", maxExcerpt)))
	f.Fuzz(func(t *testing.T, body []byte) {
		got := excerpt(body)
		if len(got) > maxExcerpt+len("…") || !utf8.ValidString(got) || strings.ContainsAny(got, "\r\n\t") {
			t.Errorf("%q: %q", body, got)
		}
	})
}
