package config

import (
	"git-sync/pkg/auth"
)

// cookieFile is the path where manifests mount cookies.
const cookieFile = "/etc/git-secret/cookie_file"

func authRows(d *draft) []option {
	return []option{
		documented(option{flags: named("username"), vars: bothVars("USERNAME"), arg: "NAME", set: into(&d.Auth.Username, asText)},
			"User name for --repo over http(s). If the password is a token, use the name that the forge documents, for example x-access-token (GitHub) or oauth2 (GitLab). A deploy token of GitLab has a user name of its own."),
		documented(option{flags: named("password"), vars: bothVars("PASSWORD"), arg: "SECRET", secret: true, set: into(&d.Auth.Password, asSecret, checkOneLine)},
			"Password or token for --username. A flag is visible in the process list: prefer the variable or --password-file."),
		documented(option{flags: named("password-file"), vars: bothVars("PASSWORD_FILE"), arg: "PATH", set: into(&d.Auth.PasswordFile, asPath)},
			"File with the password. It is read again for each sync."),
		documented(option{flags: named("credential"), vars: named("GITSYNC_CREDENTIAL"), arg: "JSON", kind: manyValues, secret: true, set: d.takeCredentials},
			"Credentials for other URLs, for example of submodules: a JSON object or a list of objects. The keys are url, username, and password or password-file. For an ssh URL they are url and ssh-key-file. Repeatable."),
		documented(option{flags: named("askpass-url"), vars: named("GIT_ASKPASS_URL", "GIT_SYNC_ASKPASS_URL", "GITSYNC_ASKPASS_URL"), arg: "URL", secret: true, set: into(&d.Auth.AskpassURL, asSecret, checkHTTPURL)},
			"URL that returns the credentials. It is requested for each sync. The response contains the lines username=NAME and password=SECRET."),
		documented(option{flags: named("cookie-file"), vars: named("GIT_COOKIE_FILE", "GIT_SYNC_COOKIE_FILE", "GITSYNC_COOKIE_FILE"), kind: isBool, preset: "false", set: d.takeCookieFile},
			"Send the cookies in "+cookieFile+" to the server."),
		documented(option{flags: named("ssh"), vars: named("GIT_SYNC_SSH"), kind: isBool, preset: "false", set: into(&d.ssh, asBool)},
			"Not needed (v3): --repo decides whether ssh is used. With --ssh, a user, password, cookie file or askpass URL for the same repository is an error."),
		documented(option{flags: named("ssh-key-file"), vars: named("GIT_SSH_KEY_FILE", "GIT_SYNC_SSH_KEY_FILE", "GITSYNC_SSH_KEY_FILE"), arg: "PATH", kind: manyValues, preset: auth.DefaultSSHKeyFile, set: d.takeKeyFiles},
			"Private SSH key. The flag is repeatable. A variable holds several paths separated by colons."),
		documented(option{flags: named("ssh-known-hosts"), vars: named("GIT_KNOWN_HOSTS", "GIT_SYNC_KNOWN_HOSTS", "GITSYNC_SSH_KNOWN_HOSTS"), kind: isBool, preset: "true", set: into(&d.Auth.SSHKnownHosts, asBool)},
			"Connect only to hosts whose key is in --ssh-known-hosts-file. --ssh-known-hosts=false accepts any host key."),
		documented(option{flags: named("ssh-known-hosts-file"), vars: named("GIT_SSH_KNOWN_HOSTS_FILE", "GIT_SYNC_SSH_KNOWN_HOSTS_FILE", "GITSYNC_SSH_KNOWN_HOSTS_FILE"), arg: "PATH", preset: auth.DefaultSSHKnownHostsFile, set: into(&d.Auth.SSHKnownHostsFile, asPath)},
			"File with the trusted host keys. ssh-keyscan HOST prints the keys of a host."),
		documented(option{scope: perProcess, flags: named("add-user"), vars: bothVars("ADD_USER"), kind: isBool, preset: "false", set: into(&d.AddUser, asBool)},
			"Make ssh work for a UID that has no passwd entry."),
		documented(option{flags: named("github-app-client-id"), vars: named("GITSYNC_GITHUB_APP_CLIENT_ID"), arg: "ID", set: into(&d.Auth.GitHub.ClientID, asText)},
			"Client ID of the GitHub App whose tokens are used. The private key and the installation ID are needed, too."),
		documented(option{flags: named("github-app-installation-id"), vars: named("GITSYNC_GITHUB_APP_INSTALLATION_ID"), arg: "N", set: into(&d.Auth.GitHub.InstallationID, asID)},
			"ID of the App's installation that can read the repository."),
		documented(option{flags: named("github-app-private-key-file"), vars: named("GITSYNC_GITHUB_APP_PRIVATE_KEY_FILE"), arg: "PATH", set: into(&d.Auth.GitHub.PrivateKeyFile, asPath)},
			"File with the private key of the GitHub App, in PEM format."),
		documented(option{vars: named("GITSYNC_GITHUB_APP_PRIVATE_KEY"), arg: "PEM", secret: true, set: into(&d.Auth.GitHub.PrivateKey, asSecret)},
			"Private key of the GitHub App, instead of --github-app-private-key-file."),
		documented(option{flags: named("github-app-application-id"), vars: named("GITSYNC_GITHUB_APP_APPLICATION_ID"), arg: "N", set: into(&d.Auth.GitHub.ApplicationID, asID)},
			"Application ID of the GitHub App, instead of the client ID."),
		documented(option{flags: named("github-base-url"), vars: named("GITSYNC_GITHUB_BASE_URL"), arg: "URL", preset: auth.DefaultGitHubURL, set: into(&d.Auth.GitHub.BaseURL, asText, checkHTTPURL)},
			"GitHub API that issues the App's tokens. For GitHub Enterprise Server: https://HOST/api/v3/."),
	}
}
