package config

import (
	"time"

	"git-sync/pkg/repo"
)

func placeRows() []option {
	return []option{
		{
			group: groupPlace, flags: named("root"), vars: bothVars("ROOT"), arg: "DIR", preset: "$HOME/git",
			set:  text(func(d *draft) *string { return &d.Root }),
			text: "The directory that git-sync keeps: its object store, the published trees, and the link. It may be relative or lead through symlinks. Other files in it are left alone.",
		},
		{
			group: groupPlace, flags: []spelling{{name: "dest", v3: true}, {name: "link"}},
			vars: []spelling{{name: "GIT_SYNC_DEST", v3: true}, {name: "GITSYNC_LINK"}, {name: "GITSYNC_DEST", v3: true, stray: true}},
			arg:  "PATH", preset: "the last part of --repo",
			set:  checked(checkLink, text(func(d *draft) *string { return &d.Link })),
			text: "The link that always leads to the published tree: absolute, or relative to --root. Asked for as --dest, it leads to rev-HASH; as --link, to .worktrees/HASH.",
		},
		{
			group: groupPlace, flags: named("worktree-layout"), vars: named("GITSYNC_WORKTREE_LAYOUT"), arg: "LAYOUT", fresh: true,
			preset: "rev, or worktrees with --link", choices: words(repo.LayoutRev, repo.LayoutWorktrees),
			set:  text(func(d *draft) *repo.Layout { return &d.Layout }),
			text: "What the link leads to, whichever name it was asked for by: rev-HASH (rev) or .worktrees/HASH (worktrees).",
		},
		{
			group: groupPlace, flags: named("stale-worktree-timeout"), vars: named("GITSYNC_STALE_WORKTREE_TIMEOUT"), arg: "DURATION", preset: "0s",
			set:  duration(func(d *draft) *time.Duration { return &d.StaleWorktreeTimeout }, 0),
			text: "How long a tree stays after it was replaced, for readers that are still in it.",
		},
		{
			group: groupPlace, flags: named("group-write"), vars: bothVars("GROUP_WRITE"), kind: isBool, preset: "false",
			set:  toggle(func(d *draft) *bool { return &d.GroupWrite }),
			text: "Make all that is written writable for the group, so that another UID of the same group can take over.",
		},
		{
			group: groupPlace, flags: named("change-permissions"), vars: named("GIT_SYNC_PERMISSIONS"), arg: "MODE", preset: "0",
			set:  takePermissions,
			text: "Give the checked-out files this mode before they are published: octal with a leading 0 (0755), decimal without. 0 leaves them alone.",
		},
		{
			group: groupPlace, flags: named("touch-file"), vars: bothVars("TOUCH_FILE"), arg: "PATH",
			set:  text(func(d *draft) *string { return &d.TouchFile }),
			text: "A file to touch when a sync publishes, and once at the start: absolute, or relative to --root.",
		},
		{
			group: groupPlace, flags: named("error-file"), vars: bothVars("ERROR_FILE"), arg: "PATH",
			set:  text(func(d *draft) *string { return &d.ErrorFile }),
			text: "A file to hold the last error as JSON, removed at the next success: absolute, or relative to --root.",
		},
	}
}

