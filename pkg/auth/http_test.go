package auth

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"git-sync/pkg/git"
	"git-sync/pkg/secret"
)

func TestBypassed(t *testing.T) {
	for _, c := range []struct {
		list, url string
		want      bool
	}{
		{"", "https://h.example/", false},
		{"*", "https://h.example/", true},
		{"h.example", "https://h.example/", true},
		{"H.Example", "https://h.EXAMPLE./", true},
		{"example", "https://h.example/", true},
		{".example", "https://h.example/", true},
		{"*.example", "https://h.example/", true},
		{"ample", "https://h.example/", false},
		{"a.example, h.example", "https://h.example/", true},
		{"h.example:443", "https://h.example/", true},
		{"h.example:8443", "https://h.example/", false},
		{"h.example:8443", "https://h.example:8443/", true},
		{"10.0.0.0/8", "http://10.1.2.3/", true},
		{"10.0.0.0/8", "http://11.1.2.3/", false},
		{"127.0.0.1", "http://127.0.0.1:99/", true},
		{"::1", "http://[::1]:99/", true},
		{"[::1]:99", "http://[::1]:99/", true},
		{"0.0.1", "http://127.0.0.1/", false},
		{" , ,", "http://h/", false},
	} {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		if got := bypassed(u, c.list); got != c.want {
			t.Errorf("NO_PROXY=%q, %s: %v", c.list, c.url, got)
		}
	}
}

// TestProxy sends requests through a real proxy that wants a password, found by each variable.
func TestProxy(t *testing.T) {
	proxied := 0
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") == "" || r.URL.Host == "" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		proxied++
		fmt.Fprint(w, "password=by-proxy")
	}))
	defer proxy.Close()
	direct := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "password=direct") }))
	defer direct.Close()
	address := strings.Replace(proxy.URL, "http://", "http://me:hunter2@", 1)

	for _, c := range []struct {
		env    []string
		config []git.KV
		want   string
	}{
		{nil, nil, "direct"},
		{[]string{"http_proxy=" + address}, nil, "by-proxy"},
		{[]string{"HTTP_PROXY=" + address}, nil, "by-proxy"},
		{[]string{"HTTP_PROXY=" + strings.TrimPrefix(address, "http://")}, nil, "by-proxy"},
		{[]string{"ALL_PROXY=" + address}, nil, "by-proxy"},
		{[]string{"HTTPS_PROXY=" + address}, nil, "direct"},
		{[]string{"http_proxy=" + address, "no_proxy=127.0.0.0/8"}, nil, "direct"},
		{[]string{"http_proxy=" + address, "NO_PROXY=elsewhere"}, nil, "by-proxy"},
		{nil, []git.KV{{Key: "http.proxy", Value: address}}, "by-proxy"},
	} {
		a := newAuth(t, Options{URL: "https://h/x", Env: c.env, GitConfig: c.config, Settings: Settings{AskpassURL: secret.Text(direct.URL)}})
		_, pass, err := askURL(t.Context(), a.client, direct.URL)
		if err != nil || pass != c.want {
			t.Errorf("%v %v: got %q %v", c.env, c.config, pass, err)
		}
	}
	if proxied == 0 {
		t.Error("the proxy saw nothing")
	}
	for _, broken := range []string{"http://me:hunter2@127.0.0.1:1", "http://me:hunter2@%zz", "://me:hunter2"} {
		a := newAuth(t, Options{URL: "https://h/x", Env: []string{"http_proxy=" + broken}, Settings: Settings{AskpassURL: secret.Text(direct.URL)}})
		if _, _, err := askURL(t.Context(), a.client, direct.URL); err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", broken, err)
		}
	}
}

// TestPrivateAuthority reaches a server whose certificate only a file vouches for; the file may come later.
func TestPrivateAuthority(t *testing.T) {
	server := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "password=p") }))
	defer server.Close()
	dir := t.TempDir()
	file := filepath.Join(dir, "ca.pem")
	ca := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	write(t, file, ca, 0o444)

	for name, o := range map[string]Options{
		"GIT_SSL_CAINFO": {Env: []string{"GIT_SSL_CAINFO=" + file}},
		"GIT_SSL_CAPATH": {Env: []string{"GIT_SSL_CAPATH=" + dir}},
		"SSL_CERT_FILE":  {Env: []string{"SSL_CERT_FILE=" + file}},
		"SSL_CERT_DIR":   {Env: []string{"SSL_CERT_DIR=/nonexistent:" + dir}},
		"http.sslCAInfo": {GitConfig: []git.KV{{Key: "http.sslCAInfo", Value: file}}},
		"HTTP.sslcapath": {GitConfig: []git.KV{{Key: "HTTP.sslcapath", Value: dir}}},
	} {
		o.URL, o.AskpassURL = "https://h/x", secret.Text(server.URL)
		if _, err := newAuth(t, o).Refresh(t.Context()); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := newAuth(t, Options{URL: "https://h/x", Settings: Settings{AskpassURL: secret.Text(server.URL)}}).Refresh(t.Context())
	if err == nil || !strings.Contains(hint(err), "GIT_SSL_CAINFO") {
		t.Errorf("trusted without: %v, hint %q", err, hint(err))
	}

	// A rotated authority needs no restart.
	other := httptest.NewTLSServer(http.NotFoundHandler())
	other.Close()
	write(t, file, []byte("# nothing yet\n"), 0o444)
	a := newAuth(t, Options{URL: "https://h/x", Env: []string{"GIT_SSL_CAINFO=" + file}, Settings: Settings{AskpassURL: secret.Text(server.URL)}})
	if _, err := a.Refresh(t.Context()); err == nil {
		t.Error("trusted before its time")
	}
	write(t, file, ca, 0o444)
	if _, err := a.Refresh(t.Context()); err != nil {
		t.Errorf("after rotation: %v", err)
	}
	a = newAuth(t, Options{URL: "https://h/x", Env: []string{"GIT_SSL_CAINFO=" + file + ".missing"}, Settings: Settings{AskpassURL: secret.Text(server.URL)}})
	if _, err := a.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), ".missing") {
		t.Errorf("missing: %v", err)
	}
}

func TestRetryAfter(t *testing.T) {
	for v, want := range map[string]time.Duration{"": 0, "x": 0, "-3": 0, "120": 2 * time.Minute, "999999999": 24 * time.Hour} {
		if got := retryAfter(http.Header{"Retry-After": {v}}); got != want {
			t.Errorf("%q: %v", v, got)
		}
	}
	at := time.Now().Add(time.Minute).UTC().Format(http.TimeFormat)
	if got := retryAfter(http.Header{"Retry-After": {at}}); got < 50*time.Second || got > time.Minute {
		t.Errorf("%q: %v", at, got)
	}
}
