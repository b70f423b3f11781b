package auth

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"git-sync/pkg/git"
)

// maxAnswer limits the answer of an --askpass-url, in bytes. Tokens of cloud providers are a few kilobytes. An answer
// that does not fit in an environment variable (128 KiB) could not be used.
const maxAnswer = 64 << 10

// askURL gets a user and a password from an --askpass-url.
func askURL(ctx context.Context, client *http.Client, raw string) (user, pass string, err error) {
	op := "asking " + bareURL(raw) + " for a credential (--askpass-url)"
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, raw, nil)
	if err != nil {
		return "", "", failure(op, errors.New("not a URL"), "give an http(s) URL as --askpass-url")
	}
	resp, err := send(client, op, req)
	if err != nil {
		return "", "", err
	}
	if resp.StatusCode != http.StatusOK {
		err = failure(op, errors.New("it answered "+resp.Status), "the service behind --askpass-url must answer 200 with username= and password= lines")
		return "", "", &delayed{err, git.RetryAfter(resp.Header, time.Now())}
	}
	if len(resp.content) > maxAnswer {
		return "", "", failure(op, fmt.Errorf("its answer is longer than %d bytes", maxAnswer), "is --askpass-url the URL of a web page?")
	}
	user, pass, err = parseAnswer(resp.content)
	if err != nil {
		return "", "", failure(op, err, "the answer must hold lines username=NAME and password=SECRET")
	}
	return user, pass, nil
}

// closeAfterReading closes a file that was only read. An error would not matter.
func closeAfterReading(c io.Closer) { _ = c.Close() }

// parseAnswer parses the lines username=... and password=... It ignores other lines.
func parseAnswer(body []byte) (user, pass string, err error) {
	answer := attributes(string(body))
	user, pass = answer["username"], answer["password"]
	if pass == "" {
		return "", "", errors.New("it answered no password")
	}
	if err := usable(user, pass); err != nil {
		return "", "", err
	}
	return user, pass, nil
}

// usable rejects what git's askpass protocol does not support: an answer ends at the first line break.
func usable(user, pass string) error {
	if strings.ContainsAny(user, "\x00\r\n") {
		return errors.New("the user name holds a line break or a NUL")
	}
	if strings.ContainsAny(pass, "\x00\r\n") {
		return errors.New("the password holds a line break or a NUL")
	}
	return nil
}

// bareURL returns a URL without its user, query and fragment.
func bareURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil {
		return "(not a URL)"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path}).String()
}