func scheduleRows() []option {
	return []option{
		{
			group: groupSchedule, flags: []spelling{{name: "wait", v3: true, syntax: inSeconds}, {name: "period"}},
			vars: []spelling{{name: "GIT_SYNC_WAIT", v3: true, syntax: inSeconds}, {name: "GITSYNC_PERIOD"}, {name: "GITSYNC_WAIT", v3: true, syntax: inEither, stray: true}},
			arg:  "DURATION", preset: "10s",
			set:  duration(func(d *draft) *time.Duration { return &d.Period }, 10*time.Millisecond),
			text: "How long to wait between two syncs, at least 10ms. --wait takes seconds (0.5), --period a duration (500ms).",
		},
		{
			group: groupSchedule, flags: named("init-period"), vars: named("GITSYNC_INIT_PERIOD"), arg: "DURATION", preset: "as --period",
			set:  duration(func(d *draft) *time.Duration { return &d.InitPeriod }, 10*time.Millisecond),
			text: "The same until the first success.",
		},
		{
			group: groupSchedule, flags: []spelling{{name: "timeout", v3: true, syntax: inWholeSeconds}, {name: "sync-timeout"}},
			vars: []spelling{{name: "GIT_SYNC_TIMEOUT", v3: true, syntax: inWholeSeconds}, {name: "GITSYNC_SYNC_TIMEOUT"}},
			arg:  "DURATION", preset: "120s",
			set:  duration(func(d *draft) *time.Duration { return &d.SyncTimeout }, 10*time.Millisecond),
			text: "How long one whole sync may take; what still runs then is killed. --timeout takes seconds (120), --sync-timeout a duration (2m).",
		},
		{
			group: groupSchedule, scope: perProcess, flags: named("one-time"), kind: isBool, preset: "false",
			vars: []spelling{{name: "GIT_SYNC_ONE_TIME"}, {name: "GITSYNC_ONE_TIME"}, {name: "GITSYNC_ONETIME", stray: true}},
			set:  toggle(func(d *draft) *bool { return &d.OneTime }),
			text: "Exit after the first success, as an init container does.",
		},
		{
			group: groupSchedule, flags: []spelling{{name: "max-sync-failures", v3: true}, {name: "max-failures"}},
			vars: []spelling{{name: "GIT_SYNC_MAX_SYNC_FAILURES", v3: true}, {name: "GITSYNC_MAX_FAILURES"}},
			arg:  "N", preset: "the first one exits until something is published; then never",
			set:  func(d *draft, in given) (err error) { d.Budget, err = readBudget(in); return err },
			text: "How many consecutive failures to bear. --max-sync-failures=N tolerates N and exits at the next one; --max-failures=N exits at the Nth (0 and 1: the first). -1: never exit for failures.",
		},
		{
			group: groupSchedule, flags: named("init-max-failures"), vars: named("GITSYNC_INIT_MAX_FAILURES"), arg: "N", preset: "as --max-failures",
			set:  func(d *draft, in given) (err error) { d.InitBudget, err = readBudget(in); return err },
			text: "The same, counted as --max-failures does, until the first success.",
		},
		{
			group: groupSchedule, flags: named("backoff-max"), vars: named("GITSYNC_BACKOFF_MAX"), arg: "DURATION", fresh: true,
			preset: "1m while failures are unlimited; otherwise the wait does not grow",
			set:    duration(func(d *draft) *time.Duration { return &d.BackoffMax }, 10*time.Millisecond),
			text:   "The wait doubles with each failure in a row, up to this.",
		},
		{
			group: groupSchedule, scope: perProcess, flags: named("sync-on-signal"), vars: bothVars("SYNC_ON_SIGNAL"), arg: "SIGNAL",
			set:  func(d *draft, in given) (err error) { d.SyncOnSignal, err = readSignal(in.value()); return err },
			text: "Sync at once when this signal arrives. SIGHUP, HUP and 1 are the same.",
		},
	}
}

func gitRows() []option {
	return []option{
		{
			group: groupGit, scope: perProcess, flags: named("git"), vars: bothVars("GIT"), arg: "COMMAND", preset: "git",
			set:  text(func(d *draft) *string { return &d.Git }),
			text: "The git to run: a path, or a name to look up in PATH.",
		},
		{
			group: groupGit, flags: named("git-config"), vars: bothVars("GIT_CONFIG"), arg: "KEY:VAL,...",
			set:  takeGitConfig,
			text: `Extra git configuration, as key:val pairs with commas between them. Keys and values may be in double quotes. Escapes: \n \t \" \, \\.`,
		},
		{
			group: groupGit, flags: named("git-config-add"), arg: "KEY:VAL", kind: manyValues,
			set:  takeGitConfigAdd,
			text: "One more setting of git's, written as for --git-config, except that commas need no escape; it may be given many times.",
		},
		{
			group: groupGit, flags: named("git-gc"), vars: bothVars("GIT_GC"), arg: "MODE", preset: "auto", choices: words(repo.GCAuto, repo.GCAlways, repo.GCAggressive, repo.GCOff),
			set:  text(func(d *draft) *repo.GC { return &d.GitGC }),
			text: "When to collect garbage: when it is worth it (auto), after every update (always, aggressive), or never (off).",
		},
	}
}

func helpRows() []option {
	asked := func(d *draft, in given) error { _, err := readBool(in.value()); return err } // Parse has looked before
	return []option{
		{group: groupHelp, scope: perProcess, flags: named("help"), short: "h?", kind: isBool, set: asked, text: "Print this and exit."},
		{group: groupHelp, scope: perProcess, flags: named("man"), kind: isBool, set: asked, text: "Print the manual page and exit; 'git-sync --man | man -l -' shows it."},
		{group: groupHelp, scope: perProcess, flags: named("version"), kind: isBool, set: asked, text: "Print the version and exit."},
	}
}
