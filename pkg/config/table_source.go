package config

import (
	"path"

	"git-sync/pkg/repo"
	"git-sync/pkg/repo/remote"
)

func sourceRows(d *draft) []option {
	return []option{
		{flags: named("repo"), vars: bothVars("REPO"), arg: "URL", unset: required, set: d.takeRepo,
			text: "The repository: an https, http, ssh, git or file URL, user@host:path, or a path. A user and password in an http(s) URL are removed from it and used as credentials."},
		{flags: []spelling{{name: "branch", v3: true}, {name: "ref"}}, vars: twoNames("BRANCH", "REF", plain), arg: "REF", preset: "HEAD", unset: "the remote's HEAD", set: into(&d.Ref, asText, checkRef),
			text: "The ref to follow: a branch, a tag, a full hash, or a name that begins with refs/."},
		{flags: named("rev"), vars: named("GIT_SYNC_REV"), arg: "REV", unset: "HEAD", set: into(&d.Rev, asText, checkRef),
			text: "Tag or hash to check out (v3). With --branch it may also be a short hash of a commit in the branch's history that --depth fetches. HEAD means --branch itself."},
		{flags: named("ref-pattern"), vars: named("GITSYNC_REF_PATTERN"), arg: "GLOB", set: into(&d.RefPattern, asText, checkGlob),
			text: "Follow the highest tag whose name matches this glob, for example 'v*', instead of one ref."},
		{flags: named("ref-semver"), vars: named("GITSYNC_REF_SEMVER"), arg: "RANGE", set: into(&d.RefSemver, asText, checkRange),
			text: "Follow the highest tag that is a version in this range, for example '>=1.2 <2', instead of one ref. Prereleases count only if the range names one."},
		{flags: named("ref-pinned"), vars: named("GITSYNC_REF_PINNED"), kind: isBool, preset: "false", set: into(&d.RefPinned, asBool),
			text: "Refuse a tag that has moved to another commit since it was published."},
		{flags: named("depth"), vars: bothVars("DEPTH"), arg: "N", preset: "1", set: into(&d.Depth, asCount),
			text: "Number of commits of history to fetch. 0 means all. The value may change between runs on the same root."},
		{flags: named("filter"), vars: named("GITSYNC_FILTER"), arg: "SPEC", set: into(&d.Filter, asText, checkFilter),
			text: "Make a partial clone with this git object filter, for example blob:none together with --sparse-checkout-file."},
		{flags: named("submodules"), vars: bothVars("SUBMODULES"), arg: "MODE", preset: "recursive", choices: words(repo.SubmodulesRecursive, repo.SubmodulesShallow, repo.SubmodulesOff),
			set:  into(&d.Submodules, asText),
			text: "Which submodules to check out: all of them (recursive), only the first level (shallow), or none (off)."},
		{flags: named("sparse-checkout-file"), vars: bothVars("SPARSE_CHECKOUT_FILE"), arg: "PATH", set: into(&d.SparseFile, asText),
			text: "File with the patterns of a sparse checkout. It is read again for each sync."},
		{flags: named("checkout"), vars: named("GITSYNC_CHECKOUT"), arg: "MODE", preset: "auto", choices: words(repo.CheckoutAuto, repo.CheckoutRecycle, repo.CheckoutFull), set: into(&d.Checkout, asText),
			text: "How to make a new worktree: update the previous one (recycle), check out everything (full), or recycle only if the result is proved to be the same (auto)."},
		{flags: named("poll"), vars: named("GITSYNC_POLL"), arg: "MODE", preset: "plain", choices: words(remote.PollPlain, remote.PollPersistent), set: into(&d.Poll, asText),
			text: "How to poll the remote: with one short process for each poll (plain), or over an HTTP connection that stays open (persistent)."},
		{flags: named("verify"), vars: named("GITSYNC_VERIFY"), arg: "WHAT", preset: "off", choices: words(repo.VerifyOff, repo.VerifyCommit, repo.VerifyTag, repo.VerifyAny), set: into(&d.Verify, asText),
			text: "Publish only revisions whose commit, whose tag, or either of them (any) is signed by a key in --verify-keyring or --verify-allowed-signers."},
		{flags: named("verify-keyring"), vars: named("GITSYNC_VERIFY_KEYRING"), arg: "PATH", set: into(&d.Trust.Keyring, asText),
			text: "File of OpenPGP public keys that --verify accepts."},
		{flags: named("verify-allowed-signers"), vars: named("GITSYNC_VERIFY_ALLOWED_SIGNERS"), arg: "PATH", set: into(&d.Trust.AllowedSigners, asText),
			text: "File of SSH public keys that --verify accepts, in ssh-keygen's allowed signers format."},
	}
}

// fileRows are about many repositories.
func fileRows(d *draft) []option {
	return []option{
		{scope: perProcess, flags: named("config"), vars: named("GITSYNC_CONFIG"), arg: "FILE", set: into(&d.File, asText),
			text: "YAML file that lists several repositories, instead of --repo. Flags and variables are defaults for all of them. The file is read again when it changes."},
		{scope: perProcess, flags: named("max-concurrent-syncs"), vars: named("GITSYNC_MAX_CONCURRENT_SYNCS"), arg: "N", unset: "2 for each CPU", set: into(&d.MaxConcurrentSyncs, asCount),
			text: "How many of them sync at the same time."},
	}
}

func checkGlob(s string) error {
	if _, err := path.Match(s, ""); err != nil {
		return wrong(quoted(s)+" is no pattern", "it is a glob such as v* or release-[0-9]*")
	}
	return checkRefName(s)
}
