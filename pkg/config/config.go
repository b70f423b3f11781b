package config

import (
	"io/fs"
	"syscall"
	"time"

	"git-sync/pkg/auth"
	"git-sync/pkg/git"
	"git-sync/pkg/repo"
	"git-sync/pkg/repo/remote"
	"git-sync/pkg/secret"
	"git-sync/pkg/syncer"
)

// Mode is what the program was asked to do.
type Mode string

// The modes. Everything but ModeRun prints to stdout and exits 0.
const (
	ModeRun     Mode = "run"
	ModeHelp    Mode = "help"
	ModeMan     Mode = "man"
	ModeVersion Mode = "version"
	ModeCheck   Mode = "check" // validate the options and the file
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
	// File lists the syncs; empty: flags and variables describe the only one.
	File string
	// MaxConcurrentSyncs is how many syncs run at the same time; 0: twice the number of CPUs.
	MaxConcurrentSyncs int
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

	// Auth says which credentials there are. Username and Password may come from the URL of the repository.
	Auth auth.Settings
	// Receiver says whose pushes count.
	Receiver Receiver
	// MaxStaleness is the age of the last success beyond which the sync is not ready; 0: no limit.
	MaxStaleness time.Duration

	// GitConfig is extra git configuration, in the order given: --git-config first, then each --git-config-add.
	GitConfig []git.KV
	// GitGC says when garbage is collected.
	GitGC repo.GC

	fields []any
}

// Source is what to sync.
type Source struct {
	// Repo is the repository's URL or path. The user and password that an http(s) URL may have carried are in Auth.
	Repo string
	// Ref is a branch, a tag, a full hash, a name beginning with "refs/", or "HEAD" for the remote's default branch.
	Ref string
	// Rev is a tag, or the beginning of the hash of a commit in the history of Ref, to publish instead of Ref; empty: Ref.
	Rev string
	// RefPattern (a glob) and RefSemver (a range) follow the highest matching tag instead of Ref; empty: not asked for.
	RefPattern, RefSemver string
	// RefPinned refuses a tag that moved.
	RefPinned bool
	// Depth is the number of commits of history; 0 is all of it.
	Depth int
	// Filter is git's object filter for a partial clone; empty: none.
	Filter string
	// Submodules says how much of the submodules is checked out.
	Submodules repo.Submodules
	// SparseCheckoutFile holds the patterns of a sparse checkout; empty: everything is checked out.
	SparseCheckoutFile string
	// Checkout says how a new tree is made.
	Checkout repo.CheckoutMode
	// Poll says how the remote is asked.
	Poll remote.Poll
}

// Place is where the result goes.
type Place struct {
	// Root is the directory that git-sync keeps, as given: it may be relative to the working directory, and is not
	// cleaned, because ".." may follow a symlink.
	Root string
	// Link is the published link: absolute, or relative to Root.
	Link string
	// Layout names the published trees. Unless it was asked for, a root may keep its own.
	Layout      repo.Layout
	LayoutAsked bool
	// StaleWorktreeTimeout is how long replaced trees stay.
	StaleWorktreeTimeout time.Duration
	// Permissions, when not 0, is the mode given to the files of a tree before it is published.
	Permissions fs.FileMode
	// GroupWrite makes all that is written group-writable.
	GroupWrite bool
	// TouchFile and ErrorFile are absolute, or relative to Root; empty: none.
	TouchFile, ErrorFile string
}

// Schedule is when to sync and what to do about failures.
type Schedule struct {
	// Period is the wait between two syncs, InitPeriod the same until the first success.
	Period, InitPeriod time.Duration
	// SyncTimeout limits one whole sync.
	SyncTimeout time.Duration
	// Budget limits consecutive failures, InitBudget the same until the first success.
	Budget, InitBudget syncer.Budget
	// BackoffMax is the longest delay before a retry. 0: not given, which means one minute while failures are
	// unlimited, and otherwise no growth, so that failures times Period bounds the run.
	BackoffMax time.Duration
}

// Checks is which revisions may be published.
type Checks struct {
	// Verify says what must be signed.
	Verify repo.Verify
	// Trust has at least one file when Verify is not off.
	Trust git.Trust
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
	URL    secret.Text
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
	Secret     secret.Text
}

// Secrets is everything that must not be shown anywhere, in the forms in which it might turn up.
func (c Config) Secrets() []string { return append([]string(nil), c.secrets...) }

// Fields is what was asked for this sync, as Config.Fields has it.
func (s Sync) Fields() []any { return append([]any(nil), s.fields...) }

// Fields is what was asked for, as key and value pairs for the startup log: the settings that matter most, then every
// option that was given. Secrets are not among them.
func (c Config) Fields() []any { return append([]any(nil), c.fields...) }
