package git

// Kind classifies a failure.
type Kind int

// The kinds of failure. Those up to KindKilled say nothing about the repository, because git was ended early.
const (
	// KindUnknown: any other failure.
	KindUnknown Kind = iota
	// KindCanceled: our context was canceled.
	KindCanceled
	// KindTimeout: our context's deadline passed.
	KindTimeout
	// KindKilled: git or a helper was ended by a signal from another process, for example by the kernel when memory
	// is short.
	KindKilled
	// KindNetwork: the remote could not be reached, or the connection was lost.
	KindNetwork
	// KindTLS: TLS failed.
	KindTLS
	// KindAuth: credentials are missing, unusable or rejected.
	KindAuth
	// KindHostKey: the ssh server's key is unknown or has changed.
	KindHostKey
	// KindRepoNotFound: the remote has no such repository, or this user may not see it.
	KindRepoNotFound
	// KindRefNotFound: the repository has no such ref or commit.
	KindRefNotFound
	// KindLagging: the remote does not send an object by its hash, though it may have advertised it.
	KindLagging
	// KindEmptyRemote: the repository has no commits yet.
	KindEmptyRemote
	// KindDenied: the remote was reached, and rejected the request for another reason.
	KindDenied
	// KindProxy: the proxy rejects the connection.
	KindProxy
	// KindRateLimited: there were too many requests for the server.
	KindRateLimited
	// KindServer: the server failed (HTTP 5xx, or its git failed).
	KindServer
	// KindNoSpace: a local disk or quota is full.
	KindNoSpace
	// KindReadOnly: a local file system is read-only.
	KindReadOnly
	// KindPermission: a local file may not be read or written.
	KindPermission
	// KindIO: a local disk fails, or a system resource is exhausted.
	KindIO
	// KindCorrupt: the local repository is proved to be damaged.
	KindCorrupt
	// KindLocked: a lock file exists.
	KindLocked
	// KindUnsupported: this git or the remote does not support it.
	KindUnsupported
	// KindDepth: the remote cannot send a part of the history.
	KindDepth
	// KindLazy: a partial clone lacks an object and was not allowed to fetch it.
	KindLazy
	// KindFilter: a filter program, such as git-lfs, has failed.
	KindFilter
	// KindRefused: git refused for safety (transport not allowed, repository of another user, unsafe paths).
	KindRefused
)

// explanation is a kind in words, and the default hint, which may name options of git-sync.
type explanation struct{ words, hint string }

func (k Kind) explained() explanation {
	return [...]explanation{
		KindUnknown:      {"unknown failure", ""},
		KindCanceled:     {"interrupted", ""},
		KindTimeout:      {"timed out", "if the repository is large or the network slow, raise --sync-timeout; otherwise check why the remote does not answer"},
		KindKilled:       {"killed", "if memory is short, raise the container's limit, or fetch less with --depth=1, --filter=blob:none or a sparse checkout"},
		KindNetwork:      {"network failure", "check the host in --repo, DNS, firewalls and HTTPS_PROXY"},
		KindTLS:          {"TLS failure", "check the server's certificate and the clock of this machine; for a private CA, set GIT_SSL_CAINFO to its certificate"},
		KindAuth:         {"not authenticated", "check the credentials: --username with --password-file, --credential, --ssh-key-file, --askpass-url, --cookie-file or --github-app-*"},
		KindHostKey:      {"ssh host key not trusted", "put the server's key into --ssh-known-hosts-file (ssh-keyscan HOST prints it; compare it with the one published by the host's owner)"},
		KindRepoNotFound: {"repository not found", "check --repo; many hosts also answer this if the credentials may not read the repository"},
		KindRefNotFound:  {"ref not found", "check --ref: it must be a branch, a tag, a full hash or refs/... that exists at the remote"},
		KindLagging:      {"not given by the remote", "the remote has just advertised this commit: one of its replicas may lag behind"},
		KindEmptyRemote:  {"repository is empty", "push a first commit"},
		KindProxy:        {"refused by the proxy", "the answer is from the proxy, not from the server: put a user and password for it into HTTPS_PROXY (http_proxy for http:// URLs), http://user:password@host:port; or name the host in --repo in NO_PROXY"},
		KindDenied:       {"refused by the remote", ""},
		KindRateLimited:  {"rate limited", "poll less often (--period), or authenticate: the limits for known users are higher"},
		KindServer:       {"server failure", "the failure is the server's"},
		KindNoSpace:      {"disk full", "make room on the volume of --root, or of the published directory (df -h, and df -i for its inodes), or fetch less with --depth=1, --filter or a sparse checkout"},
		KindReadOnly:     {"read-only file system", "mount the volume of --root, or of the published directory, writable; with a read-only root file system --root needs a volume of its own"},
		KindPermission:   {"permission denied", "--root must be writable for the UID of git-sync: check its owner and mode, or set fsGroup"},
		KindIO:           {"I/O failure", "check the disk below --root and the kernel's log; nothing is deleted on suspicion"},
		KindCorrupt:      {"repository damaged", "git-sync repairs it from the remote; if it happens again, check the disk"},
		KindLocked:       {"locked", "another git is running in --root, or was killed in it; git-sync removes stale locks at the next sync"},
		KindUnsupported:  {"not supported", "use a newer git (--git), or a remote that supports it"},
		KindDepth:        {"no shallow history", ""},
		KindLazy:         {"object not fetched", ""},
		KindFilter:       {"filter failed", ""},
		KindRefused:      {"refused", "see the message for what git considers unsafe; only https, http, ssh, git and file transports are allowed"},
	}[k]
}

// String returns the kind in words.
func (k Kind) String() string { return k.explained().words }

// Hint returns the default hint for the kind; "" if there is none.
func (k Kind) Hint() string { return k.explained().hint }
