package auth

import (
	"git-sync/pkg/git"
	"git-sync/pkg/secret"

	"github.com/go-logr/logr"
)

// Options are the parameters of New.
type Options struct {
	Settings
	// URL is the repository's, without user and password.
	URL string
	// Self is the absolute path of our own executable. Its main must call Helper first.
	Self string
	// AddUser allows writing to /etc/passwd if our UID has no name and ssh needs one.
	AddUser bool
	// Env is the environment in which git runs, as "name=value". It is used for proxies, certificates and HOME.
	Env []string
	// GitConfig is the additional configuration of git, used for its http.proxy and http.sslCAInfo.
	GitConfig []git.KV
	// Learned is called with each secret that is read or obtained, before it is used. It is for the scrubber of the
	// log. Required.
	Learned func(secret string)
	Log     logr.Logger
}

// Settings are the user's credentials. The zero value of each field means that it is not used.
type Settings struct {
	// Username and Password are for the repository's host. PasswordFile has priority over Password.
	Username     string
	Password     secret.Text
	PasswordFile string
	// Credentials are for other URLs, such as those of submodules. For these URLs, they have priority over Username.
	Credentials []Credential
	// SSHKeyFiles are offered in this order to every ssh server.
	SSHKeyFiles []string
	// SSHKnownHosts requires that hosts are listed in SSHKnownHostsFile. Without it, every host is trusted.
	SSHKnownHosts     bool
	SSHKnownHostsFile string
	// CookieFile has HTTP cookies, in Netscape's format or as Set-Cookie headers.
	CookieFile string
	// AskpassURL returns user and password for the repository's host. It is requested for each sync, and may itself
	// contain a secret.
	AskpassURL secret.Text
	// GitHub is an App whose installation tokens are used for the repository's host.
	GitHub GitHubApp
}

// Credential is one user and password, or one SSH key, for the URLs at or below URL.
type Credential struct {
	// URL is http(s)://host[:port][/path], or for a key ssh://[user@]host[:port][/path].
	URL string `json:"url"`
	// Username may be alone: some servers accept a token as the user name. PasswordFile has priority over Password.
	Username     string      `json:"username"`
	Password     secret.Text `json:"password"`
	PasswordFile string      `json:"password-file"`
	// SSHKeyFile is the only key offered for an ssh URL, because a forge's deploy key is for one repository.
	SSHKeyFile string `json:"ssh-key-file"`
}
