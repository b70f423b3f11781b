package git

import (
	"errors"
	"slices"
	"strings"
	"syscall"
	"testing"
	"unicode"

	"git-sync/pkg/proc"
)

// TestClassify has what cannot be provoked on any machine: the words of other
// builds of curl, of forges, and of hardware. The rest is provoked for real.
func TestClassify(t *testing.T) {
	const gitDir = "/root/.git"
	for _, c := range []struct {
		op     string
		url    literal
		stderr string
		kind   Kind
	}{
		{"fetch", "https://h/x", "fatal: unable to access 'https://h/x/': SSL certificate problem: self-signed certificate", KindTLS},
		{"fetch", "https://h/x", "fatal: unable to access 'https://h/x/': OpenSSL/3.0.2: error:0A00010B:SSL routines::wrong version number", KindTLS},
		{"fetch", "https://h/x", "fatal: unable to access 'https://h/x/': SSL: no alternative certificate subject name matches target host name 'h'", KindTLS},
		{"fetch", "https://h/x", "fatal: unable to access 'https://h/x/': SSL: certificate subject name (g) does not match target hostname 'h'", KindTLS},
		{"fetch", "https://h/x", "fatal: unable to access 'https://h/x/': GnuTLS, handshake failed: An unexpected TLS packet was received.", KindTLS},
		{"checkout", "https://h/x", "error: object file /root/.git/objects/12/34 is empty\nerror: unable to read sha1 file of a (1234)", KindCorrupt},
		{"fetch", "https://h/x", "fatal: unable to access 'https://h/x/': Operation timed out after 300 milliseconds", KindNetwork},
		{"fetch", "https://h/x", "fatal: unable to access 'https://h/x/': Could not resolve proxy: p", KindNetwork},
		{"fetch", "https://h/x", "fatal: unable to access 'https://h/x/': Received HTTP code 407 from proxy after CONNECT", KindProxy},
		{"fetch", "https://h/x", "fatal: unable to access 'https://h/x/': CONNECT tunnel failed, response 407", KindProxy},
		{"fetch", "https://h/x", "error: RPC failed; HTTP 504 curl 22 The requested URL returned error: 504\nfatal: the remote end hung up unexpectedly", KindServer},
		{"fetch", "https://h/x", "error: RPC failed; curl 92 HTTP/2 stream 5 was not closed cleanly: CANCEL (err 8)\nfatal: early EOF", KindNetwork},
		{"fetch", "https://h/x", "error: RPC failed; curl 18 transfer closed with outstanding read data remaining\nfetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output", KindNetwork},
		{"fetch", "https://h/x", "remote: Repository not found.\nfatal: repository 'https://github.com/a/b/' not found", KindRepoNotFound},
		{"fetch", "ssh://h/x", "ERROR: Repository not found.\nfatal: Could not read from remote repository.", KindRepoNotFound},
		{"fetch", "ssh://h/x", "remote: The project you were looking for could not be found or you don't have permission to view it.\nfatal: Could not read from remote repository.", KindRepoNotFound},
		{"fetch", "https://h/x", "remote: HTTP Basic: Access denied. The provided password or token is incorrect\nfatal: Authentication failed for 'https://gitlab.com/a/b/'", KindAuth},
		{"fetch", "https://h/x", "remote: Permission to a/b.git denied to c.\nfatal: unable to access 'https://github.com/a/b/': The requested URL returned error: 403", KindAuth},
		{"fetch", "https://h/x", "remote: You have exceeded a secondary rate limit.\nfatal: unable to access 'https://github.com/a/b/': The requested URL returned error: 403", KindRateLimited},
		{"fetch", "ssh://h/x", "No user exists for uid 12345\nfatal: Could not read from remote repository.", KindUnsupported},
		{"fetch", "ssh://h/x", "Received disconnect from 1.2.3.4 port 22:2: Too many authentication failures", KindAuth},
		{"fetch", "ssh://h/x", "kex_exchange_identification: read: Connection reset by peer\nfatal: Could not read from remote repository.", KindNetwork},
		{"fetch", "ssh://h/x", "fatal: protocol error: bad line length character: Welc", KindServer},
		{"fetch", "https://h/x", "remote: Internal Server Error", KindServer},
		{"fetch", "https://h/x", "remote: fatal: write error: No space left on device\nfatal: the remote end hung up unexpectedly", KindServer},
		{"fetch", "https://h/x", "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output", KindNoSpace},
		{"fetch", "https://h/x", "error: unable to write file: Disk quota exceeded", KindNoSpace},
		{"fetch", "https://h/x", "error: index-pack died of signal 9\nfatal: fetch-pack: invalid index-pack output", KindKilled},
		{"fetch", "https://h/x", "fatal: Out of memory, malloc failed (tried to allocate 33554432 bytes)", KindKilled},
		{"fetch", "https://h/x", "error: cannot fork() for index-pack: Resource temporarily unavailable", KindIO},
		{"checkout", "https://h/x", "error: object file /root/.git/objects/12/34 is empty\nerror: unable to mmap /root/.git/objects/12/34: Input/output error\nfatal: loose object 1234 (stored in /root/.git/objects/12/34) is corrupt", KindIO},
		{"checkout", "https://h/x", "fatal: loose object 1234 (stored in /root/.git/objects/12/34) is corrupt", KindCorrupt},
		{"fetch", "https://h/x", "fatal: loose object 1234 (stored in /root/.git/objects/12/34) is corrupt", KindCorrupt},
		{"fetch", "https://h/x", "fatal: loose object 1234 (stored in ./objects/12/34) is corrupt", KindUnknown},
		{"fetch", "https://h/x", "fatal: loose object 1234 (stored in /root/.github/objects/12/34) is corrupt", KindUnknown},
		{"fetch", "https://h/x", "remote: fatal: loose object 1234 (stored in /root/.git/objects/12/34) is corrupt\nfatal: protocol error: bad pack header", KindServer},
		{"fetch", "https://h/x", "fatal: pack has bad object at offset 12: inflate returned -3\nfatal: fetch-pack: invalid index-pack output", KindNetwork},
		{"checkout", "https://h/x", "error: unable to read sha1 file of f (1234)", KindUnknown},
		{"checkout", "https://h/x", "error: invalid path '.git/config'", KindRefused},
		{"fetch", "https://h/x", "fatal: transport 'file' not allowed\nfatal: clone of '/x' into submodule path '/y' failed", KindRefused},
		{"fetch", "https://h/x", "fatal: detected dubious ownership in repository at '/srv/x'", KindRefused},
		{"fetch", "https://h/x", "fatal: git: 'remote-https' is not a git command. See 'git --help'.", KindUnsupported},
		{"fetch", "https://h/x", "fatal: unable to find remote helper for 'https'", KindUnsupported},
		{"fetch", "https://h/x", "fatal: mismatched algorithms: client sha1; server sha256", KindUnsupported},
		{"fetch", "https://h/x", "fatal: Unable to create '/root/.git/shallow.lock': File exists.\n\nAnother git process seems to be running in this repository", KindLocked},
		{"checkout", "https://h/x", "fatal: could not create work tree dir '/x': Permission denied", KindPermission},
		{"fetch", "https://h/x", "something new", KindUnknown},
		{"fetch", "https://h/x", "", KindUnknown},
	} {
		kind, _ := classify(evidence{op: c.op, gitDir: gitDir, exit: 128, words: bySource(Cmd(literal(c.op), c.url), c.stderr)})
		if kind != c.kind {
			t.Errorf("%q, not %q: %s", kind, c.kind, c.stderr)
		}
	}
}

