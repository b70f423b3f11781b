package main

import (
	"strings"
	"testing"
	"time"

	"git-sync/pkg/config"
)

// TestKeptSSH: connections are kept for a loop that was asked to, if a sync has the time to find out that one has died.
func TestKeptSSH(t *testing.T) {
	for args, want := range map[string]time.Duration{
		"":                                     0,
		"--poll=persistent":                    time.Minute,
		"--poll=persistent --sync-timeout=60s": 30 * time.Second,
		"--poll=persistent --sync-timeout=10s": 5 * time.Second,
		"--poll=persistent --sync-timeout=9s":  0,
		"--poll=persistent --one-time":         0,
	} {
		cfg, _, err := config.Parse(append(strings.Fields(args), "--repo=ssh://h/r", "--root=/r"), nil)
		if err != nil {
			t.Fatal(err)
		}
		if got := keptSSH(cfg.Process, cfg.Syncs[0]); got != want {
			t.Errorf("%q: %v, want %v", args, got, want)
		}
	}
}
