package auth

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"git-sync/pkg/secret"
)

// GitHubApp says how to obtain installation tokens. The zero value means: no GitHub App.
type GitHubApp struct {
	// BaseURL is the API's; "" is DefaultGitHubURL. GitHub Enterprise: https://HOST/api/v3/.
	BaseURL string
	// PrivateKeyFile holds the App's RSA key in PEM, PKCS #1 or #8. It is read for each sync.
	PrivateKeyFile string
	// PrivateKey is the key itself, used when there is no file.
	PrivateKey secret.Text
	// ClientID or ApplicationID names the App; ClientID wins, as GitHub recommends it.
	ClientID      string
	ApplicationID int64
	// InstallationID names the installation, that is: whose repositories.
	InstallationID int64
}

// DefaultGitHubURL is github.com's API.
const DefaultGitHubURL = "https://api.github.com/"

// GitHub's rules, from "Generating a JSON Web Token (JWT) for a GitHub App" and "Generating an
// installation access token": the JWT lives ten minutes at most, its issue time should lie a minute
// back for clocks that differ, and the token's user name is x-access-token.
const (
	assertionLife  = 9 * time.Minute
	assertionDrift = time.Minute
	tokenUser      = "x-access-token"
	// tokenMargin is how long a token must still be good for, so that it does not expire within a
	// sync; tokens live an hour. Of shorter-lived ones, a quarter.
	tokenMargin = 5 * time.Minute
	// maxTokenAnswer is the most we read of the endpoint's answer, in bytes; it is 1 to 20 KB, and
	// grows with the number of repositories chosen.
	maxTokenAnswer = 4 << 20
)

// enabled reports whether an App is configured.
func (g GitHubApp) enabled() bool {
	return g.PrivateKeyFile != "" || g.PrivateKey != ""
}

// issuer is the JWT's "iss".
func (g GitHubApp) issuer() string {
	return cmp.Or(g.ClientID, strconv.FormatInt(g.ApplicationID, 10))
}

// endpoint is where installation tokens are made.
func (g GitHubApp) endpoint() string {
	return fmt.Sprintf("%s/app/installations/%d/access_tokens", strings.TrimRight(cmp.Or(g.BaseURL, DefaultGitHubURL), "/"), g.InstallationID)
}

// keyName is how messages call the place the private key comes from.
func (g GitHubApp) keyName() string {
	return cmp.Or(g.PrivateKeyFile, "$GITSYNC_GITHUB_APP_PRIVATE_KEY")
}

// readKey gives the key in PEM.
func (g GitHubApp) readKey() ([]byte, error) {
	if g.PrivateKeyFile == "" {
		text := g.PrivateKey.Reveal()
		if !strings.Contains(text, "\n") {
			text = strings.ReplaceAll(text, `\n`, "\n") // as .env files and CI systems carry it
		}
		return []byte(text), nil
	}
	pem, err := readSecret(g.PrivateKeyFile)
	if err != nil {
		return nil, fileError("GitHub App private key", g.PrivateKeyFile, err)
	}
	return pem, nil
}

// token is an installation token and its life.
type token struct {
	secret  string
	minted  time.Time
	expires time.Time
	key     []byte // the PEM it was minted with: another key means another token
}

// usable reports whether the token will outlast a sync begun now, and was made with this key.
func (t token) usable(now time.Time, key []byte) bool {
	margin := min(tokenMargin, t.expires.Sub(t.minted)/4)
	return t.secret != "" && now.Add(margin).Before(t.expires) && bytes.Equal(t.key, key)
}

// mint asks GitHub for a token.
func (g GitHubApp) mint(ctx context.Context, client *http.Client, pem []byte) (token, error) {
	now := time.Now()
	assertion, err := g.assertion(now, pem)
	if err != nil {
		return token{}, err
	}
	op := "asking " + bareURL(g.endpoint()) + " for an installation token"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.endpoint(), http.NoBody)
	if err != nil {
		return token{}, failure(op, "not a URL", "check --github-base-url")
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("Authorization", "Bearer "+assertion)
	req.Header.Set("User-Agent", "git-sync")
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	resp, err := client.Do(req)
	if err != nil {
		return token{}, transportError(op, err)
	}
	defer closeAfterReading(resp.Body)
	if resp.StatusCode != http.StatusCreated {
		return token{}, g.refused(op, resp, now)
	}
	secret, expires, err := readToken(resp.Body)
	if err != nil {
		return token{}, failure(op, err.Error(), "check --github-base-url")
	}
	return token{secret: secret, minted: now, expires: expires, key: pem}, nil
}

