package main

import (
	"cmp"
	"context"
	_ "embed" // the manual page
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

// The exit codes of contract §6.
const (
	exitDone   = 0 // one-time sync complete, or the loop was stopped
	exitFailed = 1 // too many failures, a one-time hook failed, or interrupted before a one-time sync was complete
	exitUsage  = 2 // bad options or environment; nothing was done
)

// version is set when building: -ldflags "-X main.version=v1.2.3".
var version = ""

// manual is what --man prints. make docs writes it.
//
//go:embed git-sync.1
var manual string

// process is what the system gave us.
type process struct {
	args    []string // without argv[0]
	environ []string
	stdout  io.Writer
	stderr  io.Writer
	file    []byte // what the file of --config held at the start
}

// run is the program; it returns its exit code.
func run(p process) int {
	if code, ours := auth.Helper(p.environ, p.args, p.stdout, p.stderr); ours {
		return code // git runs us to ask for credentials
	}
	cfg, warnings, err := p.configure()
	if err != nil {
		p.complain(err)
		return exitUsage
	}
	log := logging.New(p.stderr, logging.Options{
		Verbosity: cfg.Process.Verbose, Format: cfg.Process.LogFormat, Secrets: cfg.Secrets(), Plain: p.plain(),
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
	cfg, warnings, err := config.Parse(p.args, p.environ)
	if cfg.Process.File == "" {
		return cfg, warnings, err
	}
	content, unread := os.ReadFile(cfg.Process.File)
	if unread != nil {
		return cfg, warnings, errors.Join(err, fmt.Errorf("reading the file of --config: %w", unread))
	}
	p.file = content
	return config.ParseFile(p.args, p.environ, content)
}

// sync runs the loop from its first line to its last.
func (p process) sync(cfg config.Config, log *logging.Logging) int {
	ctx, stop := stopOnSignal(context.Background(), log.Logger(), cfg.Process.SyncOnSignal)
	defer stop()
	proc.Init(ctx)
	if !cfg.Process.OneTime {
		tuneRuntime(p.env)
	}

	a, problems := p.assemble(ctx, cfg, log)
	switch {
	case len(problems) == 0:
		log.Logger().Info("started", append([]any{"version", versionText()}, cfg.Fields()...)...)
		return exitCode(log, a.run(ctx, p))
	case ctx.Err() != nil:
		within(time.Now().Add(stopLimit), a.group.Close)
		return exitFailed
	default:
		a.refuse(problems)
		return exitUsage
	}
}

// exitCode says how the run ended.
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
		text = config.Usage(terminalWidth(p.stdout))
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

// versionText is the version that was set when building, or what the Go tool knows about the source.
func versionText() string {
	return cmp.Or(version, buildInfo().Main.Version, "(unknown)")
}

// commitText is the revision that the program was built from, "" if the Go tool did not know.
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
