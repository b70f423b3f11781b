package config

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"git-sync/pkg/repo"
)

func TestUnknownVariables(t *testing.T) {
	services := []string{
		"GIT_SYNC_SERVICE_HOST=10.0.0.1", "GIT_SYNC_SERVICE_PORT=80", "GIT_SYNC_SERVICE_PORT_HTTP=80", "GIT_SYNC_PORT=tcp://10.0.0.1:80",
		"GIT_SYNC_PORT_80_TCP=tcp://10.0.0.1:80", "GIT_SYNC_PORT_80_TCP_ADDR=10.0.0.1", "GIT_SYNC_WEB_SERVICE_HOST=10.0.0.1", "GIT_SYNC_WEB_PORT=tcp://10.0.0.1:80",
	}
	for _, v := range services[:6:6] {
		services = append(services, strings.Replace(v, "GIT_SYNC", "GITSYNC", 1))
	}
	_, warnings := parse(t, nil, append(services, "GITSYNC_REPO=/r", "GITSYNC_REPOO=secret1", "GITSYNC_BRNCH=x", "GIT_SYNC_BRANHC=secret2", "GITSYNC_FROBNICATE_ALL=secret3",
		"GIT_SYNCER=1", "GIT_SSL_NO_VERIFY=1", "OTHER=1", "GITSYNC_SSH=true", "GIT_SYNC_SSH=true", "GITSYNC_EMPTY=", "GITSYNC_HASH=1", "GITSYNC_HTTP_PORT=1")...)
	want := []Warning{{"ignoring unknown environment variables", []any{
		"variables", "GITSYNC_BRNCH (did you mean GIT_SYNC_BRANCH?), GITSYNC_FROBNICATE_ALL, GITSYNC_HTTP_PORT (did you mean GITSYNC_HTTP_PPROF?), GITSYNC_REPOO (did you mean GITSYNC_REPO?), GIT_SYNC_BRANHC (did you mean GIT_SYNC_BRANCH?)",
	}}}
	if !reflect.DeepEqual(warnings, want) {
		t.Errorf("%v\nwant\n%v", warnings, want)
	}
}

// An option with two names has a variable for each name, with both prefixes: v4 reads GIT_SYNC_LINK, too.
func TestVariablesOfBothNames(t *testing.T) {
	for _, o := range table(new(draft)) {
		if len(o.flags) < 2 || o.id() == "sync-hook-command" {
			continue
		}
		for _, f := range o.flags {
			for _, prefix := range []string{"GIT_SYNC_", "GITSYNC_"} {
				name := prefix + strings.ToUpper(strings.ReplaceAll(f.name, "-", "_"))
				if !slices.ContainsFunc(o.vars, func(v spelling) bool { return v.name == name && v.v3 == f.v3 }) {
					t.Errorf("--%s: no variable %s", f.name, name)
				}
			}
		}
	}
	c, _ := parse(t, nil, "GIT_SYNC_REPO=/r", "GIT_SYNC_LINK=l", "GIT_SYNC_PERIOD=3s", "GIT_SYNC_SYNC_TIMEOUT=4s", "GIT_SYNC_MAX_FAILURES=5")
	if c.Link != "l" || c.Layout != repo.LayoutWorktrees || c.Loop.Period != 3*time.Second || c.Loop.Timeout != 4*time.Second || c.Loop.Budget.Exit != 5 {
		t.Errorf("%+v", c.Sync)
	}
}
