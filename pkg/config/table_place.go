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
			text: "Directory for the object store, the published worktrees and the link. It may be relative, or go through symlinks. Other files in it are not touched.",
		},
		{
			group: groupPlace, flags: []spelling{{name: "dest", v3: true}, {name: "link"}},
			vars: twoNames("DEST", "LINK", plain), arg: "PATH", preset: "the last part of --repo",
			set:  checked(checkLink, text(func(d *draft) *string { return &d.Link })),
			text: "The published link: absolute, or relative to --root. With --dest it points to rev-HASH, with --link to .worktrees/HASH.",
		},
		{
			group: groupPlace, flags: named("worktree-layout"), vars: named("GITSYNC_WORKTREE_LAYOUT"), arg: "LAYOUT",
			preset: "rev, or worktrees with --link", choices: words(repo.LayoutRev, repo.LayoutHash, repo.LayoutWorktrees),
			set: text(func(d *draft) *repo.Layout { return &d.Layout }),
			text: "Target of the link, whichever option names it: rev-HASH (rev), HASH (hash) or .worktrees/HASH (worktrees). " +
				"A root that publishes HASH keeps doing so unless this option is given.",
		},
		{
			group: groupPlace, flags: named("stale-worktree-timeout"), vars: named("GITSYNC_STALE_WORKTREE_TIMEOUT"), arg: "DURATION", preset: "0s",
			set:  duration(func(d *draft) *time.Duration { return &d.StaleWorktreeTimeout }, 0),
			text: "How long to keep a worktree after it was replaced, for readers that still use it.",
		},
		{
			group: groupPlace, flags: named("group-write"), vars: bothVars("GROUP_WRITE"), kind: isBool, preset: "false",
			set:  toggle(func(d *draft) *bool { return &d.GroupWrite }),
			text: "Make everything that git-sync writes group-writable, so that another UID of the same group can take over the root.",
		},
		{
			group: groupPlace, flags: named("change-permissions"), vars: named("GIT_SYNC_PERMISSIONS"), arg: "MODE", preset: "0",
			set:  takePermissions,
			text: "Set this mode on the checked-out files before publishing: octal with a leading 0 (0755), decimal without. 0 changes nothing.",
		},
		{
			group: groupPlace, flags: named("touch-file"), vars: bothVars("TOUCH_FILE"), arg: "PATH",
			set:  text(func(d *draft) *string { return &d.TouchFile }),
			text: "File to touch when a sync publishes, and once at start: absolute, or relative to --root.",
		},
		{
			group: groupPlace, flags: named("error-file"), vars: bothVars("ERROR_FILE"), arg: "PATH",
			set:  text(func(d *draft) *string { return &d.ErrorFile }),
			text: "File for the last error, as JSON. It is removed at the next success. Absolute, or relative to --root.",
		},
	}
}

// shortest is the shortest period and timeout.
const shortest = 10 * time.Millisecond

