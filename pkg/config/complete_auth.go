package config

import (
	"net/url"
	"strings"

	"git-sync/pkg/auth"
	"git-sync/pkg/secret"
)

// completeUser settles whose password counts: the options', or the one in --repo.
func (d *draft) completeUser() {
	user, password, inURL := userinfo(d.fromURL)
	if _, given := d.given("username", "password", "password-file"); inURL && given {
		d.warn("ignoring the user and password in the URL, because others are given", "option", d.named("repo"))
		inURL = false
	}
	if _, given := d.given("username"); !given {
		d.Auth.Username = user
	}
	if inURL {
		d.Auth.Password = secret.Text(password)
	}
	if name, given := d.given("password", "password-file"); given && d.Auth.Username == "" {
		d.problem(name, "needs a user", "give --username; with a token, most forges take any name")
	}
}

func userinfo(u *url.Userinfo) (name, password string, hasPassword bool) {
	if u == nil {
		return "", "", false
	}
	password, hasPassword = u.Password()
	return u.Username(), password, hasPassword
}

// dropHTTP drops credentials that only an http(s) server asks for: a variable that was left over must not keep a pod from
// starting.
func (d *draft) dropHTTP() {
	if d.URL == "" || isHTTP(parsedURL(d.URL).Scheme) {
		return
	}
	d.gatherSecrets() // while they are known
	var dropped []string
	for _, id := range append([]string{"username", "password", "password-file", "askpass-url", "cookie-file"}, githubApp()...) {
		if name, ok := d.given(id); ok {
			dropped = append(dropped, name)
			delete(d.from, id)
		}
	}
	a := &d.Auth
	a.Username, a.Password, a.PasswordFile, a.AskpassURL, a.CookieFile, a.GitHub = "", "", "", "", "", auth.GitHubApp{BaseURL: auth.DefaultGitHubURL}
	if len(dropped) > 0 {
		d.warn("ignoring credentials for HTTP, because the repository is not at an http(s) URL", "options", strings.Join(dropped, ", "))
	}
}
