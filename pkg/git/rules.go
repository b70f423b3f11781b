package git

import (
	"regexp"
	"strings"
)

// rule assigns a kind to a line that matches says. The hint is empty if the default hint of the kind is enough.
type rule struct {
	kind Kind
	hint string
	says *regexp.Regexp
}

// containing matches a line that contains one of phrases; ending matches one that ends with it.
func containing(phrases ...string) *regexp.Regexp { return phrased("", phrases, "") }

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

// hintResources is the hint for a lack of system resources other than disk space.
const hintResources = "the system is short of processes, threads or open files: raise the limit (ulimit, the container's pids limit)"

// systemRules match error messages of the local system, at the end of lines from git and its helpers (git-lfs writes
// them in lower case):
//
//	fatal: write error: No space left on device
//	error: unable to create temporary file: Read-only file system
//	error: index-pack died of signal 9
//	fatal: Out of memory, malloc failed (tried to allocate 33554432 bytes)
//	error: cannot fork() for index-pack: Resource temporarily unavailable
//	error: unable to mmap /root/.git/objects/12/34: Input/output error
func systemRules() []rule {
	return []rule{
		{KindNoSpace, "", ending("No space left on device", "Disk quota exceeded")},
		{KindReadOnly, "", ending("Read-only file system")},
		{KindIO, hintResources, ending("Resource temporarily unavailable", "Too many open files", "Too many open files in system")},
		{KindIO, "", ending(
			"Input/output error", "Remote I/O error", "Stale file handle", "Stale NFS file handle",
			"Transport endpoint is not connected", "Structure needs cleaning",
		)},
		{KindKilled, "", ending("Cannot allocate memory")},
		{KindKilled, "", regexp.MustCompile(`^(error: \S+ died of signal \d+$|fatal: Out of memory, )`)},
	}
}

// damagedFile finds the file in a message that proves damage:
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

// damagedIndex matches messages that prove damage of the index in use.
var damagedIndex = regexp.MustCompile(`^(fatal: index file corrupt|error: bad index file sha1 signature|fatal: .*/index: index file open failed: Not a directory)$`)

// transportRules match messages of git, curl and ssh that are specific enough to decide, whatever else was printed:
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
		{KindLazy, "", regexp.MustCompile(`^warning: lazy fetching disabled;`)},
		{KindHostKey, "", containing("Host key verification failed", "REMOTE HOST IDENTIFICATION HAS CHANGED")},
		{KindEmptyRemote, "", regexp.MustCompile(`couldn't find remote ref HEAD$`)},
		{KindRefNotFound, "", containing("couldn't find remote ref ", "unadvertised object ", "no such remote ref ", " not found in upstream ")},
		{KindProxy, "", regexp.MustCompile(`HTTP code \d+ from proxy|CONNECT tunnel failed, response \d+|The requested URL returned error: 407`)},
		{KindAuth, "", containing(
			"Authentication failed for ", "could not read Username for ", "could not read Password for ",
			"Permission denied (publickey", "Permission denied (password", "Permission denied (keyboard", "Permission denied, please try again",
			"Too many authentication failures",
		)},
		{KindUnsupported, "ssh does not run for a UID without a name: set --add-user, or run as a UID that /etc/passwd knows", containing("No user exists for uid ")},
		{KindUnsupported, "a program that git runs is missing; for an ssh URL install an ssh client (Debian: openssh-client)", containing("error: cannot run ", "ssh: not found")},
		{KindUnsupported, "this git lacks the helper for the transport of --repo: install all of git, or name another with --git", containing("unable to find remote helper for ", "is not a git command")},
		{KindDenied, "set --repo to the URL that the server redirects to; if that is a login page, add a credential", containing("unable to update url base from redirection")},
		{KindRepoNotFound, "the answer is not from a git repository: check the path in --repo (is it a login page?)", containing(" not valid: is this a git repository?")},
		{KindRepoNotFound, "", containing("fatal: repository '", " does not appear to be a git repository", "fatal: invalid gitfile format: ")},
		{KindRefused, "git does not read a local repository of another user: name it in --git-config=safe.directory:PATH, change its owner to the UID of git-sync, or use another transport", containing("dubious ownership", "is owned by someone else")},
		{KindRefused, "https, http, ssh and git are allowed, and file for --repo itself; a submodule may use it with --git-config=protocol.file.allow:always", regexp.MustCompile(` not allowed$`)},
		{KindDepth, "this remote sends only the complete history: set --depth=0", containing("dumb http transport does not support shallow", "Server does not support shallow", "Server does not support --depth", "does not support --deepen")},
		{KindUnsupported, "the remote does not support this", containing("dumb http transport does not support", "Server does not support")},
		{KindUnsupported, "", containing("mismatched algorithms", "unknown object format")},
		{KindServer, "the repository at the remote is damaged, and must be repaired there", containing("repository corruption on the remote side")},
		{KindTLS, "the server wants a client certificate: --git-config=http.sslCert:FILE,http.sslKey:FILE (PEM)", regexp.MustCompile(`(?i)certificate (is )?required|alert (bad certificate|handshake failure)`)},
		{
			KindTLS, "check that the files in http.sslCert and http.sslKey are there, readable for the UID of git-sync, in PEM, and belong together",
			regexp.MustCompile(`(?i)could not load (PEM )?client cert|unable to set private key|reading X.509 key or certificate file|could not read.*client cert|sslCert`),
		},
		{KindTLS, "", containing(
			"SSL certificate problem", "certificate verification failed", "server verification failed", "SSL: ", "GnuTLS, ",
			"gnutls_handshake() failed", "TLS connect error",
			"SSL routines", "SSL_connect", "error setting certificate", "Problem with the SSL CA cert", "OpenSSL/",
		)},
	}
}

