package git

import (
	"regexp"
	"strings"
)

// rule gives a kind to a line that says something. The hint is empty unless more can be
// said than is usual for the kind.
type rule struct {
	kind Kind
	hint string
	says *regexp.Regexp
}

// holding matches a line that holds one of phrases; ending, one that ends with it.
func holding(phrases ...string) *regexp.Regexp { return phrased("", phrases, "") }

func ending(phrases ...string) *regexp.Regexp { return phrased("(?i): (", phrases, `)\.?$`) }

func phrased(before string, phrases []string, after string) *regexp.Regexp {
	quoted := make([]string, len(phrases))
	for i, p := range phrases {
		quoted[i] = regexp.QuoteMeta(p)
	}
	return regexp.MustCompile(before + strings.Join(quoted, "|") + after)
}

// anything matches every line.
var anything = regexp.MustCompile("")

// scarce is what to do when the system, and not the disk, has no more.
const scarce = "the system is short of processes, threads or open files: raise the limit (ulimit, the container's pids limit)"

// systemRules know the local system's complaints, which end git's lines and those of its
// helpers (git-lfs writes them in lower case):
//
//	fatal: write error: No space left on device
//	error: unable to create temporary file: Read-only file system
//	error: index-pack died of signal 9
//	fatal: Out of memory, malloc failed (tried to allocate 33554432 bytes)
//	error: cannot fork() for index-pack: Resource temporarily unavailable
//	error: unable to mmap /root/.git/objects/12/34: Input/output error
func systemRules() []rule {
	return []rule{
		{kind: KindNoSpace, says: ending("No space left on device", "Disk quota exceeded")},
		{kind: KindReadOnly, says: ending("Read-only file system")},
		{kind: KindIO, hint: scarce, says: ending("Resource temporarily unavailable", "Too many open files", "Too many open files in system")},
		{kind: KindIO, says: ending(
			"Input/output error", "Remote I/O error", "Stale file handle", "Stale NFS file handle",
			"Transport endpoint is not connected", "Structure needs cleaning",
		)},
		{kind: KindKilled, says: ending("Cannot allocate memory")},
		{kind: KindKilled, says: regexp.MustCompile(`^(error: \S+ died of signal \d+$|fatal: Out of memory, )`)},
	}
}

// damagedFile finds the file in a proof of damage:
//
//	fatal: loose object 7972c0 (stored in /root/.git/objects/79/72c0) is corrupt
//	fatal: packed object 7972c0 (stored in /root/.git/objects/pack/pack-8.pack) is corrupt
//	error: object file /root/.git/objects/79/72c0 is empty
//	error: packfile /root/.git/objects/pack/pack-8.pack does not match index
//	error: file /root/.git/objects/pack/pack-8.pack is far too short to be a packfile
//	error: index file /root/.git/objects/pack/pack-8.idx is too small
//	error: 7972c0: object corrupt or missing: /root/.git/objects/79/72c0
//	error: /root/.git/objects/pack/pack-8.pack pack checksum mismatch
//	fatal: /root/.git/worktrees/x/index: index file smaller than expected
//	fatal: bad config line 1 in file /root/.git/config
var damagedFile = regexp.MustCompile(`^(?:fatal|error): (?:(?:loose|packed) object [0-9a-f]+ \(stored in |object file |packfile |file |index file |[0-9a-f]+: object corrupt or missing: |bad config line \d+ in file )?` +
	`(/.*?)(?:\) is corrupt| is empty| does not match index| is far too short to be a packfile| is too small| is corrupt| pack checksum mismatch|: index file .*)?$`)

// damagedIndex knows proof of a damaged index, the only one that git uses then.
var damagedIndex = regexp.MustCompile(`^(fatal: index file corrupt|error: bad index file sha1 signature|fatal: .*/index: index file open failed: Not a directory)$`)

