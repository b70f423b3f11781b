package main

import (
	"cmp"
	"context"
	_ "embed" // the help and the manual page
	"errors"
	"fmt"
	"io"
	"os"
	"runtime/debug"
	"time"

	"git-sync/pkg/auth"
	"git-sync/pkg/config"
	"git-sync/pkg/logging"
	"git-sync/pkg/proc"
	"git-sync/pkg/syncer"
)

// The exit codes.
const (
	exitDone   = 0 // one-time sync complete, or the loop was stopped
	exitFailed = 1 // too many failures, a one-time hook failed, or interrupted before a one-time sync was complete
	exitUsage  = 2 // bad options or environment; nothing was done
)

// version is set by the build: -ldflags "-X main.version=v1.2.3".
var version = ""

// manual is printed by --man. make docs writes it.
//
//go:embed git-sync.1
var manual string

// help is printed by --help. make docs writes it, too.
//
//go:embed help.txt
var help string

// process has what the program gets from the system.
type process struct {
	args    []string // without argv[0]
	environ []string
	stdin   io.Reader
	stdout  io.Writer
	stderr  io.Writer
	file    []byte // the content of the file of --config at start
}

// plain reports whether the user wants no colours (https://no-color.org, terminfo).
func (p process) plain() bool {
	return proc.Getenv(p.environ, "NO_COLOR") != "" || proc.Getenv(p.environ, "TERM") == "dumb"
}

// complain reports an error if there is no log. An error of writing it is ignored.
func (p process) complain(err error) { _, _ = fmt.Fprintf(p.stderr, "error: %v\n", err) }

// run runs the program and returns its exit code.
func run(p process) int {
	if code, ours := auth.Helper(p.environ, p.args, p.stdin, p.stdout, p.stderr); ours {
		return code // git runs us to ask for credentials
	}
	cfg, warnings, err := p.configure()
	if err != nil {
		p.complain(err)
		return exitUsage
	}
	log := logging.New(p.stderr, logging.Options{
		Verbosity: cfg.Process.Verbose, Format: cfg.Process.LogFormat, Secrets: cfg.Secrets, Plain: p.plain(),
	})
	warn(log, warnings)
	if cfg.Mode != config.ModeRun {
		return p.inform(cfg)
	}
	return p.sync(cfg, log)
}

func warn(log *logging.Logging, warnings []config.Warning) {
	for _, w := range warnings {
		log.Warn(w.Msg, w.Args...)
	}
}

// configure reads the options and, with --config, the file.
func (p *process) configure() (config.Config, []config.Warning, error) {
	return config.Parse(p.args, p.environ, func(path string) ([]byte, error) {
		content, err := os.ReadFile(path)
		p.file = content
		return content, err
	})
}

// sync assembles and runs the program.
func (p process) sync(cfg config.Config, log *logging.Logging) int {
	ctx, stop := stopOnSignal(context.Background(), log.Logger(), cfg.Process.SyncOnSignal)
	defer stop()
	proc.Init(ctx)
	if !cfg.Process.OneTime {
		tuneRuntime(p.environ)
	}

	a, problems := p.assemble(ctx, cfg, log)
	switch {
	case len(problems) == 0:
		log.Logger().Info("started", append([]any{"version", versionText()}, cfg.Fields...)...)
		return exitCode(log, a.run(ctx, p))
	case ctx.Err() != nil:
		within(time.Now().Add(stopLimit), a.group.Close)
		return exitFailed
	default:
		a.refuse(problems)
		return exitUsage
	}
}

// exitCode logs how the run ended, and returns the exit code.
func exitCode(log *logging.Logging, err error) int {
	switch {
	case err == nil:
		return exitDone
	case errors.Is(err, syncer.ErrInterrupted):
		log.Logger().Info("interrupted before the sync was complete")
	default:
		log.Logger().Error(err, "giving up")
	}
	return exitFailed
}

// inform prints what was asked for instead of a run.
func (p process) inform(cfg config.Config) int {
	text := ""
	switch cfg.Mode {
	case config.ModeHelp:
		text = help
	case config.ModeMan:
		text = manual
	case config.ModeVersion:
		text = "git-sync " + versionText() + "\n"
	case config.ModeCheck:
		text = fmt.Sprintf("the configuration is valid; number of syncs: %d\n", len(cfg.Syncs))
	case config.ModeRun:
	}
	if _, err := io.WriteString(p.stdout, text); err != nil {
		p.complain(fmt.Errorf("writing to standard output: %w", err))
		return exitFailed
	}
	return exitDone
}

// versionText returns the version that was set by the build, or what the Go tool knows about the source.
func versionText() string {
	return cmp.Or(version, buildInfo().Main.Version, "(unknown)")
}

// commitText returns the revision from which the program was built; "" if the Go tool did not know it.
func commitText() string {
	for _, setting := range buildInfo().Settings {
		if setting.Key == "vcs.revision" {
			return setting.Value
		}
	}
	return ""
}

func buildInfo() *debug.BuildInfo {
	info, _ := debug.ReadBuildInfo()
	return cmp.Or(info, &debug.BuildInfo{})
}