// serverRules match messages of servers:
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
		{KindRateLimited, "", regexp.MustCompile(`(?i)rate limit|too many requests`)},
		{KindLagging, "", containing("not our ref ")},
		{KindRepoNotFound, "", regexp.MustCompile(`(?i)\b(repository|repo|project)\b.*(not found|could not be found|not exist|not exported)|cannot find repository| does not appear to be a git repository`)},
		{KindAuth, "", regexp.MustCompile(`(?i)access denied|permission .*denied|not authori[sz]ed|unauthori[sz]ed|authentication failed|public key|deploy key|` +
			`invalid (username|user|password|token|credential)|(token|key|password|credential)s?\b.*(expired|revoked|incorrect|invalid)`)},
		{KindServer, "", regexp.MustCompile(`(?i)internal (server )?error|maintenance|unavailable|try again|^fatal: |No space left on device`)},
	}
}

// statusRules match the HTTP status in a message of curl:
//
//	fatal: unable to access 'http://host/x/': The requested URL returned error: 403
//	error: RPC failed; HTTP 504 curl 22 The requested URL returned error: 504
func statusRules() []rule {
	status := func(kind Kind, codes string) rule {
		return rule{kind, "", regexp.MustCompile(`The requested URL returned error: (` + codes + `)`)}
	}
	return []rule{
		status(KindRateLimited, "429"), status(KindAuth, "401|403"), status(KindRepoNotFound, "404|410"),
		status(KindNetwork, "408"), status(KindServer, `5\d\d`), status(KindDenied, `4\d\d`),
	}
}

// networkRules match messages that can occur for any broken connection:
//
//	fatal: unable to access 'http://host/': Could not resolve host: host
//	fatal: early EOF
//	ssh: connect to host 127.0.0.1 port 1: Connection refused
func networkRules() []rule {
	return []rule{
		{KindNetwork, "the proxy's name is unknown: check HTTPS_PROXY and HTTP_PROXY", containing("Could not resolve proxy")},
		{KindServer, "the server does not answer in git's protocol: check --repo; over ssh, a login script with output has this effect, too", containing("protocol error: bad line length character")},
		{KindNetwork, "the remote stopped answering; if it needs longer to make a large pack, raise --sync-timeout", containing("Operation too slow", "Timeout, server ")},
		{KindNetwork, "", containing(
			"ssh: connect to host ", "unable to connect to ", "unable to look up ",
			"Could not resolve host", "Connection refused", "Connection timed out", "Operation timed out", "Connection timeout",
			"Timeout was reached", "Failed to connect to", "No route to host", "Network is unreachable",
		)},
		{KindNetwork, "the connection was lost", regexp.MustCompile(
			`unable to access '|RPC failed|early EOF|unexpected disconnect|hung up|protocol error|expected flush after|invalid index-pack output` +
				`|Connection reset|Connection closed|Connection to \S+ closed|Broken pipe|kex_exchange_identification|ssh_exchange_identification|Received disconnect`)},
	}
}

// localRules match messages about local problems, for every command. They are anchored, because such lines contain
// names that someone has pushed.
//
//	fatal: Unable to create '/root/.git/shallow.lock': File exists.
//	error: invalid path '.git/config'
//	fatal: could not create work tree dir '/x': Permission denied
func localRules() []rule {
	return []rule{
		{KindLocked, "", regexp.MustCompile(`^fatal: Unable to create '.*\.lock': File exists\.$|^Another git process seems to be running|^error: could not lock config file .*: File exists$|^fatal: shallow file has changed since we read it$`)},
		{
			KindRefused, "the repository holds a path or name that git refuses as unsafe: have it removed there",
			regexp.MustCompile(`^(error: invalid path '|(fatal|error|warning): (suspicious|ignoring suspicious|strange|disallowed) (submodule|hostname|pathname))`),
		},
		{KindUnsupported, "", regexp.MustCompile(`^(fatal|error|git): .*(unknown repository extension|Expected git repo version)|^error: unknown (option|switch) .|^fatal: unknown object format|^git: '.*' is not a git command`)},
		{
			KindFilter, "git-lfs asks the server in the commit's .lfsconfig, or else that of --repo; a server on another host needs a --credential of its own",
			regexp.MustCompile(`^fatal: .*: smudge filter lfs failed$|^error: external filter 'git-lfs .*' failed$`),
		},
		{KindFilter, "", regexp.MustCompile(`^fatal: .*: smudge filter \S+ failed$|^error: external filter '.*' failed( \d+)?$`)},
		{KindPermission, "", ending("Permission denied", "Operation not permitted")},
		{KindPermission, "", regexp.MustCompile(`^error: insufficient permission for adding an object to repository database `)},
	}
}

// filterIgnored matches git's warning that the remote does not support partial clones.
var filterIgnored = regexp.MustCompile(`(?m)^warning: filtering not recognized by server, ignoring$`)