// readToken reads GitHub's answer. Its errors quote nothing of it.
func readToken(body io.Reader) (secret string, expires time.Time, err error) {
	var answer struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	if json.NewDecoder(io.LimitReader(body, maxTokenAnswer)).Decode(&answer) != nil {
		return "", time.Time{}, errors.New("its answer is not the JSON of an installation token")
	}
	if answer.Token == "" || usable("", answer.Token) != nil || answer.ExpiresAt.IsZero() {
		return "", time.Time{}, errors.New("its answer holds no token, or no expiry")
	}
	return answer.Token, answer.ExpiresAt, nil
}

// assertion is the signed JWT by which the App says who it is.
func (g GitHubApp) assertion(now time.Time, pem []byte) (string, error) {
	key, err := parseRSA(pem)
	if err != nil {
		return "", &Error{
			Op: "reading the GitHub App private key " + g.keyName(), Err: err,
			Advice: "use the .pem file that GitHub gave when the key was generated in the App's settings",
		}
	}
	claims := jwt.RegisteredClaims{
		Issuer:    g.issuer(),
		IssuedAt:  jwt.NewNumericDate(now.Add(-assertionDrift)),
		ExpiresAt: jwt.NewNumericDate(now.Add(assertionLife)),
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(key)
	if err != nil {
		return "", &Error{Op: "signing with the GitHub App private key " + g.keyName(), Err: err}
	}
	return signed, nil
}

// parseRSA reads an RSA key in PEM. Errors say what is there instead, never what it holds.
func parseRSA(pem []byte) (*rsa.PrivateKey, error) {
	switch {
	case len(bytes.TrimSpace(pem)) == 0:
		return nil, errors.New("it is empty")
	case bytes.Contains(pem, []byte("ENCRYPTED")):
		return nil, errors.New("it is encrypted with a passphrase")
	}
	key, err := jwt.ParseRSAPrivateKeyFromPEM(pem)
	if err != nil {
		return nil, errors.New("it is not an RSA private key in PEM (PKCS #1 or PKCS #8)")
	}
	return key, nil
}

// refused tells GitHub's refusals apart.
func (g GitHubApp) refused(op string, resp *http.Response, now time.Time) error {
	e := &Error{Op: op, After: retryAfter(resp.Header)}
	var answer struct{ Message string }
	cause := "it answered " + resp.Status
	if json.NewDecoder(io.LimitReader(resp.Body, maxAnswer)).Decode(&answer) == nil && answer.Message != "" {
		cause += fmt.Sprintf(" (%.200s)", strings.Join(strings.Fields(answer.Message), " "))
	}
	e.Err = errors.New(cause)
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		e.Advice = fmt.Sprintf("the private key %s is not (or no longer) one of App %s, or this machine's clock is wrong: it says %s",
			g.keyName(), g.issuer(), now.UTC().Format(time.RFC3339))
	case http.StatusNotFound:
		e.Advice = fmt.Sprintf("App %s has no installation %d: check --github-app-installation-id, and --github-base-url for GitHub Enterprise", g.issuer(), g.InstallationID)
	case http.StatusForbidden, http.StatusTooManyRequests:
		e.Advice = "the installation may be suspended, or the App is asking too often"
		if e.After == 0 {
			e.After = resetAfter(resp.Header, now)
		}
	default:
		e.Advice = "check https://www.githubstatus.com, or the log of GitHub Enterprise"
	}
	return e
}

// resetAfter reads GitHub's X-RateLimit-Reset (seconds since 1970) when nothing remains.
func resetAfter(h http.Header, now time.Time) time.Duration {
	at, err := strconv.ParseInt(h.Get("X-RateLimit-Reset"), 10, 64)
	if err != nil || h.Get("X-RateLimit-Remaining") != "0" {
		return 0
	}
	return max(time.Unix(at, 0).Sub(now), 0)
}