// transportRules know what git, curl and ssh say that is particular enough to decide, whatever
// else is said:
//
//	Host key verification failed.
//	fatal: couldn't find remote ref refs/heads/nope
//	fatal: repository 'http://host/nope/' not found
//	fatal: '/nope' does not appear to be a git repository
//	fatal: http://host/x/info/refs not valid: is this a git repository?
//	fatal: could not read Username for 'http://host': terminal prompts disabled
//	git@host: Permission denied (publickey).
//	fatal: transport 'file' not allowed
//	fatal: detected dubious ownership in repository at '/srv/x.git'
func transportRules() []rule {
	return []rule{
		{kind: KindLazy, says: regexp.MustCompile(`^warning: lazy fetching disabled;`)},
		{kind: KindHostKey, says: holding("Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED")},
		{kind: KindEmptyRemote, says: regexp.MustCompile(`couldn't find remote ref HEAD$`)},
		{kind: KindRefNotFound, says: holding("couldn't find remote ref ", "unadvertised object ", "no such remote ref ", " not found in upstream ")},
		{kind: KindProxy, says: regexp.MustCompile(`HTTP code \d+ from proxy|CONNECT tunnel failed, response \d+|The requested URL returned error: 407`)},
		{kind: KindAuth, says: holding(
			"Authentication failed for ", "could not read Username for ", "could not read Password for ",
			"Permission denied (publickey", "Permission denied (password", "Permission denied (keyboard", "Permission denied, please try again",
			"Too many authentication failures",
		)},
		{
			kind: KindUnsupported,
			hint: "ssh does not run for a UID without a name: set --add-user, or run as a UID that /etc/passwd knows",
			says: holding("No user exists for uid "),
		},
		{
			kind: KindUnsupported, hint: "a program that git runs is missing; for an ssh URL install an ssh client (Debian: openssh-client)",
			says: holding("error: cannot run ", "ssh: not found"),
		},
		{
			kind: KindUnsupported, hint: "this git lacks the helper for the transport of --repo: install all of git, or name another with --git",
			says: holding("unable to find remote helper for ", "is not a git command"),
		},
		{
			kind: KindDenied, hint: "write the URL that the server redirects to in --repo; if that is a page to log in, give a credential",
			says: holding("unable to update url base from redirection"),
		},
		{
			kind: KindRepoNotFound,
			hint: "what answers is no git repository: check the path in --repo (a page to log in, perhaps?)",
			says: holding(" not valid: is this a git repository?"),
		},
		{kind: KindRepoNotFound, says: holding("fatal: repository '", " does not appear to be a git repository", "fatal: invalid gitfile format: ")},
		{
			kind: KindRefused,
			hint: "git reads no local repository of another user: name it in --git-config=safe.directory:PATH, make our user own it, or reach it by another transport",
			says: holding("dubious ownership", "is owned by someone else"),
		},
		{
			kind: KindRefused,
			hint: "https, http, ssh and git are allowed, and file for --repo itself; a submodule may use it with --git-config=protocol.file.allow:always",
			says: regexp.MustCompile(` not allowed$`),
		},
		{
			kind: KindDepth, hint: "this remote gives whole histories only: --depth=0",
			says: holding("dumb http transport does not support shallow", "Server does not support shallow", "Server does not support --depth", "does not support --deepen"),
		},
		{kind: KindUnsupported, hint: "the remote cannot do this", says: holding("dumb http transport does not support", "Server does not support")},
		{kind: KindUnsupported, says: holding("mismatched algorithms", "unknown object format")},
		{
			kind: KindServer, hint: "the repository at the remote is damaged, and must be repaired there",
			says: holding("repository corruption on the remote side"),
		},
		{
			kind: KindTLS, hint: "the server wants a client certificate: --git-config=http.sslCert:FILE,http.sslKey:FILE (PEM)",
			says: regexp.MustCompile(`(?i)certificate (is )?required|alert (bad certificate|handshake failure)`),
		},
		{
			kind: KindTLS, hint: "check that the files in http.sslCert and http.sslKey are there, readable for our user, in PEM, and belong together",
			says: regexp.MustCompile(`(?i)could not load (PEM )?client cert|unable to set private key|reading X.509 key or certificate file|could not read.*client cert|sslCert`),
		},
		{kind: KindTLS, says: holding(
			"SSL certificate problem", "certificate verification failed", "server verification failed", "SSL: ", "GnuTLS, ",
			"gnutls_handshake() failed", "TLS connect error",
			"SSL routines", "SSL_connect", "error setting certificate", "Problem with the SSL CA cert", "OpenSSL/",
		)},
	}
}

// serverRules know what servers say:
//
//	upload-pack: not our ref 1234567
//	access denied or repository not exported: /nope
//	ERROR: Repository not found.
//	The project you were looking for could not be found or you don't have permission to view it.
//	Gitea: Cannot find repository: a/b
//	TF401019: The Git repository with name or identifier x does not exist or you do not have permissions
//	HTTP Basic: Access denied. The provided password or token is incorrect
func serverRules() []rule {
	return []rule{
		{kind: KindRateLimited, says: regexp.MustCompile(`(?i)rate limit|too many requests`)},
		{kind: KindLagging, says: holding("not our ref ")},
		{kind: KindRepoNotFound, says: regexp.MustCompile(`(?i)\b(repository|repo|project)\b.*(not found|could not be found|not exist|not exported)|cannot find repository| does not appear to be a git repository`)},
		{kind: KindAuth, says: regexp.MustCompile(`(?i)access denied|permission .*denied|not authori[sz]ed|unauthori[sz]ed|authentication failed|public key|deploy key|` +
			`invalid (username|user|password|token|credential)|(token|key|password|credential)s?\b.*(expired|revoked|incorrect|invalid)`)},
		{kind: KindServer, says: regexp.MustCompile(`(?i)internal (server )?error|maintenance|unavailable|try again|^fatal: |No space left on device`)},
	}
}

