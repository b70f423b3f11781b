package config

import (
	"path"

	"git-sync/pkg/repo"
	"git-sync/pkg/repo/remote"
)

func sourceRows() []option {
	return append(refRows(), []option{
		{
			group: groupSource, flags: named("depth"), vars: bothVars("DEPTH"), arg: "N", preset: "1",
			set:  number(func(d *draft) *int { return &d.Depth }, 0),
			text: "How many commits of history to fetch. 0 is all of it. It may change between runs on the same root, either way.",
		},
		{
			group: groupSource, flags: named("filter"), vars: named("GITSYNC_FILTER"), arg: "SPEC",
			set:  checked(checkFilter, text(func(d *draft) *string { return &d.Filter })),
			text: "Make a partial clone: leave objects out until they are needed, as git's --filter does, for example blob:none together with --sparse-checkout-file.",
		},
		{
			group: groupSource, flags: named("submodules"), vars: bothVars("SUBMODULES"), arg: "MODE", preset: "recursive",
			choices: words(repo.SubmodulesRecursive, repo.SubmodulesShallow, repo.SubmodulesOff),
			set:     text(func(d *draft) *repo.Submodules { return &d.Submodules }),
			text:    "Check submodules out: with all of theirs (recursive), only the first level (shallow), or not at all (off).",
		},
		{
			group: groupSource, flags: named("sparse-checkout-file"), vars: bothVars("SPARSE_CHECKOUT_FILE"), arg: "PATH",
			set:  text(func(d *draft) *string { return &d.SparseCheckoutFile }),
			text: "Check out only what the patterns in this file select (those of git's sparse checkout). The file is read again at each sync.",
		},
		{
			group: groupSource, flags: named("checkout"), vars: named("GITSYNC_CHECKOUT"), arg: "MODE", preset: "auto", fresh: true,
			choices: words(repo.CheckoutAuto, repo.CheckoutRecycle, repo.CheckoutFull),
			set:     text(func(d *draft) *repo.CheckoutMode { return &d.Checkout }),
			text:    "How a new tree is made: from the one replaced before it (recycle), which costs what changed, or by a whole checkout (full). auto recycles where the result is provably the same.",
		},
		{
			group: groupSource, flags: named("poll"), vars: named("GITSYNC_POLL"), arg: "MODE", preset: "plain", fresh: true,
			choices: words(remote.PollPlain, remote.PollPersistent),
			set:     text(func(d *draft) *remote.Poll { return &d.Poll }),
			text:    "How the remote is asked whether there is something new: by one short process each time (plain), or over an HTTP connection that is kept (persistent).",
		},
		{
			group: groupSource, flags: named("verify"), vars: named("GITSYNC_VERIFY"), arg: "WHAT", preset: "off", fresh: true,
			choices: words(repo.VerifyOff, repo.VerifyCommit, repo.VerifyTag, repo.VerifyAny),
			set:     text(func(d *draft) *repo.Verify { return &d.Verify }),
			text:    "Publish only revisions whose commit, tag, or either of them (any) is signed by a key that you list with --verify-keyring or --verify-allowed-signers.",
		},
		{
			group: groupSource, flags: named("verify-keyring"), vars: named("GITSYNC_VERIFY_KEYRING"), arg: "PATH", fresh: true,
			set:  text(func(d *draft) *string { return &d.Trust.Keyring }),
			text: "A file of OpenPGP public keys that --verify accepts.",
		},
		{
			group: groupSource, flags: named("verify-allowed-signers"), vars: named("GITSYNC_VERIFY_ALLOWED_SIGNERS"), arg: "PATH", fresh: true,
			set:  text(func(d *draft) *string { return &d.Trust.AllowedSigners }),
			text: "A file of SSH public keys that --verify accepts, in the format of ssh-keygen's allowed signers.",
		},
	}...)
}

func refRows() []option {
	return []option{
		{
			group: groupSource, flags: named("repo"), vars: bothVars("REPO"), arg: "URL", preset: "required",
			set:  takeRepo,
			text: "The repository: an https, http, ssh, git or file URL, user@host:path, or a path. A user and password in an http(s) URL are taken out and used as credentials.",
		},
		{
			group: groupSource, flags: []spelling{{name: "branch", v3: true}, {name: "ref"}},
			vars: []spelling{{name: "GIT_SYNC_BRANCH", v3: true}, {name: "GITSYNC_REF"}, {name: "GITSYNC_BRANCH", stray: true}},
			arg:  "REF", preset: "the remote's HEAD",
			set:  checked(checkRef, text(func(d *draft) *string { return &d.Ref })),
			text: "What to follow: a branch, a tag, a full hash, or a name that begins with refs/.",
		},
		{
			group: groupSource, flags: named("rev"), vars: named("GIT_SYNC_REV"), arg: "REV", preset: "HEAD",
			set:  checked(checkRef, func(d *draft, in given) error { d.rev = in.value(); return nil }),
			text: "A tag or hash, as of old. HEAD means what --branch says; alone, it is the ref; a full hash beside --branch is that commit; anything else beside --branch is an error.",
		},
		{
			group: groupSource, flags: named("ref-pattern"), vars: named("GITSYNC_REF_PATTERN"), arg: "GLOB", fresh: true,
			set:  checked(checkGlob, text(func(d *draft) *string { return &d.RefPattern })),
			text: "Follow the highest tag whose name matches, for example 'v*', instead of one ref.",
		},
		{
			group: groupSource, flags: named("ref-semver"), vars: named("GITSYNC_REF_SEMVER"), arg: "RANGE", fresh: true,
			set:  checked(checkRange, text(func(d *draft) *string { return &d.RefSemver })),
			text: "Follow the highest tag that is a version within this range, for example '>=1.2 <2', instead of one ref. Prereleases count only when the range names one.",
		},
		{
			group: groupSource, flags: named("ref-pinned"), vars: named("GITSYNC_REF_PINNED"), kind: isBool, preset: "false", fresh: true,
			set:  toggle(func(d *draft) *bool { return &d.RefPinned }),
			text: "Refuse a tag that has been moved to another commit since it was published.",
		},
	}
}

func checkGlob(s string) error {
	if _, err := path.Match(s, ""); err != nil {
		return wrong(quoted(s)+" is no pattern", "it is a glob such as v* or release-[0-9]*")
	}
	return checkRefName(s)
}
