package auth

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
)

// maxAnswer is the most that an --askpass-url may answer, in bytes. Tokens of cloud providers are
// a few kilobytes; what does not fit in an environment variable (128 KiB) would be of no use.
const maxAnswer = 64 << 10

// errRedirected stops the client at a redirect.
var errRedirected = errors.New("it redirects")

// askURL asks an --askpass-url for a user and a password.
func askURL(ctx context.Context, client *http.Client, raw string) (user, pass string, err error) {
	op := "asking " + bareURL(raw) + " for a credential (--askpass-url)"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, raw, nil)
	if err != nil {
		return "", "", failure(op, "not a URL", "give an http(s) URL as --askpass-url")
	}
	resp, err := client.Do(req)
	if err != nil {
		return "", "", transportError(op, err)
	}
	defer closeAfterReading(resp.Body)
	if resp.StatusCode != http.StatusOK {
		e := failure(op, "it answered "+resp.Status, "the service behind --askpass-url must answer 200 with username= and password= lines")
		e.After = retryAfter(resp.Header)
		return "", "", e
	}
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	if err != nil {
		return "", "", transportError(op, err)
	}
	if len(body) > maxAnswer {
		return "", "", failure(op, fmt.Sprintf("its answer is longer than %d bytes", maxAnswer), "is --askpass-url the URL of a web page?")
	}
	user, pass, err = parseAnswer(body)
	if err != nil {
		return "", "", &Error{Op: op, Err: err, Advice: "the answer must hold lines username=NAME and password=SECRET"}
	}
	return user, pass, nil
}

// closeAfterReading closes what was only read: there is nothing to lose by an error.
func closeAfterReading(c io.Closer) {
	if err := c.Close(); err != nil {
		return
	}
}

// parseAnswer reads the lines username=... and password=...; others are ignored, and the last of
// equal ones wins.
func parseAnswer(body []byte) (user, pass string, err error) {
	lines := bufio.NewScanner(bytes.NewReader(body))
	lines.Buffer(nil, maxAnswer+1)
	for lines.Scan() {
		name, value, _ := strings.Cut(strings.TrimSuffix(lines.Text(), "\r"), "=")
		switch strings.TrimSpace(name) {
		case "username":
			user = value
		case "password":
			pass = value
		}
	}
	if pass == "" {
		return "", "", errors.New("it answered no password")
	}
	if err := usable(user, pass); err != nil {
		return "", "", err
	}
	return user, pass, nil
}

// usable refuses what git's askpass protocol cannot carry: the answer ends at the first line break.
func usable(user, pass string) error {
	if strings.ContainsAny(user, "\x00\r\n") {
		return errors.New("the user name holds a line break or a NUL")
	}
	if strings.ContainsAny(pass, "\x00\r\n") {
		return errors.New("the password holds a line break or a NUL")
	}
	return nil
}

// transportError names what went wrong between us and a server. The URL that net/http puts into
// its errors is left out: its query may be secret.
func transportError(op string, err error) *Error {
	advice := "check that the host can be reached from here, and the proxy variables"
	if u, ok := errors.AsType[*url.Error](err); ok {
		err = u.Err
	}
	switch {
	case errors.Is(err, errRedirected):
		advice = "give the URL that it redirects to; redirects are not followed with credentials"
	case errors.Is(err, context.DeadlineExceeded), isTimeout(err):
		advice = "the server takes too long; check it, or raise --sync-timeout"
	case isCertificateError(err):
		advice = "if the server has a private CA, name its certificate in GIT_SSL_CAINFO or SSL_CERT_FILE"
	}
	return &Error{Op: op, Err: err, Advice: advice}
}

// bareURL is a URL without its user, query and fragment.
func bareURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(not a URL)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