// statusRules know what an HTTP server refuses with, in a message of curl's:
//
//	fatal: unable to access 'http://host/x/': The requested URL returned error: 403
//	error: RPC failed; HTTP 504 curl 22 The requested URL returned error: 504
func statusRules() []rule {
	status := func(kind Kind, codes string) rule {
		return rule{kind: kind, says: regexp.MustCompile(`The requested URL returned error: (` + codes + `)`)}
	}
	return []rule{
		status(KindRateLimited, "429"), status(KindAuth, "401|403"), status(KindRepoNotFound, "404|410"),
		status(KindNetwork, "408"), status(KindServer, `5\d\d`), status(KindDenied, `4\d\d`),
	}
}

// networkRules know what is said of any broken connection:
//
//	fatal: unable to access 'http://host/': Could not resolve host: host
//	fatal: early EOF
//	ssh: connect to host 127.0.0.1 port 1: Connection refused
func networkRules() []rule {
	return []rule{
		{
			kind: KindNetwork, hint: "the proxy's name is unknown: check HTTPS_PROXY and HTTP_PROXY",
			says: holding("Could not resolve proxy"),
		},
		{
			kind: KindServer, hint: "what answers does not speak git: check --repo; over ssh, a login script that prints does this too",
			says: holding("protocol error: bad line length character"),
		},
		{
			kind: KindNetwork, hint: "the remote was reached and then fell silent for too long",
			says: holding("Operation too slow", "Timeout, server "),
		},
		{kind: KindNetwork, says: holding(
			"ssh: connect to host ", "unable to connect to ", "unable to look up ",
			"Could not resolve host", "Connection refused", "Connection timed out", "Operation timed out", "Connection timeout",
			"Timeout was reached", "Failed to connect to", "No route to host", "Network is unreachable",
		)},
		{kind: KindNetwork, hint: "the connection was lost", says: regexp.MustCompile(
			`unable to access '|RPC failed|early EOF|unexpected disconnect|hung up|protocol error|expected flush after|invalid index-pack output` +
				`|Connection reset|Connection closed|Connection to \S+ closed|Broken pipe|kex_exchange_identification|ssh_exchange_identification|Received disconnect`)},
	}
}

// localRules know what is wrong here, whatever the command. They are anchored: names that were
// pushed stand in such lines.
//
//	fatal: Unable to create '/root/.git/shallow.lock': File exists.
//	error: invalid path '.git/config'
//	fatal: could not create work tree dir '/x': Permission denied
func localRules() []rule {
	return []rule{
		{kind: KindLocked, says: regexp.MustCompile(`^fatal: Unable to create '.*\.lock': File exists\.$|^Another git process seems to be running|^error: could not lock config file .*: File exists$|^fatal: shallow file has changed since we read it$`)},
		{
			kind: KindRefused, hint: "the repository holds a path or name that git refuses as unsafe: have it removed there",
			says: regexp.MustCompile(`^(error: invalid path '|(fatal|error|warning): (suspicious|ignoring suspicious|strange|disallowed) (submodule|hostname|pathname))`),
		},
		{kind: KindUnsupported, says: regexp.MustCompile(`^(fatal|error|git): .*(unknown repository extension|Expected git repo version)|^error: unknown (option|switch) .|^fatal: unknown object format|^git: '.*' is not a git command`)},
		{
			kind: KindFilter, hint: "git-lfs asks the server in the commit's .lfsconfig, or else that of --repo; a server on another host needs a --credential of its own",
			says: regexp.MustCompile(`^fatal: .*: smudge filter lfs failed$|^error: external filter 'git-lfs .*' failed$`),
		},
		{kind: KindFilter, says: regexp.MustCompile(`^fatal: .*: smudge filter \S+ failed$|^error: external filter '.*' failed( \d+)?$`)},
		{kind: KindPermission, says: ending("Permission denied", "Operation not permitted")},
		{kind: KindPermission, says: regexp.MustCompile(`^error: insufficient permission for adding an object to repository database `)},
	}
}