func TestClassifyEnd(t *testing.T) {
	for _, c := range []struct {
		end     proc.Error
		kind    Kind
		decided bool
	}{
		{proc.Error{TimedOut: true, Signal: syscall.SIGKILL, ExitCode: -1}, KindTimeout, true},
		{proc.Error{Canceled: true, ExitCode: -1}, KindCanceled, true},
		{proc.Error{Signal: syscall.SIGKILL, ExitCode: -1}, KindKilled, true},
		{proc.Error{Signal: syscall.SIGBUS, ExitCode: -1}, KindIO, true},
		{proc.Error{ExitCode: 128}, KindUnknown, false},
		{proc.Error{ExitCode: -1, Err: syscall.EACCES}, KindPermission, true},
		{proc.Error{ExitCode: -1, Err: syscall.ENOENT}, KindUnsupported, true},
		{proc.Error{ExitCode: -1, Err: syscall.EAGAIN}, KindIO, true},
		{proc.Error{ExitCode: -1, Err: syscall.ENOMEM}, KindKilled, true},
		{proc.Error{ExitCode: -1, Err: errors.New("else")}, KindUnknown, true},
		{proc.Error{Signal: syscall.SIGKILL, ExitCode: -1, Err: proc.ErrOutputTooLarge}, KindUnknown, true},
	} {
		if kind, _, decided := classifyEnd(&c.end); kind != c.kind || decided != c.decided {
			t.Errorf("%+v: %q, %v", c.end, kind, decided)
		}
	}
	// A disk has nothing to do with it.
	for _, errno := range []syscall.Errno{syscall.EMFILE, syscall.ENFILE, syscall.EAGAIN} {
		if _, hint, _ := classifyEnd(&proc.Error{ExitCode: -1, Err: errno}); !strings.Contains(hint, "open files") {
			t.Errorf("%v: hint %q", errno, hint)
		}
	}
}

