package git

// rule gives a kind to what is said in any of some words, and a hint if more can
// be said than is usual for the kind.
type rule struct {
	kind Kind
	hint string
	any  []string
}

// scarce is what to do when the system, and not the disk, has no more.
const scarce = "the system is short of processes, threads or open files: raise the limit (ulimit, the container's pids limit)"

// systemRules know the local system's complaints, which come with git's words:
//
//	fatal: write error: No space left on device
//	error: unable to create temporary file: Read-only file system
//	error: index-pack died of signal 9
//	fatal: Out of memory, malloc failed (tried to allocate 33554432 bytes)
//	error: cannot fork() for index-pack: Resource temporarily unavailable
//	error: unable to mmap /root/.git/objects/12/34: Input/output error
func systemRules() []rule {
	return []rule{
		{kind: KindNoSpace, any: []string{"No space left on device", "Disk quota exceeded"}},
		{kind: KindReadOnly, any: []string{"Read-only file system"}},
		{
			kind: KindIO,
			hint: scarce,
			any:  []string{"Resource temporarily unavailable", "Too many open files"},
		},
		{kind: KindIO, any: []string{
			"Input/output error", "Remote I/O error", "Stale file handle", "Stale NFS file handle",
			"Transport endpoint is not connected", "Structure needs cleaning",
		}},
		{kind: KindKilled, any: []string{" died of signal ", "Out of memory", "Cannot allocate memory"}},
	}
}

// damage knows proof of damage:
//
//	fatal: loose object 7972c0 (stored in /root/.git/objects/79/72c0) is corrupt
//	fatal: packed object 7972c0 (stored in /root/.git/objects/pack/pack-8.pack) is corrupt
//	error: object file /root/.git/objects/79/72c0 is empty
//	error: packfile /root/.git/objects/pack/pack-8.pack does not match index
//	error: file /root/.git/objects/pack/pack-8.pack is far too short to be a packfile
//	error: index file /root/.git/objects/pack/pack-8.idx is too small
//	error: 7972c0: object corrupt or missing: /root/.git/objects/79/72c0
//	error: /root/.git/objects/pack/pack-8.pack pack checksum mismatch
//	fatal: index file corrupt
//	fatal: /root/.git/worktrees/x/index: index file smaller than expected
//	fatal: bad config line 1 in file /root/.git/config
func damage() rule {
	return rule{kind: KindCorrupt, any: []string{
		") is corrupt", "error: object file ", ": object corrupt or missing: ", " is far too short to be a packfile",
		" does not match index", " pack checksum mismatch", ".idx is too small",
		"index file corrupt", "index file smaller than expected", "index file open failed: Not a directory",
		"fatal: bad config line ", ".idx is corrupt", "error: bad index file sha1 signature",
	}, hint: ""}
}

