package config

import (
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

// Config is the user's configuration, with all defaults. It is a plain value: pass it by value, share it between
// goroutines, and do not change it, because the copies share its slices.
type Config struct {
	// Mode says whether to run. In the other modes, the rest is not validated and must not be used.
	Mode Mode
	// Process has the settings of the process.
	Process Process
	// Syncs has one entry for each repository: at least one in ModeRun.
	Syncs []Sync
	// Secrets has everything that must not be shown anywhere, in all forms in which it might appear.
	Secrets []string
	// Fields has the settings for the startup log, as key and value pairs: the most important settings, then every
	// option that was given. It contains no secrets.
	Fields []any
}

// Process has the settings that exist once in a process, whatever the number of repositories.
type Process struct {
	// OneTime exits after the first success.
	OneTime bool
	// SyncOnSignal is the signal that triggers a sync; 0: none.
	SyncOnSignal syscall.Signal
	// HTTP is the server for operators.
	HTTP HTTP
	// Receiver is the address of the webhook receiver.
	Receiver Listener
	// File lists the syncs; empty: flags and variables describe a single one.
	File string
	// MaxConcurrentSyncs is how many syncs run at the same time; 0: twice the number of CPUs.
	MaxConcurrentSyncs int
	// Git is the git command: a path, or a name to look up in PATH.
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

// Listener is the address of the webhook receiver; empty Bind: off. Peers has the host and port of the other
// replicas; empty: none.
type Listener struct{ Bind, Path, Peers string }

// Sync is one repository and its settings, as options of the packages that use them. These packages set what is not
// configured by the user, such as a logger.
type Sync struct {
	// Name distinguishes the syncs of a process; empty for a single one that flags and variables describe.
	Name string
	// Options says what to sync, and where. Paths are absolute, except a link that is relative to the root. The URL
	// has no user and password.
	repo.Options
	// Loop has the schedule, and the handling of failures.
	Loop syncer.Options
	// Auth has the credentials. Username and Password may come from the URL of the repository.
	Auth auth.Settings
	// PrePublish runs before a revision is published, Exechook after it; empty Command: none.
	PrePublish, Exechook hook.ExecOptions
	// Webhook is called after publishing; empty URL: none.
	Webhook                         hook.WebhookOptions
	ExechookBackoff, WebhookBackoff time.Duration
	// TouchFile and ErrorFile are absolute, or relative to Root; empty: none.
	TouchFile, ErrorFile string
	// Receiver says which pushes are accepted.
	Receiver Receiver
	// MaxStaleness is the maximum age of the last success for the sync to be ready; 0: no limit.
	MaxStaleness time.Duration
	// Fields has the settings of this sync, like Config.Fields.
	Fields []any
}

// Receiver says which pushes trigger a sync of this repository.
type Receiver struct {
	// Provider is "auto" or one forge's name.
	Provider string
	// SecretFile or Secret verifies the senders. One of them is set if the process receives pushes.
	SecretFile string
	Secret     secret.Text
}
