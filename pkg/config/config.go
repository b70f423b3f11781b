package config

import (
	"io/fs"
	"syscall"
	"time"
)

// Mode is what the program was asked to do.
type Mode string

// The modes. Everything but ModeRun prints to stdout and exits 0.
const (
	ModeRun     Mode = "run"
	ModeHelp    Mode = "help"
	ModeMan     Mode = "man"
	ModeVersion Mode = "version"
)

// Layout names how published trees are named on disk.
type Layout string

// The layouts of the two generations.
const (
	LayoutRev       Layout = "rev"       // <root>/rev-<hash>
	LayoutWorktrees Layout = "worktrees" // <root>/.worktrees/<hash>
)

// Config is what the user asked for, with every default filled in. It is a plain value: pass it by value, share it
// between goroutines, and change nothing in it (its slices are shared by the copies).
type Config struct {
	// Mode says whether to run at all. In the other modes the rest is not validated, and not to be used.
	Mode Mode
	// Process is what exists once in a process.
	Process Process
	// Syncs has one entry for each repository: at least one in ModeRun.
	Syncs []Sync

	secrets []string
	fields  []any
}

// Process is what exists once in a process, however many repositories it syncs.
type Process struct {
	// OneTime exits after the first success.
	OneTime bool
	// SyncOnSignal makes a sync; 0: none.
	SyncOnSignal syscall.Signal
	// HTTP is what operators see.
	HTTP HTTP
	// Receiver is where forges post their pushes.
	Receiver Listener
	// Git is the git command: a path, or a name to be looked up in PATH.
	Git string
	// AddUser makes ssh work for a UID that has no passwd entry.
	AddUser bool
	// LogFormat is one of "auto", "json", "text".
	LogFormat string
	// Verbose is the verbosity of the log, 0 and up.
	Verbose int
}

// HTTP is the server for operators; empty Bind: off.
type HTTP struct {
	Bind           string
	Metrics, Pprof bool
}

// Listener is where the webhook receiver listens; empty Bind: off.
type Listener struct{ Bind, Path string }

// Sync is one repository and all that belongs to it.
type Sync struct {
	// Name tells syncs of one process apart; empty for the one that flags and variables describe.
	Name string

	Source
	Place
	Schedule
	Checks
	Hooks

	// Auth is how to be let in.
	Auth Auth
	// Receiver says whose pushes count.
	Receiver Receiver
	// MaxStaleness is the age of the last success beyond which the sync is not ready; 0: no limit.
	MaxStaleness time.Duration

	// GitConfig is extra git configuration, in the order given: --git-config first, then each --git-config-add.
	GitConfig []KV
	// GitGC is one of "auto", "always", "aggressive", "off".
	GitGC string
}

// Source is what to sync.
type Source struct {
	// Repo is the repository's URL or path. The user and password that an http(s) URL may have carried are in Auth.
	Repo string
	// Ref is a branch, a tag, a full hash, a name beginning with "refs/", or "HEAD" for the remote's default branch.
	Ref string
	// RefPattern (a glob) and RefSemver (a range) follow the highest matching tag instead of Ref; empty: not asked for.
	RefPattern, RefSemver string
	// RefPinned refuses a tag that moved.
	RefPinned bool
	// Depth is the number of commits of history; 0 is all of it.
	Depth int
	// Filter is git's object filter for a partial clone; empty: none.
	Filter string
	// Submodules is one of "recursive", "shallow", "off".
	Submodules string
	// SparseCheckoutFile holds the patterns of a sparse checkout; empty: everything is checked out.
	SparseCheckoutFile string
	// Checkout is one of "auto", "recycle", "full".
	Checkout string
	// Poll is one of "plain", "persistent".
	Poll string
}

// Place is where the result goes.
type Place struct {
	// Root is the directory that git-sync keeps, as given: it may be relative to the working directory, and is not
	// cleaned, because ".." may follow a symlink.
	Root string
	// Link is the published link: absolute, or relative to Root.
	Link string
	// Layout names the published trees.
	Layout Layout
	// StaleWorktreeTimeout is how long replaced trees stay.
	StaleWorktreeTimeout time.Duration
	// Permissions, when not 0, is the mode given to the files of a tree before it is published.
	Permissions fs.FileMode
	// GroupWrite makes all that is written group-writable.
	GroupWrite bool
	// TouchFile and ErrorFile are absolute, or relative to Root; empty: none.
	TouchFile, ErrorFile string
}

