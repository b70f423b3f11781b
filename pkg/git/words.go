package git

import (
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// maxSaid limits the length, in bytes, of what is kept from each source.
const maxSaid = 2 << 10

// words has the standard error of a run, by source. Lines have no control characters, and no passwords in URLs.
type words struct {
	git    []string // of git itself, with "fatal: " and the like
	remote []string // of the server: sent over the wire, or the standard error of an ssh server
	helper []string // of a program that git ran: ssh, git-lfs, gpg, a filter
}

// gitSays matches git's own lines: by their prefix, or as part of a longer message.
var gitSays = regexp.MustCompile(`^(fatal|error|warning|hint|git|BUG|usage|fetch-pack|remote-curl): ` +
	`|^(Please make sure you have the correct access rights|and the repository exists\.|To add an exception for this directory, call:` +
	`|Another git process seems to be running|an editor opened by 'git commit'|are terminated then try again|may have crashed in this repository|remove the file manually to continue)`)

// sshSays matches the lines of OpenSSH's client. All other lines of a run over ssh come from the server:
//
//	git@host: Permission denied (publickey).
//	ssh: connect to host h port 22: Connection refused
//	Load key "/k": invalid format
var sshSays = regexp.MustCompile(`^(ssh: |kex_exchange_identification: |ssh_exchange_identification: |ssh_dispatch_run_fatal: |banner exchange: ` +
	`|client_loop: |sign_and_send_pubkey: |Load key |Permissions 0\d+ for |It is required that your private key|This private key will be ignored` +
	`|Connection (closed|reset) by |Connection timed out during |Connection to \S+ (closed|timed out)|Timeout, server |Received disconnect from |Disconnected from ` +
	`|Host key |No \S+ host key is known|Warning: (Permanently|Identity|remote)|WARNING: |@.*@$|Someone could be eavesdropping|IT IS POSSIBLE THAT|It is also possible that` +
	`|The fingerprint for the|SHA256:|Please contact your system administrator|Add correct host key in|Offending |  remove with:` +
	`|No user exists for uid|Bad owner or permissions|Bad configuration option|command-line: |Identity file |Unable to negotiate|Too many authentication failures` +
	`|no such identity: |percent_expand|Certificate invalid|\S+: Permission denied \(|Permission denied, please try again|Could not resolve hostname|/bin/sh: |sh: )`)

// bySource separates the sources of a run's lines. Only commands that talk to a remote have lines from a server.
func bySource(c *Command, stderr string) words {
	var w words
	others := &w.helper
	overSSH := networked(c.op()) && !isHTTP(c.url) && !slices.ContainsFunc(c.args, isHTTP)
	framed := false // Gitea's lines look like git's errors, between two empty ones
	for line := range strings.SplitSeq(stderr, "\n") {
		text, sent := strings.CutPrefix(line, "remote:")
		_, refusal, refused := strings.Cut(line, "fatal: remote error: ")
		switch {
		case overSSH && line == "error:":
			framed = true
		case framed && strings.HasPrefix(line, "error: "):
			w.remote = append(w.remote, strings.TrimPrefix(line, "error: "))
		case sent:
			w.remote = append(w.remote, text)
		case refused:
			w.git = append(w.git, "fatal: remote error")
			w.remote = append(w.remote, refusal)
			others = &w.remote // its other lines follow
		case gitSays.MatchString(line), len(w.git) > 0 && continues(w.git[len(w.git)-1], line):
			w.git = append(w.git, line)
		case overSSH && !sshSays.MatchString(line):
			w.remote = append(w.remote, line)
		case overSSH:
			w.helper = append(w.helper, line)
		default:
			*others = append(*others, line)
		}
	}
	w.remote, w.helper = readable(w.remote), readable(w.helper)
	return w
}

func isHTTP(arg string) bool {
	return strings.HasPrefix(arg, "http://") || strings.HasPrefix(arg, "https://")
}

// continues reports whether line continues git's previous line:
//
//	fatal: unable to connect to h:
//	h[0: 1.2.3.4]: errno=Connection refused
//	fatal: unable to update url base from redirection:
//	  asked for: http://h/x/info/refs?service=git-upload-pack
func continues(before, line string) bool {
	return strings.HasSuffix(before, ":") || strings.HasPrefix(line, " ") || strings.Contains(line, "]: errno=")
}

// noise matches lines of git-lfs that do not help: its progress, and the path of a log file that is removed because it
// contains the environment.
var noise = regexp.MustCompile("^(Downloading .* \\([0-9.]+ [KMGT]?B\\)|Errors logged to '.*|Use `git lfs logs last` to view the log\\.)$")

// readable removes decoration: blank lines, rules, and the sides of frames. It keeps the first 2 KiB.
func readable(lines []string) []string {
	const sides = "|*#=@│║┃"
	var kept []string
	size := 0
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if !strings.ContainsFunc(line, func(r rune) bool { return unicode.IsLetter(r) || unicode.IsDigit(r) }) || noise.MatchString(line) {
			continue
		}
		if first := []rune(line)[0]; strings.ContainsRune(sides, first) && strings.HasSuffix(line, string(first)) {
			line = strings.TrimSpace(strings.Trim(line, sides))
		}
		if size+len(line) > maxSaid {
			line = strings.ToValidUTF8(line[:maxSaid-size], "") + "…"
			return append(kept, line)
		}
		kept = append(kept, line)
		size += len(line)
	}
	return kept
}

