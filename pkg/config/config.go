package config

import (
	"reflect"
	"syscall"
	"time"

	"git-sync/pkg/auth"
	"git-sync/pkg/hook"
	"git-sync/pkg/repo"
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

// Listener is where the webhook receiver listens; empty Bind: off. Peers names the other replicas; empty: none.
type Listener struct{ Bind, Path, Peers string }

// Sync is one repository and all that belongs to it, in the options of those who use it. What is no setting of a user's (a
// logger, say) is left to them.
type Sync struct {
	// Name tells syncs of one process apart; empty for the one that flags and variables describe.
	Name string
	// Options is what to sync, and where to. Paths are as given: they may be relative to the working directory. The URL has no
	// user and password.
	repo.Options
	// Loop is when to sync, and what to do about failures.
	Loop syncer.Options
	// Auth says which credentials there are. Username and Password may come from the URL of the repository.
	Auth auth.Settings
	// PrePublish runs before a revision is published, Exechook after it; empty Command: none.
	PrePublish, Exechook hook.ExecOptions
	// Webhook is called after publishing; empty URL: not.
	Webhook                         hook.WebhookOptions
	ExechookBackoff, WebhookBackoff time.Duration
	// TouchFile and ErrorFile are absolute, or relative to Root; empty: none.
	TouchFile, ErrorFile string
	// Receiver says whose pushes count.
	Receiver Receiver
	// MaxStaleness is the age of the last success beyond which the sync is not ready; 0: no limit.
	MaxStaleness time.Duration

	fields []any
}

// Receiver says which pushes are taken for this repository.
type Receiver struct {
	// Provider is "auto" or one forge's name.
	Provider string
	// SecretFile or Secret verifies the senders; one of them is set when the process listens for pushes.
	SecretFile string
	Secret     secret.Text
}

// Equal says whether two syncs are the same.
func (s Sync) Equal(o Sync) bool { return reflect.DeepEqual(s, o) }

// Secrets is everything that must not be shown anywhere, in the forms in which it might turn up.
func (c Config) Secrets() []string { return append([]string(nil), c.secrets...) }

// Fields is what was asked for this sync, as Config.Fields has it.
func (s Sync) Fields() []any { return append([]any(nil), s.fields...) }

// Fields is what was asked for, as key and value pairs for the startup log: the settings that matter most, then every
// option that was given. Secrets are not among them.
func (c Config) Fields() []any { return append([]any(nil), c.fields...) }
