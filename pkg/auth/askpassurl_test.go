package auth

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"git-sync/pkg/secret"
)

func TestParseAnswer(t *testing.T) {
	for body, want := range map[string][2]string{
		"username=u\npassword=p\n":                     {"u", "p"},
		"username=u\r\npassword=p\r\n":                 {"u", "p"},
		"password=a=b==\nusername=u":                   {"u", "a=b=="},
		"# hello\n\nquit=1\nusername=u\npassword= p q": {"u", " p q"},
		"password=only":                                {"", "only"},
	} {
		user, pass, err := parseAnswer([]byte(body))
		if err != nil || user != want[0] || pass != want[1] {
			t.Errorf("%q: got %q %q %v", body, user, pass, err)
		}
	}
	for _, body := range []string{"", "username=u\n", "password=\n", "<html>", "password=a\x00b", "username=\x00\npassword=p"} {
		if user, pass, err := parseAnswer([]byte(body)); err == nil {
			t.Errorf("%q was taken for %q %q", body, user, pass)
		}
	}
}

func FuzzParseAnswer(f *testing.F) {
	f.Add([]byte("username=u\npassword=p\n"))
	f.Add([]byte("password=\r\n=\n"))
	f.Fuzz(func(t *testing.T, body []byte) {
		user, pass, err := parseAnswer(body)
		if err != nil && (user != "" || pass != "") {
			t.Error("an error with an answer")
		}
		if err == nil && (pass == "" || strings.ContainsAny(user+pass, "\x00\n\r")) {
			t.Errorf("git cannot be given %q %q", user, pass)
		}
	})
}

// TestAskpassURLMisbehaves has the service do all that services do.
func TestAskpassURLMisbehaves(t *testing.T) {
	release := make(chan struct{})
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	mux := http.NewServeMux()
	for path, f := range map[string]http.HandlerFunc{
		"/redirect": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, elsewhere.URL, http.StatusFound) },
		"/empty":    func(http.ResponseWriter, *http.Request) {},
		"/html":     func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "<html>sign in</html>") },
		"/huge": func(w http.ResponseWriter, _ *http.Request) {
			for range 1 << 12 {
				if _, err := w.Write([]byte(strings.Repeat("x=y\n", 1<<10))); err != nil {
					return
				}
			}
			t.Error("four megabytes were read to the end")
		},
		"/500": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"/429": func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Retry-After", "7"); w.WriteHeader(429) },
		"/cut": func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
		"/slow": func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-release:
			case <-r.Context().Done():
			}
		},
	} {
		mux.HandleFunc(path, f)
	}
	server := httptest.NewServer(mux)
	defer server.Close()
	defer close(release)

	for path, want := range map[string]string{
		"/redirect": "it redirects",
		"/empty":    "no password",
		"/html":     "no password",
		"/huge":     "longer than",
		"/500":      "500",
		"/429":      "429",
		"/cut":      "EOF",
		"/slow":     "deadline",
		"/404":      "404",
	} {
		t.Run(path[1:], func(t *testing.T) {
			a := newAuth(t, Options{URL: "https://forge.example/x.git", Settings: Settings{AskpassURL: secret.Text(server.URL + path + "?token=hunter2")}})
			ctx := t.Context()
			if path == "/slow" {
				var cancel context.CancelFunc
				ctx, cancel = context.WithTimeout(ctx, 50*time.Millisecond)
				defer cancel()
			}
			_, err := a.Refresh(ctx)
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Fatalf("got %v, want %q", err, want)
			}
			if strings.Contains(err.Error()+hint(err), "hunter2") {
				t.Errorf("the query is in the error: %v", err)
			}
			if hint(err) == "" || !strings.Contains(err.Error(), "--askpass-url") {
				t.Errorf("nothing to act on: %v, hint %q", err, hint(err))
			}
			if got := a.Report().AskpassCalls["error"]; got != 1 {
				t.Errorf("%d errors counted", got)
			}
			var e *delayed
			if path == "/429" && (!errors.As(err, &e) || e.RetryAfter() != 7*time.Second) {
				t.Errorf("Retry-After is lost: %+v", e)
			}
		})
	}
}

// newAuth makes an Auth whose executable is never run.
func newAuth(t testing.TB, o Options) *Auth {
	t.Helper()
	if o.Self == "" {
		o.Self = "/self"
	}
	if o.Learned == nil {
		o.Learned = func(string) {}
	}
	a := New(o)
	t.Cleanup(func() { a.Close() })
	return a
}

// hint gives an error's remedy.
func hint(err error) string {
	var h interface{ Hint() string }
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}