// remoteRules know what is particular enough to decide, whatever else is said:
//
//	Host key verification failed.
//	fatal: couldn't find remote ref refs/heads/nope
//	fatal: remote error: upload-pack: not our ref 1234567
//	fatal: repository 'http://host/nope/' not found
//	fatal: '/nope' does not appear to be a git repository
//	fatal: remote error: access denied or repository not exported: /nope
//	fatal: http://host/x/info/refs not valid: is this a git repository?
//	fatal: could not read Username for 'http://host': terminal prompts disabled
//	git@host: Permission denied (publickey).
//	fatal: transport 'file' not allowed
//	fatal: detected dubious ownership in repository at '/srv/x.git'
//	fatal: git upload-pack: aborting due to possible repository corruption on the remote side.
func remoteRules() []rule {
	return []rule{
		{kind: KindHostKey, any: []string{"Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED"}},
		{kind: KindRateLimited, any: []string{"rate limit", "Rate limit", "Too many requests", "Too Many Requests"}},
		{kind: KindEmptyRemote, any: []string{"couldn't find remote ref HEAD\n"}},
		{kind: KindRefNotFound, any: []string{
			"couldn't find remote ref ", "not our ref ", "unadvertised object ", "no such remote ref ", " not found in upstream ",
		}},
		{
			kind: KindAuth,
			hint: "the proxy wants a user and password: put them into HTTPS_PROXY, http://user:password@host:port",
			any:  []string{"HTTP code 407 from proxy", "CONNECT tunnel failed, response 407"},
		},
		{kind: KindAuth, any: []string{
			"Authentication failed for ", "could not read Username for ", "could not read Password for ",
			"Permission denied (publickey", "Permission denied (password", "Permission denied (keyboard", "Permission denied, please try again",
			"Too many authentication failures", "HTTP Basic: Access denied", "Invalid username or password",
		}},
		{
			kind: KindUnsupported,
			hint: "ssh does not run for a UID without a name: set --add-user, or run as a UID that /etc/passwd knows",
			any:  []string{"No user exists for uid "},
		},
		{
			kind: KindUnsupported, hint: "a program that git runs is missing; for an ssh URL install an ssh client (Debian: openssh-client)",
			any: []string{"error: cannot run ", "ssh: not found"},
		},
		{
			kind: KindUnsupported, hint: "this git lacks the helper for the transport of --repo: install all of git, or name another with --git",
			any: []string{"unable to find remote helper for ", "is not a git command"},
		},
		{
			kind: KindRepoNotFound,
			hint: "what answers is no git repository: check the path in --repo (a page to log in, perhaps?)",
			any:  []string{" not valid: is this a git repository?"},
		},
		{kind: KindRepoNotFound, any: []string{
			"fatal: repository '", " does not appear to be a git repository", "Repository not found",
			"repository not exported: ", "project you were looking for could not be found",
		}},
		{
			kind: KindRefused,
			hint: "git reads no local repository of another user: make our user own it, or reach it by another transport",
			any:  []string{"dubious ownership", "is owned by someone else"},
		},
		{
			kind: KindRefused,
			hint: "https, http, ssh and git are allowed, and file for --repo itself; a submodule may use it with --git-config=protocol.file.allow:always",
			any:  []string{" not allowed\n"},
		},
		{
			kind: KindRefused, hint: "the repository holds a path or name that git refuses as unsafe: have it removed there",
			any: []string{"error: invalid path '", "suspicious submodule name", "strange hostname", "strange pathname", "disallowed submodule"},
		},
		{kind: KindUnsupported, any: []string{
			"dumb http transport does not support", "Server does not support", "unknown repository extension", "Expected git repo version",
			"mismatched algorithms", "unknown object format", "unknown option", "unknown switch",
		}},
		{
			kind: KindServer, hint: "the repository at the remote is damaged, and must be repaired there",
			any: []string{"repository corruption on the remote side"},
		},
		{kind: KindServer, any: []string{"Internal Server Error", "Internal server error"}},
		{kind: KindTLS, any: []string{
			"SSL certificate problem", "certificate verification failed", "server verification failed", "SSL: ", "GnuTLS, ",
			"gnutls_handshake() failed", "TLS connect error",
			"SSL routines", "SSL_connect", "error setting certificate", "Problem with the SSL CA cert", "OpenSSL/",
		}},
	}
}

// generalRules know what is said of any broken connection, and of local files:
//
//	fatal: unable to access 'http://host/': Could not resolve host: host
//	fatal: early EOF
//	ssh: connect to host 127.0.0.1 port 1: Connection refused
//	fatal: Unable to create '/root/.git/shallow.lock': File exists.
//	fatal: could not create work tree dir '/x': Permission denied
func generalRules() []rule {
	return []rule{
		{kind: KindLocked, any: []string{
			".lock': File exists", "Another git process seems to be running", "could not lock config file",
			"shallow file has changed since we read it",
		}},
		{
			kind: KindNetwork, hint: "the proxy's name is unknown: check HTTPS_PROXY and HTTP_PROXY",
			any: []string{"Could not resolve proxy"},
		},
		{
			kind: KindServer, hint: "what answers does not speak git: check --repo; over ssh, a login script that prints does this too",
			any: []string{"protocol error: bad line length character"},
		},
		{kind: KindNetwork, any: []string{
			"unable to access '", "RPC failed", "early EOF", "unexpected disconnect", "hung up", "protocol error",
			"expected flush after", "invalid index-pack output", "unable to connect to ", "unable to look up ",
			"Could not resolve host", "Connection refused", "Connection reset", "Connection closed", "Connection timed out",
			"Operation timed out", "No route to host", "Network is unreachable", "Broken pipe", "kex_exchange_identification",
			"Could not read from remote repository",
		}},
		{kind: KindPermission, any: []string{"Permission denied", "Operation not permitted", "insufficient permission"}},
	}
}
