package config

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

var update = flag.Bool("update", false, "write what is made of the option table anew")

// The documents come from the table, and nobody has changed them by hand.
func TestDocuments(t *testing.T) {
	schema, err := jsonSchema()
	if err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{
		"../../docs/options.md": markdown(), "../../docs/config.schema.json": schema,
		"../../cmd/git-sync/git-sync.1": manual(), "../../cmd/git-sync/help.txt": usage(),
	} {
		if *update {
			if err := os.WriteFile(file, []byte(want), 0o644); err != nil {
				t.Fatal(err)
			}
		}
		got, err := os.ReadFile(file)
		if err != nil || string(got) != want {
			t.Errorf("%s differs from the option table (%v); `make docs` writes it anew", file, err)
		}
	}
}

// Every row can be used and is documented, and no name belongs to two.
func TestTable(t *testing.T) {
	seen := map[string]bool{}
	help, man, options := usage(), strings.NewReplacer(`\-`, "-", `\fB`, "", `\fR`, "").Replace(manual()), markdown()
	for _, o := range table(new(draft)) {
		id := o.id()
		if o.set == nil || o.group == "" || !strings.HasSuffix(o.text, ".") {
			t.Errorf("%s: incomplete row", id)
		}
		if o.kind != isBool && o.arg == "" {
			t.Errorf("%s: no word for its value", id)
		}
		names := append([]spelling(nil), o.flags...)
		for _, f := range names {
			if !regexp.MustCompile(`^[a-z][a-z0-9-]+$`).MatchString(f.name) {
				t.Errorf("%s: odd flag %q", id, f.name)
			}
		}
		for _, s := range append(names, o.vars...) {
			if seen[s.name] {
				t.Errorf("%s: %s is in two rows", id, s.name)
			}
			seen[s.name] = true
			for what, doc := range map[string]string{"--help": help, "--man": man, "options.md": options} {
				if !regexp.MustCompile(`(^|[^A-Za-z0-9_-]|--)` + s.name + `([^A-Za-z0-9_-]|$)`).MatchString(doc) {
					t.Errorf("%s: %s is not in %s", id, s.name, what)
				}
			}
		}
	}
}

// Each row of the specification is in the table: flags as the peers have them, and all variables.
func TestEveryOptionThereIs(t *testing.T) {
	have := map[string]bool{}
	for _, o := range table(new(draft)) {
		for _, s := range append(append([]spelling(nil), o.flags...), o.vars...) {
			have[s.name] = true
		}
	}
	both := "repo depth submodules sparse-checkout-file root one-time sync-on-signal touch-file error-file add-user group-write " +
		"exechook-command exechook-timeout exechook-backoff webhook-url webhook-method webhook-success-status webhook-timeout webhook-backoff " +
		"username password password-file git git-config git-gc http-bind http-metrics http-pprof"
	newer := "filter worktree-layout publish subdir init-period init-max-failures backoff-max checkout poll verify verify-keyring verify-allowed-signers " +
		"ref-pattern ref-semver ref-pinned stale-worktree-timeout pre-publish-exechook-command pre-publish-exechook-timeout pre-publish-exechook-backoff " +
		"receiver-bind receiver-path receiver-peers receiver-provider receiver-secret-file credential github-base-url github-app-private-key-file github-app-client-id " +
		"github-app-application-id github-app-installation-id max-staleness log-format verbose"
	odd := "branch ref rev dest link wait period timeout sync-timeout max-sync-failures max-failures change-permissions sync-hook-command ssh " +
		"ssh-key-file ssh-known-hosts ssh-known-hosts-file cookie-file askpass-url git-config-add help man version " +
		"GIT_SYNC_BRANCH GITSYNC_REF GIT_SYNC_REV GIT_SYNC_DEST GITSYNC_LINK GIT_SYNC_WAIT GITSYNC_PERIOD GIT_SYNC_TIMEOUT GITSYNC_SYNC_TIMEOUT " +
		"GIT_SYNC_MAX_SYNC_FAILURES GITSYNC_MAX_FAILURES GIT_SYNC_PERMISSIONS GIT_SYNC_HOOK_COMMAND GIT_SYNC_SSH GIT_SSH_KEY_FILE GIT_SYNC_SSH_KEY_FILE " +
		"GITSYNC_SSH_KEY_FILE GIT_KNOWN_HOSTS GIT_SYNC_KNOWN_HOSTS GITSYNC_SSH_KNOWN_HOSTS GIT_SSH_KNOWN_HOSTS_FILE GIT_SYNC_SSH_KNOWN_HOSTS_FILE " +
		"GITSYNC_SSH_KNOWN_HOSTS_FILE GIT_COOKIE_FILE GIT_SYNC_COOKIE_FILE GITSYNC_COOKIE_FILE GIT_ASKPASS_URL GIT_SYNC_ASKPASS_URL GITSYNC_ASKPASS_URL " +
		"GITSYNC_GITHUB_APP_PRIVATE_KEY GITSYNC_RECEIVER_SECRET GITSYNC_DEST GITSYNC_BRANCH GITSYNC_WAIT GITSYNC_ONETIME"
	want := strings.Fields(odd)
	for flag := range strings.FieldsSeq(both) {
		name := strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
		want = append(want, flag, "GIT_SYNC_"+name, "GITSYNC_"+name)
	}
	for flag := range strings.FieldsSeq(newer) {
		want = append(want, flag, "GITSYNC_"+strings.ToUpper(strings.ReplaceAll(flag, "-", "_")))
	}
	for _, name := range want {
		if !have[name] {
			t.Errorf("%s is missing", name)
		}
	}
}

// No line of the help is wider than 80 columns, except where one word is.
func TestUsageWidth(t *testing.T) {
	for line := range strings.SplitSeq(usage(), "\n") {
		if utf8.RuneCountInString(line) > 80 && len(strings.Fields(strings.TrimSuffix(line, " \\"))) > 1 {
			t.Errorf("%q is %d wide", line, len(line))
		}
		if strings.ContainsAny(line, "`\t") {
			t.Errorf("odd character in %q", line)
		}
	}
}

// A default is a value that its row takes.
func TestPresets(t *testing.T) {
	for _, o := range table(new(draft)) {
		if o.preset == "" {
			continue
		}
		if err := o.set(given{values: []string{o.preset}}); err != nil {
			t.Errorf("%s=%s: %v", o.id(), o.preset, err)
		}
		if len(o.choices) > 0 && !slices.Contains(o.choices, o.preset) {
			t.Errorf("%s=%s is no choice", o.id(), o.preset)
		}
	}
}

func processDefaults() Process {
	d, _ := newDraft(&findings{})
	return d.Process
}

func syncDefaults() Sync {
	d, _ := newDraft(&findings{})
	return d.Sync
}
