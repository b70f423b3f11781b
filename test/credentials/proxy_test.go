package credentials

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"git-sync/test/gitserver"
)

// proxy is a forward proxy that wants a password, for http by absolute URLs and for https by CONNECT.
type proxy struct {
	*httptest.Server
	mu   sync.Mutex
	seen []string // hosts that it was asked for
}

func newProxy(t *testing.T) *proxy {
	t.Helper()
	p := &proxy{}
	p.Server = httptest.NewServer(p)
	t.Cleanup(p.Close)
	return p
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	want := &http.Request{Header: http.Header{}}
	want.SetBasicAuth("me", "s3cret-proxy")
	if r.Header.Get("Proxy-Authorization") != want.Header.Get("Authorization") {
		w.Header().Set("Proxy-Authenticate", `Basic realm="proxy"`)
		w.WriteHeader(http.StatusProxyAuthRequired)
		return
	}
	p.mu.Lock()
	p.seen = append(p.seen, r.Host)
	p.mu.Unlock()
	if r.Method == http.MethodConnect {
		p.tunnel(w, r)
		return
	}
	r.RequestURI, r.URL.Host = "", here(r.URL.Host)
	r.Header.Del("Proxy-Authorization")
	transport := &http.Transport{DisableKeepAlives: true}
	answer, err := transport.RoundTrip(r)
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer answer.Body.Close()
	maps.Copy(w.Header(), answer.Header)
	w.WriteHeader(answer.StatusCode)
	_, _ = io.Copy(w, answer.Body)
}

// tunnel passes bytes in both directions until one side ends.
func (p *proxy) tunnel(w http.ResponseWriter, r *http.Request) {
	up, err := net.Dial("tcp", here(r.Host))
	if err != nil {
		w.WriteHeader(http.StatusBadGateway)
		return
	}
	defer up.Close()
	w.WriteHeader(http.StatusOK)
	down, buffered, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer down.Close()
	go func() {
		_, _ = io.Copy(up, buffered)
		up.Close()
	}()
	_, _ = io.Copy(down, up)
}

// elsewhere is the URL of a server on this machine under a name that only the proxy knows: our own
// machine is reached without one. The certificates of httptest are good for it.
func elsewhere(url string) string { return strings.Replace(url, "127.0.0.1", "example.com", 1) }

// here is what the proxy makes of such a name.
func here(host string) string { return strings.Replace(host, "example.com", "127.0.0.1", 1) }

func (p *proxy) saw(url string) bool {
	_, host, _ := strings.Cut(url, "://")
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Contains(p.seen, host)
}

// TestProxies has git, the askpass URL and the webhook all behind one proxy, over http and https, with a
// private authority.
func TestProxies(t *testing.T) {
	t.Parallel()
	r := gitserver.NewRepo(t)
	r.Commit(map[string]string{"README": "one"})
	answer := http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "username=u\npassword=s3cret\n") })
	for scheme, servers := range map[string]struct {
		git           *gitserver.Server
		askpass, hook *httptest.Server
	}{
		"http":  {gitserver.HTTP(t, r), httptest.NewServer(answer), httptest.NewServer(answer)},
		"https": {gitserver.HTTPS(t, r), httptest.NewTLSServer(answer), httptest.NewTLSServer(answer)},
	} {
		t.Run(scheme, func(t *testing.T) {
			t.Parallel()
			defer servers.askpass.Close()
			defer servers.hook.Close()
			servers.git.Require(gitserver.Basic("u", "s3cret"))
			p := newProxy(t)
			env := []string{scheme + "_proxy=" + strings.Replace(p.URL, "http://", "http://me:s3cret-proxy@", 1)}
			if scheme == "https" {
				ca := filepath.Join(t.TempDir(), "ca.pem")
				put(t, ca, get(t, servers.git.CAFile)+certificate(servers.askpass.Certificate())+certificate(servers.hook.Certificate()), 0o444)
				env = append(env, "GIT_SSL_CAINFO="+ca)
			}
			g := start(t, env, "--repo="+servers.git.RepoURL(r), "--askpass-url="+elsewhere(servers.askpass.URL), "--webhook-url="+elsewhere(servers.hook.URL))
			g.publishes("one")
			g.Until("the webhook to be sent", func() bool { return p.saw(elsewhere(servers.hook.URL)) })
			if !p.saw(servers.git.URL) || !p.saw(elsewhere(servers.askpass.URL)) {
				t.Errorf("not by the proxy, which saw %v", p.seen)
			}
			g.Stop()
			g.searchEverywhere([]string{"s3cret"})

			p = newProxy(t)
			g = start(t, append(env, "no_proxy=127.0.0.1"), "--repo="+servers.git.RepoURL(r), "--askpass-url="+servers.askpass.URL)
			g.publishes("one")
			if p.saw(servers.git.URL) {
				t.Error("no_proxy is not obeyed")
			}
		})
	}
}

func certificate(c *x509.Certificate) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw}))
}