func scheduleRows() []option {
	return []option{
		{
			group: groupSchedule, flags: []spelling{{name: "wait", v3: true, syntax: inSeconds}, {name: "period"}},
			vars: twoNames("WAIT", "PERIOD", inSeconds), arg: "DURATION", preset: "10s",
			set:  atLeast(shortest, shortest, func(d *draft) *time.Duration { return &d.Period }),
			text: "Time between two syncs, at least 10ms. --wait takes seconds (0.5), --period takes a duration (500ms).",
		},
		{
			group: groupSchedule, flags: named("init-period"), vars: named("GITSYNC_INIT_PERIOD"), arg: "DURATION", preset: "as --period",
			set:  duration(func(d *draft) *time.Duration { return &d.InitPeriod }, shortest),
			text: "Time between two syncs until the first success.",
		},
		{
			group: groupSchedule, flags: []spelling{{name: "timeout", v3: true, syntax: inWholeSeconds}, {name: "sync-timeout"}},
			vars: twoNames("TIMEOUT", "SYNC_TIMEOUT", inWholeSeconds), arg: "DURATION", preset: "120s",
			set:  atLeast(shortest, syncDefaults().SyncTimeout, func(d *draft) *time.Duration { return &d.SyncTimeout }),
			text: "Time limit of one sync. Processes that still run are killed. --timeout takes seconds (120), --sync-timeout takes a duration (2m).",
		},
		{
			group: groupSchedule, scope: perProcess, flags: named("one-time"), kind: isBool, preset: "false",
			vars: []spelling{{name: "GIT_SYNC_ONE_TIME"}, {name: "GITSYNC_ONE_TIME"}, {name: "GITSYNC_ONETIME", stray: true}},
			set:  toggle(func(d *draft) *bool { return &d.OneTime }),
			text: "Exit after the first successful sync, for init containers.",
		},
		{
			group: groupSchedule, flags: []spelling{{name: "max-sync-failures", v3: true}, {name: "max-failures"}},
			vars: twoNames("MAX_SYNC_FAILURES", "MAX_FAILURES", plain), arg: "N", preset: "exit at the first failure until something is published, then never",
			set:  func(d *draft, in given) (err error) { d.Budget, err = readBudget(in); return err },
			text: "Consecutive failures to tolerate before exiting. --max-sync-failures=N tolerates N failures and exits at the next one. --max-failures=N exits at the Nth failure (0 and 1: at the first). -1 means never exit for failures.",
		},
		{
			group: groupSchedule, flags: named("init-max-failures"), vars: named("GITSYNC_INIT_MAX_FAILURES"), arg: "N", preset: "as --max-failures",
			set:  func(d *draft, in given) (err error) { d.InitBudget, err = readBudget(in); return err },
			text: "The same as --max-failures until the first success.",
		},
		{
			group: groupSchedule, flags: named("backoff-max"), vars: named("GITSYNC_BACKOFF_MAX"), arg: "DURATION",
			preset: "1m if failures are unlimited; otherwise the delay does not grow",
			set:    duration(func(d *draft) *time.Duration { return &d.BackoffMax }, shortest),
			text:   "Longest delay between retries. The delay doubles with each consecutive failure.",
		},
		{
			group: groupSchedule, scope: perProcess, flags: named("sync-on-signal"), vars: bothVars("SYNC_ON_SIGNAL"), arg: "SIGNAL",
			set:  func(d *draft, in given) (err error) { d.SyncOnSignal, err = readSignal(in.value()); return err },
			text: "Signal that triggers a sync. SIGHUP, HUP and 1 are the same.",
		},
	}
}

func gitRows() []option {
	return []option{
		{
			group: groupGit, scope: perProcess, flags: named("git"), vars: bothVars("GIT"), arg: "COMMAND", preset: "git",
			set:  text(func(d *draft) *string { return &d.Git }),
			text: "The git program: a path, or a name to look up in PATH.",
		},
		{
			group: groupGit, flags: named("git-config"), vars: bothVars("GIT_CONFIG"), arg: "KEY:VAL,...",
			set:  takeGitConfig,
			text: `Extra git configuration: key:val pairs, separated by commas. Keys and values may be in double quotes. Escapes: \n \t \" \, \\.`,
		},
		{
			group: groupGit, flags: named("git-config-add"), arg: "KEY:VAL", kind: manyValues,
			set:  takeGitConfigAdd,
			text: "One git setting, written as for --git-config, but commas need no escape. Repeatable.",
		},
		{
			group: groupGit, flags: named("git-gc"), vars: bothVars("GIT_GC"), arg: "MODE", preset: "auto", choices: words(repo.GCAuto, repo.GCAlways, repo.GCAggressive, repo.GCOff),
			set:  text(func(d *draft) *repo.GC { return &d.GitGC }),
			text: "When to run garbage collection: if it is worth it (auto), after every update (always, aggressive), or never (off).",
		},
	}
}

func helpRows() []option {
	asked := func(d *draft, in given) error { _, err := readBool(in.value()); return err } // Parse has looked before
	return []option{
		{group: groupHelp, scope: perProcess, flags: named("help"), short: "h?", kind: isBool, set: asked, text: "Print this help and exit."},
		{group: groupHelp, scope: perProcess, flags: named("man"), kind: isBool, set: asked, text: "Print the manual page and exit. To read it: 'git-sync --man | man -l -'."},
		{group: groupHelp, scope: perProcess, flags: named("check"), kind: isBool, set: asked, text: "Validate the options and the file of --config, and exit."},
		{group: groupHelp, scope: perProcess, flags: named("version"), kind: isBool, set: asked, text: "Print the version and exit."},
	}
}
