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
			text: "The user to be for --repo, over http(s). For a token, see your forge: oauth2 (GitLab) or x-access-token (GitHub), for example.",
		},
		{
			group: groupAuth, flags: named("password"), vars: bothVars("PASSWORD"), arg: "SECRET", secret: true,
			set:  checked(checkOneLine, secretText(func(d *draft) *secret.Text { return &d.Auth.Password })),
			text: "The password or token that goes with --username. As a flag it shows in the process list: better use the variable or --password-file.",
		},
		{
			group: groupAuth, flags: named("password-file"), vars: bothVars("PASSWORD_FILE"), arg: "PATH",
			set:  text(func(d *draft) *string { return &d.Auth.PasswordFile }),
			text: "A file that holds the password, read again for each sync.",
		},
		{
			group: groupAuth, flags: named("credential"), vars: named("GITSYNC_CREDENTIAL"), arg: "JSON", kind: manyValues, secret: true,
			set:  takeCredentials,
			text: `Credentials for several URLs (submodules, say): a JSON object, or a list of them, with url, username, and either password or password-file; for an ssh URL, url and ssh-key-file. The flag may be given many times.`,
		},
		{
			group: groupAuth, flags: named("askpass-url"), vars: named("GIT_ASKPASS_URL", "GIT_SYNC_ASKPASS_URL", "GITSYNC_ASKPASS_URL"), arg: "URL", secret: true,
			set:  checked(checkHTTPURL, secretText(func(d *draft) *secret.Text { return &d.Auth.AskpassURL })),
			text: "Ask this URL for the credentials at each sync. It answers with the lines username=NAME and password=SECRET.",
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
			text: "Taken as of old: whether ssh is used is up to --repo. With it, a user, password, cookie file or askpass URL for the same repository is an error.",
		},
		{
			group: groupAuth, flags: named("ssh-key-file"), vars: named("GIT_SSH_KEY_FILE", "GIT_SYNC_SSH_KEY_FILE", "GITSYNC_SSH_KEY_FILE"),
			arg: "PATH", kind: manyValues, preset: sshKeyFile,
			set:  takeKeyFiles,
			text: "A private key for ssh. The flag may be given many times; a variable holds several with a colon between them.",
		},
		{
			group: groupAuth, flags: named("ssh-known-hosts"), vars: named("GIT_KNOWN_HOSTS", "GIT_SYNC_KNOWN_HOSTS", "GITSYNC_SSH_KNOWN_HOSTS"), kind: isBool, preset: "true",
			set:  toggle(func(d *draft) *bool { return &d.Auth.SSHKnownHosts }),
			text: "Talk only to hosts whose key is in --ssh-known-hosts-file. --ssh-known-hosts=false talks to anybody.",
		},
		{
			group: groupAuth, flags: named("ssh-known-hosts-file"), vars: named("GIT_SSH_KNOWN_HOSTS_FILE", "GIT_SYNC_SSH_KNOWN_HOSTS_FILE", "GITSYNC_SSH_KNOWN_HOSTS_FILE"),
			arg: "PATH", preset: knownHostsFile,
			set:  text(func(d *draft) *string { return &d.Auth.SSHKnownHostsFile }),
			text: "The host keys to trust; ssh-keyscan HOST prints them, and your forge publishes them.",
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
			text: "The API to ask for the App's tokens; for GitHub Enterprise Server it is https://HOST/api/v3/.",
		},
		{
			group: groupAuth, vars: named("GITSYNC_GITHUB_APP_PRIVATE_KEY"), arg: "PEM", secret: true,
			set:  secretText(func(d *draft) *secret.Text { return &d.Auth.GitHub.PrivateKey }),
			text: "The GitHub App's private key itself, instead of --github-app-private-key-file.",
		},
		{
			group: groupAuth, flags: named("github-app-private-key-file"), vars: named("GITSYNC_GITHUB_APP_PRIVATE_KEY_FILE"), arg: "PATH",
			set:  text(func(d *draft) *string { return &d.Auth.GitHub.PrivateKeyFile }),
			text: "A file that holds the GitHub App's private key, in PEM.",
		},
		{
			group: groupAuth, flags: named("github-app-client-id"), vars: named("GITSYNC_GITHUB_APP_CLIENT_ID"), arg: "ID",
			set:  text(func(d *draft) *string { return &d.Auth.GitHub.ClientID }),
			text: "The GitHub App, by its client ID.",
		},
		{
			group: groupAuth, flags: named("github-app-application-id"), vars: named("GITSYNC_GITHUB_APP_APPLICATION_ID"), arg: "N",
			set:  bigNumber(func(d *draft) *int64 { return &d.Auth.GitHub.ApplicationID }),
			text: "The GitHub App, by its application ID (instead of the client ID).",
		},
		{
			group: groupAuth, flags: named("github-app-installation-id"), vars: named("GITSYNC_GITHUB_APP_INSTALLATION_ID"), arg: "N",
			set:  bigNumber(func(d *draft) *int64 { return &d.Auth.GitHub.InstallationID }),
			text: "The installation of the GitHub App that may read the repository.",
		},
	}
}
