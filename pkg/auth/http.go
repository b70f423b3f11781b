package auth

import (
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/http/httpproxy"

	"git-sync/pkg/git"
	"git-sync/pkg/proc"
)

// Transport is an http.RoundTripper that reaches the same servers as git would. It uses the proxies of HTTPS_PROXY,
// HTTP_PROXY, ALL_PROXY and NO_PROXY (upper or lower case) and of git's http.proxy. Besides the system's authorities,
// it trusts those of GIT_SSL_CAINFO, GIT_SSL_CAPATH, SSL_CERT_FILE, SSL_CERT_DIR and of git's http.sslCAInfo and
// http.sslCAPath. It uses no proxy for the local machine. It reads the certificates for each request, and keeps no
// connections. Safe for concurrent use.
type Transport struct {
	environ []string
	config  map[string]string
}

// NewTransport takes the environment and the additional git configuration. It does not read those of the process.
func NewTransport(environ []string, config []git.KV) *Transport {
	t := &Transport{environ: environ, config: map[string]string{}}
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

// authorities returns the system's certificates together with the private ones; nil means only the system's.
func (t *Transport) authorities() (*x509.CertPool, error) {
	files := []string{t.env("GIT_SSL_CAINFO"), t.env("SSL_CERT_FILE"), t.config["http.sslcainfo"]}
	for _, list := range []string{t.env("GIT_SSL_CAPATH"), t.env("SSL_CERT_DIR"), t.config["http.sslcapath"]} {
		for _, dir := range filepath.SplitList(list) {
			names, _ := filepath.Glob(filepath.Join(dir, "*")) // a bad pattern matches nothing
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
		pool = x509.NewCertPool() // an image may not have any
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

// proxy returns the proxy for a URL; nil for none.
func (t *Transport) proxy(u *url.URL) (*url.URL, error) {
	all := cmp.Or(t.config["http.proxy"], t.either("ALL_PROXY"))
	c := httpproxy.Config{
		HTTPProxy:  cmp.Or(t.config["http.proxy"], t.either("HTTP_PROXY"), all),
		HTTPSProxy: cmp.Or(t.config["http.proxy"], t.either("HTTPS_PROXY"), all),
		NoProxy:    t.either("NO_PROXY"),
	}
	p, err := c.ProxyFunc()(u)
	if err != nil {
		return nil, errors.New("the proxy's address is not a URL") // the address may contain a password
	}
	return p, nil
}

// env returns a variable.
func (t *Transport) env(name string) string { return proc.Getenv(t.environ, name) }

// either returns a variable by its lower-case name, or else by its upper-case name.
func (t *Transport) either(name string) string {
	return cmp.Or(t.env(strings.ToLower(name)), t.env(name))
}

// errRedirected makes the client stop at a redirect.
var errRedirected = errors.New("it redirects")

// maxBody limits how much of a response is read, in bytes. The largest are GitHub's, with 1 to 20 KB, which grow with
// the number of selected repositories.
const maxBody = 4 << 20

// response is a server's response with its content.
type response struct {
	*http.Response
	content []byte
}

// send sends one of our own requests and reads the response. The error does not contain the URL that net/http adds to
// its errors, because its query may be secret.
func send(client *http.Client, op string, req *http.Request) (response, error) {
	resp, err := client.Do(req)
	if err == nil {
		defer closeAfterReading(resp.Body)
		body, readErr := io.ReadAll(io.LimitReader(resp.Body, maxBody))
		if readErr == nil {
			return response{resp, body}, nil
		}
		err = readErr
	}
	advice := "check that the host can be reached from here, and the proxy variables"
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	_, distrusted := errors.AsType[*tls.CertificateVerificationError](err)
	timeout, isNetwork := errors.AsType[net.Error](err)
	switch {
	case errors.Is(err, errRedirected):
		advice = "give the URL that it redirects to; redirects are not followed with credentials"
	case errors.Is(err, context.DeadlineExceeded), isNetwork && timeout.Timeout():
		advice = "the server takes too long; check it, or raise --sync-timeout"
	case distrusted:
		advice = "if the server has a private CA, name its certificate in GIT_SSL_CAINFO or SSL_CERT_FILE"
	}
	return response{}, failure(op, err, advice)
}
