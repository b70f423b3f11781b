package git

import (
	"errors"
	"strings"
	"syscall"
	"testing"

	"git-sync/pkg/proc"
)

// TestClassify has what cannot be provoked on any machine: the words of other
// builds of curl, of forges, and of hardware. The rest is provoked for real.
func TestClassify(t *testing.T) {
	const gitDir = "/root/.git"
	for _, c := range []struct {
		op, stderr string
		kind       Kind
	}{
		{"fetch", "fatal: unable to access 'https://h/x/': SSL certificate problem: self-signed certificate", KindTLS},
		{"fetch", "fatal: unable to access 'https://h/x/': OpenSSL/3.0.2: error:0A00010B:SSL routines::wrong version number", KindTLS},
		{"fetch", "fatal: unable to access 'https://h/x/': SSL: no alternative certificate subject name matches target host name 'h'", KindTLS},
		{"fetch", "fatal: unable to access 'https://h/x/': SSL: certificate subject name (g) does not match target hostname 'h'", KindTLS},
		{"fetch", "fatal: unable to access 'https://h/x/': GnuTLS, handshake failed: An unexpected TLS packet was received.", KindTLS},
		{"checkout", "error: object file /root/.git/objects/12/34 is empty\nerror: unable to read sha1 file of a (1234)", KindCorrupt},
		{"fetch", "fatal: unable to access 'https://h/x/': Operation timed out after 300 milliseconds", KindNetwork},
		{"fetch", "fatal: unable to access 'https://h/x/': Could not resolve proxy: p", KindNetwork},
		{"fetch", "fatal: unable to access 'https://h/x/': Received HTTP code 407 from proxy after CONNECT", KindAuth},
		{"fetch", "fatal: unable to access 'https://h/x/': CONNECT tunnel failed, response 407", KindAuth},
		{"fetch", "error: RPC failed; HTTP 504 curl 22 The requested URL returned error: 504\nfatal: the remote end hung up unexpectedly", KindServer},
		{"fetch", "error: RPC failed; curl 92 HTTP/2 stream 5 was not closed cleanly: CANCEL (err 8)\nfatal: early EOF", KindNetwork},
		{"fetch", "error: RPC failed; curl 18 transfer closed with outstanding read data remaining\nfetch-pack: unexpected disconnect while reading sideband packet\nfatal: early EOF\nfatal: fetch-pack: invalid index-pack output", KindNetwork},
		{"fetch", "remote: Repository not found.\nfatal: repository 'https://github.com/a/b/' not found", KindRepoNotFound},
		{"fetch", "ERROR: Repository not found.\nfatal: Could not read from remote repository.", KindRepoNotFound},
		{"fetch", "remote: The project you were looking for could not be found or you don't have permission to view it.\nfatal: Could not read from remote repository.", KindRepoNotFound},
		{"fetch", "remote: HTTP Basic: Access denied. The provided password or token is incorrect\nfatal: Authentication failed for 'https://gitlab.com/a/b/'", KindAuth},
		{"fetch", "remote: Permission to a/b.git denied to c.\nfatal: unable to access 'https://github.com/a/b/': The requested URL returned error: 403", KindAuth},
		{"fetch", "remote: You have exceeded a secondary rate limit.\nfatal: unable to access 'https://github.com/a/b/': The requested URL returned error: 403", KindRateLimited},
		{"fetch", "No user exists for uid 12345\nfatal: Could not read from remote repository.", KindUnsupported},
		{"fetch", "Received disconnect from 1.2.3.4 port 22:2: Too many authentication failures", KindAuth},
		{"fetch", "kex_exchange_identification: read: Connection reset by peer\nfatal: Could not read from remote repository.", KindNetwork},
		{"fetch", "fatal: protocol error: bad line length character: Welc", KindServer},
		{"fetch", "remote: Internal Server Error", KindServer},
		{"fetch", "remote: fatal: write error: No space left on device\nfatal: the remote end hung up unexpectedly", KindNetwork},
		{"fetch", "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output", KindNoSpace},
		{"fetch", "error: unable to write file: Disk quota exceeded", KindNoSpace},
		{"fetch", "error: index-pack died of signal 9\nfatal: fetch-pack: invalid index-pack output", KindKilled},
		{"fetch", "fatal: Out of memory, malloc failed (tried to allocate 33554432 bytes)", KindKilled},
		{"fetch", "error: cannot fork() for index-pack: Resource temporarily unavailable", KindIO},
		{"checkout", "error: object file /root/.git/objects/12/34 is empty\nerror: unable to mmap /root/.git/objects/12/34: Input/output error\nfatal: loose object 1234 (stored in /root/.git/objects/12/34) is corrupt", KindIO},
		{"checkout", "fatal: loose object 1234 (stored in /root/.git/objects/12/34) is corrupt", KindCorrupt},
		{"fetch", "fatal: loose object 1234 (stored in /root/.git/objects/12/34) is corrupt", KindCorrupt},
		{"fetch", "fatal: loose object 1234 (stored in ./objects/12/34) is corrupt", KindUnknown},
		{"fetch", "fatal: loose object 1234 (stored in /root/.github/objects/12/34) is corrupt", KindUnknown},
		{"fetch", "remote: fatal: loose object 1234 (stored in /root/.git/objects/12/34) is corrupt\nfatal: protocol error: bad pack header", KindNetwork},
		{"fetch", "fatal: pack has bad object at offset 12: inflate returned -3\nfatal: fetch-pack: invalid index-pack output", KindNetwork},
		{"checkout", "error: unable to read sha1 file of f (1234)", KindUnknown},
		{"checkout", "error: invalid path '.git/config'", KindRefused},
		{"submodule", "fatal: transport 'file' not allowed\nfatal: clone of '/x' into submodule path '/y' failed", KindRefused},
		{"submodule", "fatal: detected dubious ownership in repository at '/srv/x'", KindRefused},
		{"fetch", "fatal: git: 'remote-https' is not a git command. See 'git --help'.", KindUnsupported},
		{"fetch", "fatal: unable to find remote helper for 'https'", KindUnsupported},
		{"fetch", "fatal: mismatched algorithms: client sha1; server sha256", KindUnsupported},
		{"fetch", "fatal: Unable to create '/root/.git/shallow.lock': File exists.\n\nAnother git process seems to be running in this repository", KindLocked},
		{"checkout", "fatal: could not create work tree dir '/x': Permission denied", KindPermission},
		{"fetch", "something new", KindUnknown},
		{"fetch", "", KindUnknown},
	} {
		kind, _ := classify(evidence{op: c.op, gitDir: gitDir, exit: 128, stderr: c.stderr})
		if kind != c.kind {
			t.Errorf("%q, not %q: %s", kind, c.kind, c.stderr)
		}
	}
}

