package config

import (
	"strings"

	"git-sync/pkg/auth"
	"git-sync/pkg/secret"
)

// completeUser decides which user and password are used: those of the options, or those in --repo.
func (d *draft) completeUser() {
	password, inURL := d.fromURL.Password()
	if _, given := d.given("username", "password", "password-file"); inURL && given {
		d.warn("ignoring the user and password in the URL, because others are given", "option", d.named("repo"))
		inURL = false
	}
	if _, given := d.given("username"); !given {
		d.Auth.Username = d.fromURL.Username()
	}
	if inURL {
		d.Auth.Password = secret.Text(password)
	}
	if name, given := d.given("password", "password-file"); given && d.Auth.Username == "" {
		d.problem(name, "needs a user", "add --username; with a token, most forges accept any name")
	}
}

// dropHTTP ignores credentials that only an http(s) server accepts: a leftover variable must not prevent a pod from
// starting.
func (d *draft) dropHTTP() {
	if d.URL == "" || isHTTP(parsedURL(d.URL).Scheme) {
		return
	}
	d.hideSecrets() // before they are removed
	var dropped []string
	for _, id := range append(forHTTP(), githubApp()...) {
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
