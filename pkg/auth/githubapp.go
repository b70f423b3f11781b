package auth

import (
	"bytes"
	"cmp"
	"context"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"git-sync/pkg/git"
	"git-sync/pkg/secret"
)

// GitHubApp says how to get installation tokens. The zero value means that there is no GitHub App.
type GitHubApp struct {
	// BaseURL is the URL of the API; "" means DefaultGitHubURL. GitHub Enterprise: https://HOST/api/v3/.
	BaseURL string
	// PrivateKeyFile has the App's RSA key in PEM, PKCS #1 or #8. It is read for each sync.
	PrivateKeyFile string
	// PrivateKey is the key itself, used if there is no file.
	PrivateKey secret.Text
	// ClientID or ApplicationID identifies the App. GitHub recommends ClientID, so it has priority.
	ClientID      string
	ApplicationID int64
	// InstallationID identifies the installation: whose repositories the App may read.
	InstallationID int64
}

// DefaultGitHubURL is the API of github.com.
const DefaultGitHubURL = "https://api.github.com/"

// GitHub's rules, from "Generating a JSON Web Token (JWT) for a GitHub App" and "Generating an installation access
// token": the JWT is valid for ten minutes at most, its issue time should be a minute in the past in case clocks
// differ, and the token's user name is x-access-token.
const (
	assertionLife  = 9 * time.Minute
	assertionDrift = time.Minute
	tokenUser      = "x-access-token"
	// tokenMargin is how long a token must still be valid, so that it does not expire during a sync. Tokens are valid
	// for an hour. For shorter-lived ones, the margin is a quarter of that.
	tokenMargin = 5 * time.Minute
)

// enabled reports whether an App is configured.
func (g GitHubApp) enabled() bool {
	return g.PrivateKeyFile != "" || g.PrivateKey != ""
}

// issuer returns the "iss" of the JWT.
func (g GitHubApp) issuer() string {
	return cmp.Or(g.ClientID, strconv.FormatInt(g.ApplicationID, 10))
}

// endpoint returns the URL that creates installation tokens.
func (g GitHubApp) endpoint() string {
	return fmt.Sprintf("%s/app/installations/%d/access_tokens", strings.TrimRight(cmp.Or(g.BaseURL, DefaultGitHubURL), "/"), g.InstallationID)
}

// keyName returns the source of the private key, for messages.
func (g GitHubApp) keyName() string {
	return cmp.Or(g.PrivateKeyFile, "$GITSYNC_GITHUB_APP_PRIVATE_KEY")
}

// readKey returns the key in PEM.
func (g GitHubApp) readKey() ([]byte, error) {
	if g.PrivateKeyFile == "" {
		text := g.PrivateKey.Reveal()
		if !strings.Contains(text, "\n") {
			text = strings.ReplaceAll(text, `\n`, "\n") // the format in .env files and CI systems
		}
		return []byte(text), nil
	}
	pem, err := readSecret(g.PrivateKeyFile)
	if err != nil {
		return nil, fileError("GitHub App private key", g.PrivateKeyFile, err)
	}
	return pem, nil
}

// token is an installation token and its lifetime.
type token struct {
	secret  string
	minted  time.Time
	expires time.Time
	key     []byte // the PEM of the key: another key needs another token
}

// usable reports whether the token is valid for a sync that starts now, and was made with this key.
func (t token) usable(now time.Time, key []byte) bool {
	margin := min(tokenMargin, t.expires.Sub(t.minted)/4)
	return t.secret != "" && now.Add(margin).Before(t.expires) && bytes.Equal(t.key, key)
}

// mint requests a token from GitHub.
func (g GitHubApp) mint(ctx context.Context, client *http.Client, pem []byte) (token, error) {
	now := time.Now()
	assertion, err := g.assertion(now, pem)
	if err != nil {
		return token{}, err
	}
	op := "asking " + bareURL(g.endpoint()) + " for an installation token"
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, g.endpoint(), http.NoBody)
	if err != nil {
		return token{}, failure(op, errors.New("not a URL"), "check --github-base-url")
	}
	req.Header.Set("Accept", "application/vnd.github+json")
	req.Header.Set("Authorization", "Bearer "+assertion)
	req.Header.Set("User-Agent", "git-sync")
	req.Header.Set("X-GitHub-Api-Version", "2022-11-28")
	resp, err := send(client, op, req)
	if err != nil {
		return token{}, err
	}
	if resp.StatusCode != http.StatusCreated {
		return token{}, g.refused(op, resp, now)
	}
	secret, expires, err := readToken(resp.content)
	if err != nil {
		return token{}, failure(op, err, "check --github-base-url")
	}
	return token{secret: secret, minted: now, expires: expires, key: pem}, nil
}

// readToken parses GitHub's response. Its errors do not quote it.
func readToken(body []byte) (secret string, expires time.Time, err error) {
	var answer struct {
		Token     string    `json:"token"`
		ExpiresAt time.Time `json:"expires_at"`
	}
	if json.Unmarshal(body, &answer) != nil {
		return "", time.Time{}, errors.New("its answer is not the JSON of an installation token")
	}
	if answer.Token == "" || usable("", answer.Token) != nil || answer.ExpiresAt.IsZero() {
		return "", time.Time{}, errors.New("its answer holds no token, or no expiry")
	}
	return answer.Token, answer.ExpiresAt, nil
}

// assertion returns the signed JWT that identifies the App.
func (g GitHubApp) assertion(now time.Time, pem []byte) (string, error) {
	key, err := parseRSA(pem)
	if err != nil {
		return "", failure("reading the GitHub App private key "+g.keyName(), err,
			"use the .pem file that GitHub gave when the key was generated in the App's settings")
	}
	claims := jwt.RegisteredClaims{
		Issuer:    g.issuer(),
		IssuedAt:  jwt.NewNumericDate(now.Add(-assertionDrift)),
		ExpiresAt: jwt.NewNumericDate(now.Add(assertionLife)),
	}
	signed, err := jwt.NewWithClaims(jwt.SigningMethodRS256, claims).SignedString(key)
	if err != nil {
		return "", failure("signing with the GitHub App private key "+g.keyName(), err, "")
	}
	return signed, nil
}

// parseRSA parses an RSA key in PEM. Its errors do not quote it.
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

// refused returns an error that explains GitHub's response.
func (g GitHubApp) refused(op string, resp response, now time.Time) error {
	var answer struct{ Message string }
	cause := "it answered " + resp.Status
	if json.Unmarshal(resp.content, &answer) == nil && answer.Message != "" {
		cause += fmt.Sprintf(" (%.200s)", strings.Join(strings.Fields(answer.Message), " "))
	}
	hint := "check https://www.githubstatus.com, or the log of GitHub Enterprise"
	switch resp.StatusCode {
	case http.StatusUnauthorized:
		hint = fmt.Sprintf("the private key %s is not (or no longer) one of App %s, or this machine's clock is wrong: it says %s",
			g.keyName(), g.issuer(), now.UTC().Format(time.RFC3339))
	case http.StatusNotFound:
		hint = fmt.Sprintf("App %s has no installation %d: check --github-app-installation-id, and --github-base-url for GitHub Enterprise", g.issuer(), g.InstallationID)
	case http.StatusForbidden, http.StatusTooManyRequests:
		hint = "the installation may be suspended, or the App sends too many requests"
	}
	return &delayed{failure(op, errors.New(cause), hint), git.RetryAfter(resp.Header, now)}
}
