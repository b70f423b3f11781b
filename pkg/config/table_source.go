package config

import (
	"path"

	"git-sync/pkg/repo"
	"git-sync/pkg/repo/remote"
)

func sourceRows(d *draft) []option {
	return []option{
		documented(option{flags: named("repo"), vars: bothVars("REPO"), arg: "URL", unset: "required", set: d.takeRepo},
			"The repository: an https, http, ssh, git or file URL, user@host:path, or a path. A user and password in an http(s) URL are removed from it and used as credentials."),
		documented(option{flags: []spelling{{name: "branch", v3: true}, {name: "ref"}}, vars: twoNames("BRANCH", "REF", plain), arg: "REF", preset: "HEAD", unset: "the default branch of the repository", set: into(&d.Ref, asText, checkRef)},
			"The ref to follow: a branch, a tag, a full commit hash, or a name that begins with refs/."),
		documented(option{flags: named("rev"), vars: named("GIT_SYNC_REV"), arg: "REV", unset: "HEAD", set: into(&d.Rev, asText, checkRef)},
			"Tag or hash to check out (v3). New manifests need only --ref. If --ref or --branch is a branch, it may also be a short hash, if --depth fetches that commit of the branch. HEAD means the branch itself."),
		documented(option{flags: named("ref-pattern"), vars: named("GITSYNC_REF_PATTERN"), arg: "GLOB", set: into(&d.RefPattern, asText, checkGlob)},
			"Follow the highest tag whose name matches this glob, for example 'v*', instead of one ref."),
		documented(option{flags: named("ref-semver"), vars: named("GITSYNC_REF_SEMVER"), arg: "RANGE", set: into(&d.RefSemver, asText, checkRange)},
			"Follow the highest tag that is a version in this range, instead of one ref: '>=1.2 <2', '^1' (from 1.0.0, below 2), '~1.4' (from 1.4.0, below 1.5). A leading v in tags is ignored. Prereleases count only if the range names one."),
		documented(option{flags: named("ref-pinned"), vars: named("GITSYNC_REF_PINNED"), kind: isBool, preset: "false", set: into(&d.RefPinned, asBool)},
			"If a tag moves to another commit after it was published, the sync fails."),
		documented(option{flags: named("depth"), vars: bothVars("DEPTH"), arg: "N", preset: "1", set: into(&d.Depth, asCount)},
			"Number of commits of history to fetch. 0 means all. It can be changed on an existing root."),
		documented(option{flags: named("filter"), vars: named("GITSYNC_FILTER"), arg: "SPEC", set: into(&d.Filter, asText, checkFilter)},
			"Make a partial clone with this git object filter, for example blob:none together with --sparse-checkout-file."),
		documented(option{flags: named("submodules"), vars: bothVars("SUBMODULES"), arg: "MODE", preset: "recursive", choices: words(repo.SubmodulesRecursive, repo.SubmodulesShallow, repo.SubmodulesOff), set: into(&d.Submodules, asText)},
			"Which submodules to check out: all of them (recursive), only the first level (shallow), or none (off)."),
		documented(option{flags: named("sparse-checkout-file"), vars: bothVars("SPARSE_CHECKOUT_FILE"), arg: "PATH", set: into(&d.SparseFile, asPath)},
			"File with the patterns of a sparse checkout. It is read again for each sync."),
		documented(option{flags: named("checkout"), vars: named("GITSYNC_CHECKOUT"), arg: "MODE", preset: "auto", choices: words(repo.CheckoutAuto, repo.CheckoutRecycle, repo.CheckoutFull), set: into(&d.Checkout, asText)},
			"How to make a new worktree: from the previous one (recycle), by a complete checkout (full), or from the previous one only if the result is provably the same (auto)."),
		documented(option{flags: named("poll"), vars: named("GITSYNC_POLL"), arg: "MODE", preset: "plain", choices: words(remote.PollPlain, remote.PollPersistent), set: into(&d.Poll, asText)},
			"How to poll the remote: start a short process for each poll (plain), or keep an HTTP connection open (persistent)."),
		documented(option{flags: named("verify"), vars: named("GITSYNC_VERIFY"), arg: "WHAT", preset: "off", choices: words(repo.VerifyOff, repo.VerifyCommit, repo.VerifyTag, repo.VerifyAny), set: into(&d.Verify, asText)},
			"Publish only revisions with a valid signature on the commit, on the tag, or on either of them (any). The trusted keys are in --verify-keyring and --verify-allowed-signers."),
		documented(option{flags: named("verify-keyring"), vars: named("GITSYNC_VERIFY_KEYRING"), arg: "PATH", set: into(&d.Trust.Keyring, asPath)},
			"File of OpenPGP public keys that --verify accepts."),
		documented(option{flags: named("verify-allowed-signers"), vars: named("GITSYNC_VERIFY_ALLOWED_SIGNERS"), arg: "PATH", set: into(&d.Trust.AllowedSigners, asPath)},
			"File of SSH public keys that --verify accepts, in ssh-keygen's allowed signers format."),
	}
}

// fileRows are about many repositories.
func fileRows(d *draft) []option {
	return []option{
		documented(option{scope: perProcess, flags: named("config"), vars: named("GITSYNC_CONFIG"), arg: "FILE", set: into(&d.File, asText)},
			"YAML file that lists several repositories, instead of --repo. For each repository, its entry in the file wins, then a flag, then a variable, then the defaults in the file. The file is read again when it changes."),
		documented(option{scope: perProcess, flags: named("max-concurrent-syncs"), vars: named("GITSYNC_MAX_CONCURRENT_SYNCS"), arg: "N", unset: "2 per CPU", set: into(&d.MaxConcurrentSyncs, asCount)},
			"How many repositories sync at the same time."),
	}
}

func checkGlob(s string) error {
	if _, err := path.Match(s, ""); err != nil {
		return wrong(quoted(s)+" is not a pattern", "it is a glob such as v* or release-[0-9]*")
	}
	return checkRefName(s)
}