// Budget says how many consecutive failures end the run.
type Budget struct {
	// Unlimited never ends the run for failures.
	Unlimited bool
	// UntilPublished limits failures only as long as nothing is published.
	UntilPublished bool
	// Exit is the consecutive failure that ends the run, counted from 1.
	Exit int
}

// Schedule is when to sync and what to do about failures.
type Schedule struct {
	// Period is the wait between two syncs, InitPeriod the same until the first success.
	Period, InitPeriod time.Duration
	// SyncTimeout limits one whole sync.
	SyncTimeout time.Duration
	// Budget limits consecutive failures, InitBudget the same until the first success.
	Budget, InitBudget Budget
	// BackoffMax is the longest delay before a retry. 0: not given, which means one minute while failures are
	// unlimited, and otherwise no growth, so that failures times Period bounds the run.
	BackoffMax time.Duration
}

// Checks is which revisions may be published.
type Checks struct {
	// Verify is one of "off", "commit", "tag", "any".
	Verify string
	// VerifyKeyring holds OpenPGP public keys, VerifyAllowedSigners those of SSH; at least one when Verify is not off.
	VerifyKeyring, VerifyAllowedSigners string
}

// KV is one setting of git's.
type KV struct{ Key, Value string }

// Auth is how to be let in. The files named are not read here; the paths are as given.
type Auth struct {
	// Username and Password, or the file with the password, for Source.Repo.
	Username     string
	Password     Secret
	PasswordFile string
	// Credentials are for the URLs that they name.
	Credentials []Credential
	// SSHKeyFiles are tried in their order. SSHKeyFilesSet says that the user named them, rather than the default.
	SSHKeyFiles    []string
	SSHKeyFilesSet bool
	// SSHKnownHosts checks hosts against SSHKnownHostsFile. SSHKnownHostsFileSet says that the user named the file.
	SSHKnownHosts        bool
	SSHKnownHostsFile    string
	SSHKnownHostsFileSet bool
	// CookieFile is git's http.cookieFile; empty: not asked for.
	CookieFile string
	// AskpassURL answers with user and password; it may hold secrets of its own.
	AskpassURL Secret
	// GitHub is the App to act as.
	GitHub GitHubApp
}

// Credential is a user and password for one URL (and what is below it): either Password or PasswordFile is set. For an ssh
// URL it is SSHKeyFile alone.
type Credential struct {
	URL, Username string
	Password      Secret
	PasswordFile  string
	SSHKeyFile    string
}

// GitHubApp says as which installation of which App to act. Unset when both IDs are empty.
type GitHubApp struct {
	// BaseURL is that of the API.
	BaseURL string
	// PrivateKey (PEM) or the file that holds it.
	PrivateKey     Secret
	PrivateKeyFile string
	// ClientID or ApplicationID names the App, InstallationID its installation.
	ClientID                      string
	ApplicationID, InstallationID int64
}

// Hooks are run for each revision.
type Hooks struct {
	// Exechook runs after publishing, PrePublish before it and gates it.
	Exechook, PrePublish ExecHook
	// Webhook is called after publishing.
	Webhook Webhook
}

// ExecHook is a program to run; empty Command: none.
type ExecHook struct {
	Command          string
	Timeout, Backoff time.Duration
}

// Webhook is a request to send; empty URL: none.
type Webhook struct {
	// URL may hold a secret in its path or query.
	URL    Secret
	Method string
	// SuccessStatus is the HTTP status that counts as success; 0 and -1: any.
	SuccessStatus    int
	Timeout, Backoff time.Duration
}

// Receiver says which pushes are taken for this repository.
type Receiver struct {
	// Provider is "auto" or one forge's name.
	Provider string
	// SecretFile or Secret verifies the senders; one of them is set when the process listens for pushes.
	SecretFile string
	Secret     Secret
	// AllowSHA1 accepts signatures by HMAC-SHA1, from senders that have no better.
	AllowSHA1 bool
}

// Secrets is everything that must not be shown anywhere, in the forms in which it might turn up.
func (c Config) Secrets() []string { return append([]string(nil), c.secrets...) }

// Fields is what was asked for, as key and value pairs for the startup log: the settings that matter most, then every
// option that was given. Secrets are not among them.
func (c Config) Fields() []any { return append([]any(nil), c.fields...) }
