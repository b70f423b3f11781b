package git

// Kind is what to make of a failure.
type Kind int

// The kinds of failure. Those up to KindKilled say nothing about the repository:
// git was ended before it could tell.
const (
	// KindUnknown is what could not be told apart.
	KindUnknown Kind = iota
	// KindCanceled: our context was canceled.
	KindCanceled
	// KindTimeout: our context's deadline passed.
	KindTimeout
	// KindKilled: git or a helper was ended by a signal that was not ours, as the
	// kernel does when memory is short.
	KindKilled
	// KindNetwork: the remote was not reached, or the connection was lost.
	KindNetwork
	// KindTLS: the connection could not be made secure.
	KindTLS
	// KindAuth: credentials are missing, unusable or refused.
	KindAuth
	// KindHostKey: the ssh server's key is unknown or has changed.
	KindHostKey
	// KindRepoNotFound: the remote knows no such repository, or not for this user.
	KindRepoNotFound
	// KindRefNotFound: the repository has no such ref or commit.
	KindRefNotFound
	// KindLagging: the remote does not give an object by the hash that it was asked for, though it
	// may have advertised it.
	KindLagging
	// KindEmptyRemote: the repository has no commits yet.
	KindEmptyRemote
	// KindDenied: the remote was reached and has refused, for a reason of its own.
	KindDenied
	// KindProxy: the proxy refuses to connect us.
	KindProxy
	// KindRateLimited: the server wants fewer requests.
	KindRateLimited
	// KindServer: the server failed (HTTP 5xx, an error of its git).
	KindServer
	// KindNoSpace: a local disk or quota is full.
	KindNoSpace
	// KindReadOnly: a local file system is read-only.
	KindReadOnly
	// KindPermission: a local file may not be read or written.
	KindPermission
	// KindIO: a local disk fails, or the system is out of some resource.
	KindIO
	// KindCorrupt: the local repository is proved to be damaged.
	KindCorrupt
	// KindLocked: a lock file stands in the way.
	KindLocked
	// KindUnsupported: this git, or the remote, cannot do it.
	KindUnsupported
	// KindDepth: the remote cannot give a part of the history.
	KindDepth
	// KindLazy: a partial clone lacks an object, and was not allowed to fetch it.
	KindLazy
	// KindFilter: a program that filters files, such as git-lfs, has failed.
	KindFilter
	// KindRefused: git refuses for safety (transport not allowed, repository of
	// another user, hostile paths).
	KindRefused
)

// explained are the kinds in words, and the usual advice for each, naming the options of
// git-sync.
func (k Kind) explained() (words, hint string) {
	e := [...]struct{ words, hint string }{
		KindUnknown:      {"unknown failure", ""},
		KindCanceled:     {"interrupted", ""},
		KindTimeout:      {"timed out", "if the repository is large or the network slow, raise --sync-timeout; otherwise see why the remote does not answer"},
		KindKilled:       {"killed", "if memory is short, raise the container's limit, or fetch less with --depth=1, --filter=blob:none or a sparse checkout"},
		KindNetwork:      {"network failure", "check the host in --repo, DNS, firewalls and HTTPS_PROXY"},
		KindTLS:          {"TLS failure", "check the server's certificate and our clock; for a private authority point GIT_SSL_CAINFO at its certificate"},
		KindAuth:         {"not authenticated", "check the credentials: --username with --password-file, --credential, --ssh-key-file, --askpass-url, --cookie-file or --github-app-*"},
		KindHostKey:      {"ssh host key not trusted", "put the server's key into --ssh-known-hosts-file (ssh-keyscan HOST prints it; compare it with the one published by the host's owner)"},
		KindRepoNotFound: {"repository not found", "check --repo; many hosts also answer so when the credentials may not read the repository"},
		KindRefNotFound:  {"ref not found", "check --ref: it must be a branch, a tag, a full hash or refs/... that exists at the remote"},
		KindLagging:      {"not given by the remote", "the remote has just advertised this commit: one of its replicas may lag behind"},
		KindEmptyRemote:  {"repository is empty", "push a first commit"},
		KindProxy:        {"refused by the proxy", "the answer is the proxy's, not the server's: a user and password for it go into HTTPS_PROXY (http_proxy for http:// URLs), http://user:password@host:port; or name the host in --repo in NO_PROXY"},
		KindDenied:       {"refused by the remote", ""},
		KindRateLimited:  {"rate limited", "poll less often (--period), or authenticate: the limits for known users are higher"},
		KindServer:       {"server failure", "the failure is the server's"},
		KindNoSpace:      {"disk full", "make room on the volume of --root (df -h, and df -i for its inodes), or fetch less with --depth=1, --filter or a sparse checkout"},
		KindReadOnly:     {"read-only file system", "mount the volume of --root writable; with a read-only root file system --root needs a volume of its own"},
		KindPermission:   {"permission denied", "--root must be writable for our user: check its owner and mode, or set fsGroup"},
		KindIO:           {"I/O failure", "check the disk below --root and the kernel's log; nothing is deleted on suspicion"},
		KindCorrupt:      {"repository damaged", "it is repaired from the remote by itself; if it comes back, check the disk"},
		KindLocked:       {"locked", "another git works in --root, or one has died in it; what is left of dead ones is removed at the next sync"},
		KindUnsupported:  {"not supported", "use a newer git (--git), or a remote that can do it"},
		KindDepth:        {"no shallow history", ""},
		KindLazy:         {"object not fetched", ""},
		KindFilter:       {"filter failed", ""},
		KindRefused:      {"refused", "see the message for what git considers unsafe; only https, http, ssh, git and file transports are allowed"},
	}[k]
	return e.words, e.hint
}

// String returns the kind in words.
func (k Kind) String() string {
	words, _ := k.explained()
	return words
}

// Hint is the usual advice for the kind, "" if there is none.
func (k Kind) Hint() string {
	_, hint := k.explained()
	return hint
}
