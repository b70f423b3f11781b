package auth

import (
	"net/http"

	"git-sync/pkg/git"
	"git-sync/pkg/secret"

	"github.com/go-logr/logr"
)

// Options are the parameters of New.
type Options struct {
	Settings
	// URL is the repository's, without user and password.
	URL string
	// Self is the absolute path of our own executable, whose main calls Helper first.
	Self string
	// AddUser allows /etc/passwd to be written when our UID has no name and ssh needs one.
	AddUser bool
	// Env is the environment in which git runs, as "name=value": proxies, certificates and HOME are
	// looked up in it.
	Env []string
	// GitConfig is the extra configuration given to git, for its http.proxy and http.sslCAInfo.
	GitConfig []git.KV
	// Learned is called with each secret that is read or obtained, before it is used, for the log's
	// scrubber; may be nil.
	Learned func(secret string)
	// HTTP sends our own requests; nil is a Transport made from Env and GitConfig.
	HTTP http.RoundTripper
	Log  logr.Logger
}

// Settings say which credentials there are, as the user configures them. The zero value of each
// means that it is not used.
type Settings struct {
	// Username and Password are for the repository's host; PasswordFile wins over Password.
	Username     string
	Password     secret.Text
	PasswordFile string
	// Credentials are for other URLs, as those of submodules; they win over Username for the URLs
	// that they name.
	Credentials []Credential
	// SSHKeyFiles are offered in turn to every ssh server.
	SSHKeyFiles []string
	// SSHKnownHosts requires that hosts are known by SSHKnownHostsFile; without it any is trusted.
	SSHKnownHosts     bool
	SSHKnownHostsFile string
	// CookieFile holds HTTP cookies, in Netscape's format or as Set-Cookie headers.
	CookieFile string
	// AskpassURL answers user and password for the repository's host. It is asked for each sync, and
	// may hold a secret itself.
	AskpassURL secret.Text
	// GitHub is an App whose installation tokens are used for the repository's host.
	GitHub GitHubApp
}

// Credential is one user and password, or one SSH key, for the URLs at or below URL.
type Credential struct {
	// URL is http(s)://host[:port][/path], or for a key ssh://[user@]host[:port][/path].
	URL string `json:"url"`
	// Username may be alone: some servers take a token as user name. PasswordFile wins over Password.
	Username     string      `json:"username"`
	Password     secret.Text `json:"password"`
	PasswordFile string      `json:"password-file"`
	// SSHKeyFile is the only key offered for an ssh URL: forges' deploy keys open one repository each.
	SSHKeyFile string `json:"ssh-key-file"`
}
