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

	"git-sync/pkg/git"
	"git-sync/pkg/secret"
)

// TestProxyFor: which proxy a request takes.
func TestProxyFor(t *testing.T) {
	const p = "http://me:hunter2@proxy.example:3128"
	for _, c := range []struct {
		url    string
		env    []string
		config []git.KV
		want   bool
	}{
		{"http://h.example/", nil, nil, false},
		{"http://h.example/", []string{"http_proxy=" + p}, nil, true},
		{"http://h.example/", []string{"HTTP_PROXY=" + p}, nil, true},
		{"http://h.example/", []string{"HTTP_PROXY=" + strings.TrimPrefix(p, "http://")}, nil, true},
		{"http://h.example/", []string{"ALL_PROXY=" + p}, nil, true},
		{"http://h.example/", []string{"HTTPS_PROXY=" + p}, nil, false},
		{"https://h.example/", []string{"HTTPS_PROXY=" + p}, nil, true},
		{"https://h.example/", []string{"https_proxy=" + p, "NO_PROXY=.example"}, nil, false},
		{"https://h.example/", []string{"https_proxy=" + p, "no_proxy=other.example"}, nil, true},
		{"https://10.1.2.3/", []string{"https_proxy=" + p, "no_proxy=10.0.0.0/8"}, nil, false},
		{"https://h.example/", nil, []git.KV{{Key: "http.proxy", Value: p}}, true},
		{"http://localhost:9102/", []string{"http_proxy=" + p}, nil, false},
		{"http://127.0.0.1:9102/", []string{"http_proxy=" + p}, nil, false},
	} {
		u, err := url.Parse(c.url)
		if err != nil {
			t.Fatal(err)
		}
		got, err := NewTransport(c.env, c.config).proxy(u)
		if err != nil || (got != nil) != c.want || got != nil && got.String() != p {
			t.Errorf("%s, %q, %v: %v, %v", c.url, c.env, c.config, got, err)
		}
	}
}

// TestProxy asks for a password by way of a real proxy that wants one itself.
func TestProxy(t *testing.T) {
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Proxy-Authorization") == "" || r.URL.Host != "askpass.example" {
			w.WriteHeader(http.StatusProxyAuthRequired)
			return
		}
		fmt.Fprint(w, "password=by-proxy")
	}))
	defer proxy.Close()
	for name, address := range map[string]string{"by-proxy": strings.Replace(proxy.URL, "http://", "http://me:hunter2@", 1), "": proxy.URL} {
		a := newAuth(t, Options{URL: "https://h/x", Env: []string{"http_proxy=" + address}})
		_, pass, err := askURL(t.Context(), a.client, "http://askpass.example/")
		if pass != name || (err != nil) != (name == "") || err != nil && !strings.Contains(err.Error(), "407") {
			t.Errorf("%s: %q, %v", address, pass, err)
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