func TestHeadline(t *testing.T) {
	for stderr, want := range map[string]string{
		"warning: x\nfatal: early EOF\nfatal: fetch-pack: y":                                                                                 "early EOF",
		"error: RPC failed; HTTP 503 curl 22 x\nfatal: expected 'packfile'":                                                                  "RPC failed; HTTP 503 curl 22 x",
		"error: index-pack died of signal 9\nfatal: fetch-pack: invalid index-pack output":                                                   "index-pack died of signal 9",
		"git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.":                                               "git@h: Permission denied (publickey).",
		"fatal: unable to connect to h:\nh[0: 1.2.3.4]: errno=Connection refused":                                                            "unable to connect to h: h[0: 1.2.3.4]: errno=Connection refused",
		"remote: Permission denied to me.\nfatal: unable to access 'x'":                                                                      "unable to access 'x'; the remote says: Permission denied to me.",
		"ERROR: Repository not found.\nfatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights": "Could not read from remote repository; the remote says: ERROR: Repository not found.",
		"fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.":   "Could not read from remote repository",
		"": "",
	} {
		if got := bySource(Cmd("fetch", "ssh://h/x"), plain(stderr)).headline(); got != want {
			t.Errorf("%q: %q", stderr, got)
		}
	}
}

func TestErrorSaysHowItEnded(t *testing.T) {
	c := Cmd("fetch")
	for _, e := range []struct {
		end  proc.Error
		want string
	}{
		{proc.Error{Path: "git", ExitCode: -1, TimedOut: true, Err: errors.New("deadline")}, "git fetch: git: took too long: deadline"},
		{proc.Error{Path: "git", ExitCode: -1, TimedOut: true, Stderr: "Receiving objects:  5% (1/20)\rfatal: x"}, "git fetch: x (timed out)"},
		{proc.Error{Path: "git", ExitCode: 3}, "git fetch: git: exit status 3"},
	} {
		if got := failure(c, &e.end).Error(); got != e.want {
			t.Errorf("%q, not %q", got, e.want)
		}
	}
}

func TestEveryKindHasWords(t *testing.T) {
	known := map[string]Kind{}
	for k := KindUnknown; k <= KindRefused; k++ {
		if other, ok := known[k.String()]; ok {
			t.Errorf("kinds %d and %d are both %q", k, other, k)
		}
		known[k.String()] = k
		if k.Hint() == "" && !slices.Contains([]Kind{KindUnknown, KindCanceled, KindDenied, KindDepth, KindLazy, KindFilter}, k) {
			t.Errorf("%q has no hint", k)
		}
	}
}

// FuzzClassify: nothing is proved when the system has complained, and nothing about
// us by the server.
func FuzzClassify(f *testing.F) {
	f.Add("fetch", "fatal: loose object 1 (stored in /r/objects/1) is corrupt")
	f.Add("x", "fatal: bad config line 1\nRead-only file system")
	f.Fuzz(func(t *testing.T, op, stderr string) {
		c := Cmd(literal(op))
		kind, _ := classify(evidence{op: op, gitDir: "/r", exit: 128, words: bySource(c, stderr+"\nerror: x: Input/output error")})
		if kind == KindCorrupt || kind == KindUnknown {
			t.Errorf("%q: %q", kind, stderr)
		}
		var remote strings.Builder
		for line := range strings.SplitSeq(stderr, "\n") {
			remote.WriteString("remote: " + line + "\n")
		}
		if kind, _ := classify(evidence{op: op, gitDir: "/r", exit: 128, words: bySource(c, remote.String())}); kind == KindCorrupt {
			t.Errorf("the remote has proved us corrupt: %q", stderr)
		}
		w := bySource(c, plain(stderr))
		for _, line := range slices.Concat(strings.Split(w.headline(), "\n")[1:], w.remote, w.helper) {
			if strings.ContainsFunc(line, unicode.IsControl) || strings.TrimSpace(line) == "" {
				t.Errorf("line %q of %q", line, stderr)
			}
		}
		if size := len(strings.Join(w.remote, "")); size > maxSaid+len("…") {
			t.Errorf("%d bytes kept of the remote's words", size)
		}
	})
}