func TestClassifyEnd(t *testing.T) {
	for _, c := range []struct {
		end  proc.Error
		kind Kind
		told bool
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
		if kind, _, told := classifyEnd(&c.end); kind != c.kind || told != c.told {
			t.Errorf("%+v: %q, %v", c.end, kind, told)
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
		"warning: x\nfatal: early EOF\nfatal: fetch-pack: y":                                                                               "early EOF",
		"error: RPC failed; HTTP 503 curl 22 x\nfatal: expected 'packfile'":                                                                "RPC failed; HTTP 503 curl 22 x",
		"error: index-pack died of signal 9\nfatal: fetch-pack: invalid index-pack output":                                                 "index-pack died of signal 9",
		"git@h: Permission denied (publickey).\nfatal: Could not read from remote repository.":                                             "git@h: Permission denied (publickey).",
		"fatal: unable to connect to h:\nh[0: 1.2.3.4]: errno=Connection refused":                                                          "unable to connect to h: h[0: 1.2.3.4]: errno=Connection refused",
		"remote: Permission denied to me.\nfatal: unable to access 'x'":                                                                    "unable to access 'x'; the remote says: Permission denied to me.",
		"ERROR: Repository not found.\nfatal: Could not read from remote repository.\n\nPlease":                                            "Repository not found.",
		"fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\nand the repository exists.": "Could not read from remote repository.",
		"": "",
	} {
		if got := headline(stderr); got != want {
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
	seen := map[string]Kind{}
	for k := KindUnknown; k <= KindRefused; k++ {
		if other, ok := seen[k.String()]; ok {
			t.Errorf("kinds %d and %d are both %q", k, other, k)
		}
		seen[k.String()] = k
		if k.hint() == "" && k != KindUnknown && k != KindCanceled {
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
		kind, _ := classify(evidence{op: op, gitDir: "/r", exit: 128, stderr: stderr + "\nerror: x: Input/output error"})
		if kind == KindCorrupt || kind == KindUnknown {
			t.Errorf("%q: %q", kind, stderr)
		}
		var remote strings.Builder
		for line := range strings.SplitSeq(stderr, "\n") {
			remote.WriteString("remote: " + line + "\n")
		}
		if kind, _ := classify(evidence{op: op, gitDir: "/r", exit: 128, stderr: remote.String()}); kind == KindCorrupt {
			t.Errorf("the remote has proved us corrupt: %q", stderr)
		}
		_ = headline(withoutProgress(stderr))
	})
}