// escapes matches terminal escape sequences, for example for colours or to clear a line.
var escapes = regexp.MustCompile("\x1b(\\[[0-9;?]*[ -/]*[@-~]|\\][^\a\x1b]*(\a|\x1b\\\\)|[@-_])")

// plain returns clean lines: no progress, no control characters, no passwords in URLs, and at most the last 8 KiB.
func plain(stderr string) string {
	const most = 8 << 10
	var kept []string
	size := 0
	lines := strings.FieldsFunc(stderr, func(r rune) bool { return r == '\r' || r == '\n' })
	for _, line := range slices.Backward(lines) {
		if size >= most {
			break
		}
		line = strings.TrimRight(printable(line), " ")
		if _, ok := parseProgress(line); ok || line == "" {
			continue
		}
		if len(line) > most-size {
			line = line[len(line)-(most-size):]
		}
		kept = append(kept, line)
		size += len(line) + 1
	}
	slices.Reverse(kept)
	return scrub(strings.Join(kept, "\n"))
}

// printable removes escape sequences and other unprintable characters.
func printable(line string) string {
	line = strings.ToValidUTF8(escapes.ReplaceAllString(line, ""), "\uFFFD")
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r), unicode.Is(unicode.Cf, r): // Cf: characters that reverse text or are invisible
			return -1
		}
		return r
	}, line)
}

// mainLine returns git's most important line. That is the first one with an error of the system, or about how a
// connection or a helper ended. Without one, it is the first fatal line, else the first error line, else the last
// line. It is empty if git only says that something else failed.
func mainLine(lines []string) string {
	for _, line := range lines {
		if _, ours := find(systemRules(), []string{line}); ours || strings.HasPrefix(line, "error: RPC failed") || strings.Contains(line, " died of signal ") {
			return strings.TrimPrefix(strings.TrimPrefix(line, "error: "), "fatal: ")
		}
	}
	for _, mark := range []string{"fatal: ", "error: "} {
		for i, line := range lines {
			if text, ok := strings.CutPrefix(line, mark); ok && !isEcho(text) {
				return whole(text, lines[i+1:])
			}
		}
	}
	for _, line := range slices.Backward(lines) {
		if !isEcho(line) && !strings.HasPrefix(line, "hint: ") {
			return line
		}
	}
	return ""
}

// whole appends the continuation lines of text.
func whole(text string, more []string) string {
	for _, line := range more {
		if !continues(text, line) {
			break
		}
		text += " " + strings.TrimSpace(line)
	}
	return text
}

// isEcho reports whether a line only says that something else failed.
func isEcho(line string) bool {
	return line == "" || slices.ContainsFunc([]string{
		"Could not read from remote repository",
		"Please make sure you have the correct access rights",
		"and the repository exists.",
		"the remote end hung up",
	}, func(echo string) bool { return strings.Contains(line, echo) })
}

// headline returns the error in one line: git's message, then that of the remote or the helper.
func (w words) headline() string {
	said := mainLine(w.git)
	helper := strings.Join(w.helper, " / ")
	switch {
	case said == "" && helper != "":
		said, helper = helper, ""
	case said == "" && len(w.git) > 0:
		said = strings.TrimSuffix(strings.TrimPrefix(w.git[0], "fatal: "), ".")
	}
	for _, other := range []struct{ name, words string }{
		{"the remote", strings.Join(w.remote, " / ")}, {w.helperName(), helper},
	} {
		switch {
		case other.words == "":
		case said == "":
			said = other.name + " says: " + other.words
		default:
			said += "; " + other.name + " says: " + other.words
		}
	}
	return said
}

// helperName returns the name of the program that printed w.helper, if it can be recognized.
func (w words) helperName() string {
	all := strings.Join(slices.Concat(w.git, w.helper), "\n")
	for _, h := range []struct{ name, mark string }{
		{"git-lfs", "git-lfs"}, {"git-lfs", "filter lfs "}, {"git-lfs", "LFS: "}, {"gpg", "gpg: "},
	} {
		if strings.Contains(all, h.mark) {
			return h.name
		}
	}
	if slices.ContainsFunc(w.helper, sshSays.MatchString) {
		return "ssh"
	}
	return "a helper of git's"
}
