package auth

import (
	"cmp"
	"context"
	"errors"
	"strings"
	"time"

	"git-sync/pkg/git"
	"git-sync/pkg/secret"
)

// collect adds users and passwords to the offer. The first one for a URL is used.
func (a *Auth) collect(ctx context.Context) error {
	if err := a.addCredentials(); err != nil {
		return err
	}
	if err := a.addUser(); err != nil {
		return err
	}
	if a.opts.AskpassURL != "" {
		user, pass, err := askURL(ctx, a.client, a.opts.AskpassURL.Reveal())
		a.count(a.report.AskpassCalls, err)
		if err != nil {
			return err
		}
		a.add(a.opts.URL, entry{User: cmp.Or(user, a.opts.Username), Pass: pass}, "the answer of "+bareURL(a.opts.AskpassURL.Reveal()))
	}
	if a.opts.GitHub.enabled() {
		return a.addToken(ctx)
	}
	return nil
}

// addCredentials reads the passwords of --credential.
func (a *Auth) addCredentials() error {
	for _, c := range a.opts.Credentials {
		s, ok := scopeOf(c.URL)
		if !ok {
			continue
		}
		pass, source, err := choosePassword(c.Password, c.PasswordFile, "--credential")
		if err != nil {
			return err
		}
		a.add(c.URL, entry{Path: s.path, User: c.Username, Pass: pass}, source)
	}
	return nil
}

// choosePassword returns the password of a file, or else the one of an option, and its source.
func choosePassword(given secret.Text, file, option string) (pass, source string, err error) {
	if file == "" {
		return given.Reveal(), option, nil
	}
	pass, err = readPassword(file)
	return pass, file, err
}

// addUser reads the password of --username.
func (a *Auth) addUser() error {
	user := a.opts.Username
	elsewhere := a.opts.AskpassURL != "" || a.opts.GitHub.enabled() // the password comes from another source
	if a.opts.Password == "" && a.opts.PasswordFile == "" && (user == "" || elsewhere) {
		return nil
	}
	pass, source, err := choosePassword(a.opts.Password, a.opts.PasswordFile, "--password")
	if err != nil {
		return err
	}
	if err := usable(user, pass); err != nil {
		return failure("using "+source, err, "git can be given one line only")
	}
	a.add(a.opts.URL, entry{User: user, Pass: pass}, source)
	return nil
}

// addToken requests an installation token, unless the current one is valid for another sync.
func (a *Auth) addToken(ctx context.Context) error {
	key, err := a.opts.GitHub.readKey()
	if err != nil {
		return err
	}
	if !a.token.usable(time.Now(), key) {
		fresh, err := a.opts.GitHub.mint(ctx, a.client, key)
		a.count(a.report.GitHubRefreshes, err)
		if err != nil {
			return err
		}
		a.token = fresh
	}
	a.add(a.opts.URL, entry{User: tokenUser, Pass: a.token.secret, AnyUser: true},
		"the GitHub App's installation token of "+a.token.minted.UTC().Format(time.RFC3339))
	return nil
}

// add offers an entry for the scheme and host of a URL.
func (a *Auth) add(rawURL string, e entry, source string) {
	s, ok := scopeOf(rawURL)
	if !ok {
		return
	}
	e.Base, e.source = s.base, source
	if e.Pass != "" {
		a.opts.Learned(e.Pass)
	}
	a.offer.entries = append(a.offer.entries, e)
}

// cookieConfig returns the setting that makes git send the cookies. Cookies without a domain would be sent to every
// host, so a file with such cookies is used only for the repository's host.
func cookieConfig(file, repo string) (git.KV, error) {
	content, err := readSecret(file)
	if err != nil {
		return git.KV{}, fileError("cookie file", file, err)
	}
	if strings.TrimSpace(string(content)) == "" {
		return git.KV{}, failure("reading the cookie file "+file, errors.New("it is empty"), "write the cookies into it, one per line, in Netscape's format")
	}
	key := "http.cookieFile"
	if s, ok := scopeOf(repo); ok && !isNetscape(string(content)) {
		key = "http." + s.base + "/.cookieFile"
	}
	return git.KV{Key: key, Value: file}, nil
}

// isNetscape reports whether every line has a domain: seven fields separated by tabs.
func isNetscape(content string) bool {
	for line := range strings.Lines(content) {
		line = strings.TrimPrefix(strings.TrimSpace(line), "#HttpOnly_")
		if line == "" || line[0] == '#' {
			continue
		}
		if len(strings.Split(line, "\t")) < 6 {
			return false
		}
	}
	return true
}
