package config

import (
	"time"

	"git-sync/pkg/repo"
)

func placeRows(d *draft) []option {
	return []option{
		documented(option{flags: named("root"), vars: bothVars("ROOT"), arg: "DIR", unset: "$HOME/git", set: into(&d.Root, asPath)},
			"Directory for the object store (what was fetched), the worktrees (one complete checkout for each published revision) and the link. It can be relative and contain symlinks. Other files in it are not touched."),
		documented(option{flags: []spelling{{name: "dest", v3: true}, {name: "link"}}, vars: twoNames("DEST", "LINK", plain), arg: "PATH", unset: "the last part of --repo", set: into(&d.Link, asText, checkLink)},
			"The published link, which consumers read: absolute, or relative to --root. With --link it points to .worktrees/HASH, with --dest (v3) to rev-HASH."),
		documented(option{flags: named("worktree-layout"), vars: named("GITSYNC_WORKTREE_LAYOUT"), arg: "LAYOUT", preset: "rev", unset: "rev, or worktrees with --link", choices: words(repo.LayoutRev, repo.LayoutHash, repo.LayoutWorktrees), set: into(&d.Layout, asText)},
			"Target of the link: rev-HASH (rev), HASH (hash) or .worktrees/HASH (worktrees). An existing root that publishes HASH keeps that layout unless this option is given."),
		documented(option{flags: named("publish"), vars: named("GITSYNC_PUBLISH"), arg: "HOW", preset: "link", choices: words(repo.PublishKinds()...), set: into(&d.Publish, asText)},
			"What to publish at --link: a symlink to the worktree (link), a directory that is replaced as a whole (directory), or a directory that is updated file by file, for subPath and bind mounts (in-place). An in-place update is not atomic across files."),
		documented(option{flags: named("subdir"), vars: named("GITSYNC_SUBDIR"), arg: "PATH", set: into(&d.Subdir, asText, checkSubdir)},
			"Publish only this directory of the repository. A commit that does not have it is not published."),
		documented(option{flags: named("stale-worktree-timeout"), vars: named("GITSYNC_STALE_WORKTREE_TIMEOUT"), arg: "DURATION", preset: "0s", set: into(&d.StaleTimeout, atLeast(0))},
			"How long to keep a worktree after it is replaced, for readers that still use it."),
		documented(option{flags: named("group-write"), vars: bothVars("GROUP_WRITE"), kind: isBool, preset: "false", set: into(&d.GroupWrite, asBool)},
			"Make everything that git-sync writes from now on group-writable, so that another UID of the same group can use the root."),
		documented(option{flags: named("change-permissions"), vars: named("GIT_SYNC_PERMISSIONS"), arg: "MODE", preset: "0", set: d.takePermissions},
			"Set this mode on the checked-out files before publishing: octal with a leading 0 (0755), decimal without. 0 changes nothing."),
		documented(option{flags: named("touch-file"), vars: bothVars("TOUCH_FILE"), arg: "PATH", set: into(&d.TouchFile, asText)},
			"File to touch at start and when a revision is published. The path is absolute, or relative to --root."),
		documented(option{flags: named("error-file"), vars: bothVars("ERROR_FILE"), arg: "PATH", set: into(&d.ErrorFile, asText)},
			"File for the last error, as JSON. It is removed at the next success. The path is absolute, or relative to --root."),
	}
}

// shortest is the shortest period and timeout.
const shortest = 10 * time.Millisecond

