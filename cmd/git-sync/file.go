package main

import (
	"bytes"
	"context"
	"os"
	"time"

	"git-sync/pkg/config"
)

// filePeriod is how often the file of --config is read. A mounted ConfigMap changes within a minute or so.
const filePeriod = 2 * time.Second

// followFile gives the syncs of the file of --config to changes each time that it changes, until ctx ends. An invalid file is
// logged and ignored.
func (a *app) followFile(ctx context.Context, p process, changes chan<- []config.Sync) {
	last := p.file
	timer := time.NewTicker(filePeriod)
	defer timer.Stop()
	for {
		content, err := os.ReadFile(a.cfg.Process.File)
		if err != nil {
			a.judge(err)
			last = nil // so that the next content is judged, even if it is the same
		} else if !bytes.Equal(content, last) {
			last = content
			cfg, warnings, err := config.ParseFile(p.args, p.environ, content)
			a.judge(err)
			if err == nil {
				a.log.KeepSecret(cfg.Secrets()...)
				a.secrets.Store(new(cfg.Secrets()))
				warn(a.log, warnings)
				select {
				case changes <- cfg.Syncs:
				case <-ctx.Done():
				}
			}
		}
		select {
		case <-timer.C:
		case <-ctx.Done():
			return
		}
	}
}

// judge takes note of whether the file of --config is valid, and logs what is new.
func (a *app) judge(err error) {
	before := a.invalidFile()
	switch {
	case err == nil:
		a.invalid.Store(nil)
		if before != "" {
			a.log.Logger().Info("the configuration file is valid again")
		}
	case err.Error() != before:
		text := err.Error()
		a.invalid.Store(&text)
		a.log.Logger().Error(err, "ignoring an invalid configuration file")
	}
}

// invalidFile is why the file of --config is ignored, "" if it is not.
func (a *app) invalidFile() string {
	if why := a.invalid.Load(); why != nil {
		return *why
	}
	return ""
}
