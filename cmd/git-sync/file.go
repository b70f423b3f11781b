package main

import (
	"bytes"
	"context"
	"os"
	"time"

	"git-sync/pkg/config"
)

// filePeriod is how often the file of --config is read. A mounted ConfigMap changes within about a minute.
const filePeriod = 2 * time.Second

// followFile sends the syncs of the file of --config to changes each time the file changes, until ctx ends. An
// invalid file is logged and ignored.
func (a *app) followFile(ctx context.Context, p process, changes chan<- []config.Sync) {
	last := p.file
	for {
		content, err := os.ReadFile(a.cfg.Process.File)
		if err != nil {
			a.report(err)
			last = nil // so that the next content is read, even if it is the same
		} else if !bytes.Equal(content, last) {
			last = content
			cfg, warnings, err := config.ParseFile(p.args, p.environ, content)
			a.report(err)
			if err == nil {
				a.log.KeepSecrets(cfg.Secrets)
				a.secrets.Store(&cfg.Secrets)
				warn(a.log, warnings)
				select {
				case changes <- cfg.Syncs:
				case <-ctx.Done():
				}
			}
		}
		select {
		case <-time.After(filePeriod):
		case <-ctx.Done():
			return
		}
	}
}

// report records whether the file of --config is valid, and logs a change of that.
func (a *app) report(err error) {
	before, now := a.invalidFile(), ""
	if err != nil {
		now = err.Error()
	}
	a.invalid.Store(now)
	switch {
	case now == "" && before != "":
		a.log.Logger().Info("the configuration file is valid again")
	case now != before:
		a.log.Logger().Error(err, "ignoring an invalid configuration file")
	}
}

// invalidFile returns why the file of --config is ignored; "" if it is used.
func (a *app) invalidFile() string {
	why, _ := a.invalid.Load().(string)
	return why
}