func scheduleRows(d *draft) []option {
	return []option{
		documented(option{flags: []spelling{{name: "wait", v3: true, syntax: inSeconds}, {name: "period"}}, vars: twoNames("WAIT", "PERIOD", inSeconds), arg: "DURATION", preset: "10s", set: d.replaceShort(&d.Loop.Period, shortest)},
			"Time between two syncs, at least 10ms. --period takes a duration (500ms), --wait (v3) takes seconds (0.5)."),
		documented(option{flags: named("init-period"), vars: named("GITSYNC_INIT_PERIOD"), arg: "DURATION", unset: "as --period", set: into(&d.Loop.InitPeriod, atLeast(shortest))},
			"Time between two syncs until the first success."),
		documented(option{flags: []spelling{{name: "timeout", v3: true, syntax: inSeconds}, {name: "sync-timeout"}}, vars: twoNames("TIMEOUT", "SYNC_TIMEOUT", inSeconds), arg: "DURATION", preset: "120s", set: d.replaceShort(&d.Loop.Timeout, 2*time.Minute)},
			"Time limit of one sync. After that, its processes are killed. --sync-timeout takes a duration (2m), --timeout (v3) takes seconds (120)."),
		documented(option{scope: perProcess, flags: named("one-time"), kind: isBool, preset: "false", vars: []spelling{{name: "GIT_SYNC_ONE_TIME"}, {name: "GITSYNC_ONE_TIME"}, {name: "GITSYNC_ONETIME", unsupported: true}}, set: into(&d.OneTime, asBool)},
			"Exit after the first successful sync. It is for init containers, which run before the other containers of a pod."),
		documented(option{flags: []spelling{{name: "max-sync-failures", v3: true}, {name: "max-failures"}}, vars: twoNames("MAX_SYNC_FAILURES", "MAX_FAILURES", plain), arg: "N", unset: "exit at the first failure until something is published, then never", set: into(&d.Loop.Budget, asBudget)},
			"Consecutive failed syncs that end git-sync. --max-failures=N exits at the Nth failure (0 means 1). --max-sync-failures=N (v3) tolerates N failures, and exits at the next one. -1 means never exit for failures."),
		documented(option{flags: named("init-max-failures"), vars: named("GITSYNC_INIT_MAX_FAILURES"), arg: "N", unset: "as --max-failures", set: into(&d.Loop.InitBudget, asInitBudget)},
			"Like --max-failures, until the first success."),
		documented(option{flags: named("backoff-max"), vars: named("GITSYNC_BACKOFF_MAX"), arg: "DURATION", unset: "1m if failures are unlimited; otherwise the delay does not grow", set: into(&d.Loop.BackoffMax, atLeast(shortest))},
			"Longest delay between retries. The delay doubles with each consecutive failure."),
		documented(option{scope: perProcess, flags: named("sync-on-signal"), vars: bothVars("SYNC_ON_SIGNAL"), arg: "SIGNAL", set: into(&d.SyncOnSignal, asSignal)},
			"Signal that triggers a sync. SIGHUP, HUP and 1 are the same."),
	}
}

func gitRows(d *draft) []option {
	return []option{
		documented(option{scope: perProcess, flags: named("git"), vars: bothVars("GIT"), arg: "COMMAND", preset: "git", set: into(&d.Git, asProgram)},
			"The git program: a path, or a name to look up in PATH."),
		documented(option{flags: named("git-config"), vars: bothVars("GIT_CONFIG"), arg: "KEY:VAL,...", secret: true, set: d.takeGitConfig},
			`Extra git configuration: key:val pairs, separated by commas. Keys and values may be in double quotes. Escapes: \n \t \" \, \\.`),
		documented(option{flags: named("git-config-add"), arg: "KEY:VAL", kind: manyValues, secret: true, set: d.takeGitConfigAdd},
			"One git setting, in the syntax of --git-config. Commas need no escape. Repeatable."),
		documented(option{flags: named("git-gc"), vars: bothVars("GIT_GC"), arg: "MODE", preset: "auto", choices: words(repo.GCAuto, repo.GCAlways, repo.GCAggressive, repo.GCOff), set: into(&d.GC, asText)},
			"When to run garbage collection: when it is useful (auto), after every update (always, aggressive), or never (off)."),
	}
}

func helpRows() []option {
	asked := into(new(bool), asBool) // Parse has checked the flags already
	return []option{
		documented(option{scope: perProcess, flags: named("help"), short: "h?", kind: isBool, set: asked},
			"Print this help and exit."),
		documented(option{scope: perProcess, flags: named("man"), kind: isBool, set: asked},
			"Print the manual page and exit. To read it: 'git-sync --man | man -l -'."),
		documented(option{scope: perProcess, flags: named("check"), kind: isBool, set: asked},
			"Validate the options and the file of --config, and exit (with 2 if they are not valid). Neither the remote nor hooks, keys and other files that options name are tested."),
		documented(option{scope: perProcess, flags: named("version"), kind: isBool, set: asked},
			"Print the version and exit."),
	}
}
