package auth

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"git-sync/pkg/git"
)

// Transport is an http.RoundTripper that reaches the same servers as git would: by the proxies of
// HTTPS_PROXY, HTTP_PROXY, ALL_PROXY and NO_PROXY (either case) and of git's http.proxy, trusting
// besides the system's authorities the private ones of GIT_SSL_CAINFO, GIT_SSL_CAPATH, SSL_CERT_FILE,
// SSL_CERT_DIR and of git's http.sslCAInfo and http.sslCAPath. Loopback addresses are proxied like
// any other, as curl does. The certificates are read again when their files have changed. It keeps
// no connections open. Safe for concurrent use.
type Transport struct {
	env    func(string) string
	config map[string]string

	mu      sync.Mutex
	seen    string // the certificate files' state when current was made
	current *http.Transport
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
	inner, err := t.inner()
	if err != nil {
		return nil, err
	}
	return inner.RoundTrip(req)
}

// inner makes a new http.Transport when a certificate file has changed.
func (t *Transport) inner() (*http.Transport, error) {
	files := t.authorityFiles()
	seen := stateOf(files)
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.current != nil && t.seen == seen {
		return t.current, nil
	}
	pool, err := authorities(files)
	if err != nil {
		return nil, err
	}
	t.current = &http.Transport{
		Proxy:                  t.proxy,
		DialContext:            (&net.Dialer{Timeout: 30 * time.Second}).DialContext,
		TLSClientConfig:        &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout:    15 * time.Second,
		MaxResponseHeaderBytes: 64 << 10,
		DisableKeepAlives:      true,
	}
	t.seen = seen
	return t.current, nil
}

// authorityFiles lists the files that hold private authorities.
func (t *Transport) authorityFiles() []string {
	var files []string
	for _, f := range []string{t.env("GIT_SSL_CAINFO"), t.env("SSL_CERT_FILE"), t.config["http.sslcainfo"]} {
		if f != "" {
			files = append(files, f)
		}
	}
	for _, list := range []string{t.env("GIT_SSL_CAPATH"), t.env("SSL_CERT_DIR"), t.config["http.sslcapath"]} {
		for _, dir := range filepath.SplitList(list) {
			names, err := filepath.Glob(filepath.Join(dir, "*"))
			if err == nil {
				files = append(files, names...)
			}
		}
	}
	return files
}

// stateOf changes whenever one of the files is replaced.
func stateOf(files []string) string {
	states := make([]string, 0, len(files))
	for _, f := range files {
		if fi, err := os.Stat(f); err == nil {
			states = append(states, fmt.Sprintf("%s %d %d", f, fi.Size(), fi.ModTime().UnixNano()))
		}
	}
	return strings.Join(states, "\n")
}

// authorities gives the system's certificates and those of files; nil means the system's.
func authorities(files []string) (*x509.CertPool, error) {
	if len(files) == 0 {
		return nil, nil
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		pool = x509.NewCertPool() // an image without any is none of our business
	}
	for _, f := range files {
		pem, err := os.ReadFile(f)
		if err != nil {
			if fi, statErr := os.Stat(f); statErr == nil && fi.IsDir() {
				continue
			}
			return nil, fmt.Errorf("reading CA certificates: %w", err)
		}
		pool.AppendCertsFromPEM(pem)
	}
	return pool, nil
}

// proxy chooses the proxy for a request; nil for none.
func (t *Transport) proxy(req *http.Request) (*url.URL, error) {
	if bypassed(req.URL, t.either("NO_PROXY")) {
		return nil, nil
	}
	value := t.config["http.proxy"]
	if value == "" {
		value = t.either(strings.ToUpper(req.URL.Scheme) + "_PROXY")
	}
	if value == "" {
		value = t.either("ALL_PROXY")
	}
	if value == "" {
		return nil, nil
	}
	if !strings.Contains(value, "://") {
		value = "http://" + value
	}
	u, err := url.Parse(value)
	if err != nil || u.Host == "" {
		return nil, errors.New("the proxy's address is not a URL") // which it holds, may be secret
	}
	return u, nil
}

// either reads a variable by its lower-case name, then by its upper-case one, as curl does.
func (t *Transport) either(name string) string {
	if v := t.env(strings.ToLower(name)); v != "" {
		return v
	}
	return t.env(name)
}

// bypassed reports whether NO_PROXY names the URL's host: as "*", by name or a parent domain's name
// (with or without a leading dot or "*."), as an address or CIDR block, with or without a port.
func bypassed(u *url.URL, list string) bool {
	host := strings.ToLower(strings.TrimSuffix(u.Hostname(), "."))
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	for _, item := range strings.FieldsFunc(strings.ToLower(list), func(r rune) bool { return r == ',' || r == ' ' }) {
		if item == "*" {
			return true
		}
		if h, p, err := net.SplitHostPort(item); err == nil {
			if p != port {
				continue
			}
			item = h
		}
		if names(item, host) {
			return true
		}
	}
	return false
}

// names reports whether one item of NO_PROXY stands for host.
func names(item, host string) bool {
	if addr, err := netip.ParseAddr(host); err == nil {
		if block, err := netip.ParsePrefix(item); err == nil {
			return block.Contains(addr)
		}
		one, err := netip.ParseAddr(strings.Trim(item, "[]"))
		return err == nil && one == addr
	}
	item = strings.TrimPrefix(strings.TrimPrefix(item, "*"), ".")
	return item != "" && (host == item || strings.HasSuffix(host, "."+item))
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
