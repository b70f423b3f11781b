package config

import (
	"net/url"
	"strings"

	"git-sync/pkg/secret"
)

// completeUser settles whose password counts: the options', or the one in --repo.
func (d *draft) completeUser() {
	user, userGiven := d.isSet("username")
	password, passwordGiven := d.isSet("password")
	file, fileGiven := d.isSet("password-file")
	if passwordGiven && fileGiven {
		d.problem(file, "cannot be combined with "+password, "leave one of them out")
	}
	urlUser, urlPassword, urlHasPassword := userinfo(d.fromURL)
	if urlHasPassword && (passwordGiven || fileGiven || userGiven) {
		d.warn("ignoring the user and password in the URL, because others are given", "option", d.repoName())
		urlHasPassword = false
	}
	if !userGiven {
		d.Auth.Username = urlUser
	}
	if urlHasPassword {
		d.Auth.Password = secret.Text(urlPassword)
	}
	if userGiven && !passwordGiven && !fileGiven {
		d.problem(user, "needs a password", "give --password-file, or GITSYNC_PASSWORD in the environment")
	}
	if d.Auth.Username == "" && (passwordGiven || fileGiven) {
		if name, ok := d.isSet("password", "password-file"); ok {
			d.problem(name, "needs a user", "give --username; with a token, most forges take any name")
		}
	}
	if ask, ok := d.isSet("askpass-url"); ok && userGiven {
		d.problem(ask, "cannot be combined with "+user, "leave one of them out")
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
	if d.Repo == "" || isHTTP(parsedURL(d.Repo).Scheme) {
		return
	}
	d.gatherSecrets() // while they are known
	var dropped []string
	for _, id := range []string{
		"username", "password", "password-file", "askpass-url", "cookie-file", "GITSYNC_GITHUB_APP_PRIVATE_KEY",
		"github-app-private-key-file", "github-app-client-id", "github-app-application-id", "github-app-installation-id",
	} {
		if name, ok := d.isSet(id); ok {
			dropped = append(dropped, name)
			delete(d.from, id)
		}
	}
	a, plain := &d.Auth, syncDefaults().Auth
	a.Username, a.Password, a.PasswordFile, a.AskpassURL, a.CookieFile, a.GitHub = "", "", "", "", "", plain.GitHub
	if len(dropped) > 0 {
		d.warn("ignoring credentials for HTTP, because the repository is not at an http(s) URL", "options", strings.Join(dropped, ", "))
	}
}

// checkSSH refuses passwords beside --ssh, as v3 did.
func (d *draft) checkSSH() {
	if !d.ssh {
		return
	}
	ssh, _ := d.given("ssh")
	for _, id := range []string{"username", "password", "password-file", "askpass-url"} {
		if name, ok := d.isSet(id); ok {
			d.problem(name, "cannot be combined with "+ssh, "keep what fits the URL: keys for ssh, passwords for http(s)")
		}
	}
	if name, ok := d.given("cookie-file"); ok && d.Auth.CookieFile != "" {
		d.problem(name, "cannot be combined with "+ssh, "cookies are for http(s)")
	}
	for _, c := range d.Auth.Credentials {
		if name, ok := d.given("credential"); ok && c.URL == d.Repo && c.SSHKeyFile == "" {
			d.problem(name, "is for the repository itself and cannot be combined with "+ssh, "keep what fits the URL: keys for ssh, passwords for http(s)")
		}
	}
}

// checkGitHub looks whether all parts of the App are there.
func (d *draft) checkGitHub() {
	const keyVar = "GITSYNC_GITHUB_APP_PRIVATE_KEY"
	app, any := d.isSet("github-app-private-key-file", keyVar, "github-app-client-id", "github-app-application-id", "github-app-installation-id")
	if !any {
		return
	}
	file, keyFile := d.isSet("github-app-private-key-file")
	_, key := d.isSet(keyVar)
	client, clientID := d.isSet("github-app-client-id")
	application, applicationID := d.isSet("github-app-application-id")
	switch {
	case key && keyFile:
		d.problem(file, "cannot be combined with "+keyVar, "leave one of them out")
	case !key && !keyFile:
		d.problem(app, "needs the App's private key", "give --github-app-private-key-file, or "+keyVar+" in the environment")
	}
	switch {
	case clientID && applicationID:
		d.problem(client, "cannot be combined with "+application, "leave one of them out")
	case !clientID && !applicationID:
		d.problem(app, "needs to know which App", "give --github-app-client-id")
	}
	if _, ok := d.isSet("github-app-installation-id"); !ok {
		d.problem(app, "needs to know which installation of the App", "give --github-app-installation-id; it is the number at the end of the URL of the installation's settings")
	}
	if other, ok := d.isSet("username", "password", "password-file", "askpass-url"); ok {
		d.problem(other, "cannot be combined with a GitHub App ("+app+")", "leave one of them out")
	}
}
