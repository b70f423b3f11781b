package auth

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"git-sync/pkg/git"
)

// Transport is an http.RoundTripper that reaches the same servers as git would: by the proxies of
// HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY (either case) and of git's http.proxy, trusting
// besides the system's authorities the private ones of GIT_SSL_CAINFO, GIT_SSL_CAPATH, SSL_CERT_FILE,
// SSL_CERT_DIR and of git's http.sslCAInfo and http.sslCAPath. Our own machine is reached directly.
// The certificates are read for each request; no connection is kept. Safe for concurrent use.
type Transport struct {
	env    func(string) string
	config map[string]string
}

// NewTransport takes the environment and the extra git configuration to look at; neither is read
// from the process.
func NewTransport(environ []string, config []git.KV) *Transport {
	t := &Transport{env: lookup(environ), config: map[string]string{}}
	for _, kv := range config {
		t.config[strings.ToLower(kv.Key)] = kv.Value
	}
	return t
}

// RoundTrip sends one request.
func (t *Transport) RoundTrip(req *http.Request) (*http.Response, error) {
	pool, err := t.authorities()
	if err != nil {
		return nil, err
	}
	inner := &http.Transport{
		Proxy:                  func(r *http.Request) (*url.URL, error) { return t.proxy(r.URL) },
		DialContext:            (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    15 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableKeepAlives:      true,
	}
	return inner.RoundTrip(req)
}

// authorities gives the system's certificates and the private ones; nil means the system's.
func (t *Transport) authorities() (*x509.CertPool, error) {
	files := []string{t.env("GIT_SSL_CAINFO"), t.env("SSL_CERT_FILE"), t.config["http.sslcainfo"]}
	for _, list := range []string{t.env("GIT_SSL_CAPATH"), t.env("SSL_CERT_DIR"), t.config["http.sslcapath"]} {
		for _, dir := range filepath.SplitList(list) {
			names, _ := filepath.Glob(filepath.Join(dir, "*")) // a bad pattern names nothing
			files = append(files, names...)
		}
	}
	files = slices.DeleteFunc(files, func(f string) bool {
		info, err := os.Stat(f)
		return f == "" || err == nil && info.IsDir()
	})
	if len(files) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // an image need not have any
	}
	for _, f := range files {
		pem, err := os.ReadFile(f)
		if err != nil {
			return nil, fmt.Errorf("reading CA certificates: %w", err)
		}
		pool.AppendCertsFromPEM(pem)
	}
	return pool, nil
}

// proxy chooses the proxy for a URL; nil for none.
func (t *Transport) proxy(u *url.URL) (*url.URL, error) {
	all := cmp.Or(t.config["http.proxy"], t.either("ALL_PROXY"))
	c := httpproxy.Config{
		HTTPProxy:  cmp.Or(t.config["http.proxy"], t.either("HTTP_PROXY"), all),
		HTTPSProxy: cmp.Or(t.config["http.proxy"], t.either("HTTPS_PROXY"), all),
		NoProxy:    t.either("NO_PROXY"),
	}
	p, err := c.ProxyFunc()(u)
	if err != nil {
		return nil, errors.New("the proxy's address is not a URL") // which may hold a password
	}
	return p, nil
}

// either reads a variable by its lower-case name, then by its upper-case one.
func (t *Transport) either(name string) string {
	return cmp.Or(t.env(strings.ToLower(name)), t.env(name))
}

// retryAfter reads a server's wish to be left alone: seconds or a date (RFC 9110, section 10.2.3).
func retryAfter(h http.Header) time.Duration {
	v := h.Get("Retry-After")
	if s, err := strconv.Atoi(v); err == nil && s > 0 {
		return time.Duration(min(s, 24*60*60)) * time.Second
	}
	if at, err := http.ParseTime(v); err == nil {
		return max(time.Until(at), 0)
	}
	return 0
}

// isTimeout reports whether err is a deadline of the network's.
func isTimeout(err error) bool {
	n, ok := errors.AsType[net.Error](err)
	return ok && n.Timeout()
}

// isCertificateError reports whether a TLS peer could not be verified.
func isCertificateError(err error) bool {
	_, ok := errors.AsType[*tls.CertificateVerificationError](err)
	return ok
}
