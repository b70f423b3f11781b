package config

import (
	"git-sync/pkg/auth"
	"git-sync/pkg/secret"
)

func authRows() []option {
	return append(append(passwordRows(), sshRows()...), githubRows()...)
}

func passwordRows() []option {
	return []option{
		{
			group: groupAuth, flags: named("username"), vars: bothVars("USERNAME"), arg: "NAME",
			set:  text(func(d *draft) *string { return &d.Auth.Username }),
			text: "User for --repo over http(s). If the password is a token, the forge's documentation names the user: oauth2 (GitLab) or x-access-token (GitHub), for example.",
		},
		{
			group: groupAuth, flags: named("password"), vars: bothVars("PASSWORD"), arg: "SECRET", secret: true,
			set:  checked(checkOneLine, secretText(func(d *draft) *secret.Text { return &d.Auth.Password })),
			text: "Password or token for --username. A flag is visible in the process list: prefer the variable or --password-file.",
		},
		{
			group: groupAuth, flags: named("password-file"), vars: bothVars("PASSWORD_FILE"), arg: "PATH",
			set:  text(func(d *draft) *string { return &d.Auth.PasswordFile }),
			text: "File with the password. It is read again for each sync.",
		},
		{
			group: groupAuth, flags: named("credential"), vars: named("GITSYNC_CREDENTIAL"), arg: "JSON", kind: manyValues, secret: true,
			set:  takeCredentials,
			text: "Credentials for other URLs, for example of submodules: a JSON object or a list of objects. The keys are url, username, and password or password-file. For an ssh URL they are url and ssh-key-file. Repeatable.",
		},
		{
			group: groupAuth, flags: named("askpass-url"), vars: named("GIT_ASKPASS_URL", "GIT_SYNC_ASKPASS_URL", "GITSYNC_ASKPASS_URL"), arg: "URL", secret: true,
			set:  checked(checkHTTPURL, secretText(func(d *draft) *secret.Text { return &d.Auth.AskpassURL })),
			text: "URL that returns the credentials. It is requested for each sync, and answers with the lines username=NAME and password=SECRET.",
		},
		{
			group: groupAuth, flags: named("cookie-file"), vars: named("GIT_COOKIE_FILE", "GIT_SYNC_COOKIE_FILE", "GITSYNC_COOKIE_FILE"), kind: isBool, preset: "false",
			set:  takeCookieFile,
			text: "Send the cookies in " + cookieFile + " to the server.",
		},
	}
}

const (
	cookieFile     = "/etc/git-secret/cookie_file"
	sshKeyFile     = "/etc/git-secret/ssh"
	knownHostsFile = "/etc/git-secret/known_hosts"
)

func sshRows() []option {
	return []option{
		{
			group: groupAuth, flags: named("ssh"), vars: named("GIT_SYNC_SSH"), kind: isBool, preset: "false",
			set:  func(d *draft, in given) (err error) { d.ssh, err = readBool(in.value()); return err },
			text: "Accepted for compatibility: the scheme of --repo decides whether ssh is used. With --ssh, a user, password, cookie file or askpass URL for the same repository is an error.",
		},
		{
			group: groupAuth, flags: named("ssh-key-file"), vars: named("GIT_SSH_KEY_FILE", "GIT_SYNC_SSH_KEY_FILE", "GITSYNC_SSH_KEY_FILE"),
			arg: "PATH", kind: manyValues, preset: sshKeyFile,
			set:  takeKeyFiles,
			text: "Private SSH key. The flag is repeatable. A variable holds several paths separated by colons.",
		},
		{
			group: groupAuth, flags: named("ssh-known-hosts"), vars: named("GIT_KNOWN_HOSTS", "GIT_SYNC_KNOWN_HOSTS", "GITSYNC_SSH_KNOWN_HOSTS"), kind: isBool, preset: "true",
			set:  toggle(func(d *draft) *bool { return &d.Auth.SSHKnownHosts }),
			text: "Connect only to hosts whose key is in --ssh-known-hosts-file. --ssh-known-hosts=false accepts any host key.",
		},
		{
			group: groupAuth, flags: named("ssh-known-hosts-file"), vars: named("GIT_SSH_KNOWN_HOSTS_FILE", "GIT_SYNC_SSH_KNOWN_HOSTS_FILE", "GITSYNC_SSH_KNOWN_HOSTS_FILE"),
			arg: "PATH", preset: knownHostsFile,
			set:  text(func(d *draft) *string { return &d.Auth.SSHKnownHostsFile }),
			text: "File with the trusted host keys. ssh-keyscan HOST prints them, and forges publish theirs.",
		},
		{
			group: groupAuth, scope: perProcess, flags: named("add-user"), vars: bothVars("ADD_USER"), kind: isBool, preset: "false",
			set:  toggle(func(d *draft) *bool { return &d.AddUser }),
			text: "Make ssh work for a UID that has no passwd entry.",
		},
	}
}

func githubRows() []option {
	return []option{
		{
			group: groupAuth, flags: named("github-base-url"), vars: named("GITSYNC_GITHUB_BASE_URL"), arg: "URL", preset: auth.DefaultGitHubURL,
			set:  checked(checkHTTPURL, text(func(d *draft) *string { return &d.Auth.GitHub.BaseURL })),
			text: "GitHub API that issues the App's tokens. For GitHub Enterprise Server: https://HOST/api/v3/.",
		},
		{
			group: groupAuth, vars: named("GITSYNC_GITHUB_APP_PRIVATE_KEY"), arg: "PEM", secret: true,
			set:  secretText(func(d *draft) *secret.Text { return &d.Auth.GitHub.PrivateKey }),
			text: "Private key of the GitHub App, instead of --github-app-private-key-file.",
		},
		{
			group: groupAuth, flags: named("github-app-private-key-file"), vars: named("GITSYNC_GITHUB_APP_PRIVATE_KEY_FILE"), arg: "PATH",
			set:  text(func(d *draft) *string { return &d.Auth.GitHub.PrivateKeyFile }),
			text: "File with the private key of the GitHub App, in PEM format.",
		},
		{
			group: groupAuth, flags: named("github-app-client-id"), vars: named("GITSYNC_GITHUB_APP_CLIENT_ID"), arg: "ID",
			set:  text(func(d *draft) *string { return &d.Auth.GitHub.ClientID }),
			text: "Client ID of the GitHub App.",
		},
		{
			group: groupAuth, flags: named("github-app-application-id"), vars: named("GITSYNC_GITHUB_APP_APPLICATION_ID"), arg: "N",
			set:  bigNumber(func(d *draft) *int64 { return &d.Auth.GitHub.ApplicationID }),
			text: "Application ID of the GitHub App, instead of the client ID.",
		},
		{
			group: groupAuth, flags: named("github-app-installation-id"), vars: named("GITSYNC_GITHUB_APP_INSTALLATION_ID"), arg: "N",
			set:  bigNumber(func(d *draft) *int64 { return &d.Auth.GitHub.InstallationID }),
			text: "Installation of the GitHub App that may read the repository.",
		},
	}
}
