package git

import "strings"

// evidence is what is known of a run that failed by itself.
type evidence struct {
	op     string
	gitDir string
	exit   int
	stderr string // scrubbed, without progress, in English
}

// rule gives a kind to failures whose message has one of several texts.
type rule struct {
	kind Kind
	hint string // instead of the kind's own
	any  []string
}

// classify tells failures apart by what git and its helpers say under LC_ALL=C.
//
// What the local system says comes first (a full disk makes git say many things
// after it), then what ends a conversation with a remote, then what it consists
// of. Lines that begin with "remote: " are the server's words and prove nothing
// about our disk.
func classify(e evidence) (Kind, string) {
	if e.op == "ls-remote" && e.exit == 2 && e.stderr == "" {
		return KindRefNotFound, ""
	}
	local, remote := split(e.stderr)
	for _, r := range localRules() {
		if r.matches(local) {
			return r.kind, r.hint
		}
	}
	if provedCorrupt(e, local) {
		return KindCorrupt, ""
	}
	for _, r := range remoteRules() {
		if r.matches(local) || r.matches(remote) {
			return r.kind, r.hint
		}
	}
	return KindUnknown, ""
}

// split separates our side's lines from the server's.
func split(stderr string) (local, remote string) {
	var ours, theirs strings.Builder
	for line := range strings.Lines(stderr) {
		if strings.HasPrefix(line, "remote: ") {
			theirs.WriteString(line)
		} else {
			ours.WriteString(line)
		}
	}
	return ours.String(), theirs.String()
}

func (r rule) matches(text string) bool {
	for _, part := range r.any {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

func localRules() []rule {
	return []rule{
		{kind: KindKilled, any: []string{" died of signal ", "Out of memory", "Cannot allocate memory", "out of memory"}},
		{kind: KindNoSpace, any: []string{"No space left on device", "Disk quota exceeded"}},
		{kind: KindReadOnly, any: []string{"Read-only file system"}},
		{kind: KindIO, any: []string{"Input/output error", "Stale file handle", "Too many open files", "Structure needs cleaning"}},
	}
}

func provedCorrupt(e evidence, local string) bool {
	return strings.Contains(local, " is corrupt") && e.op != "fetch"
}

func remoteRules() []rule {
	return []rule{
		{kind: KindHostKey, any: []string{"Host key verification failed"}},
		{kind: KindRateLimited, any: []string{"returned error: 429"}},
		{kind: KindServer, any: []string{"returned error: 5"}},
		{kind: KindAuth, any: []string{
			"Authentication failed", "terminal prompts disabled", "Permission denied (", "returned error: 401", "returned error: 403",
		}},
		{kind: KindRepoNotFound, any: []string{"' not found", "does not appear to be a git repository", "Repository not found", "returned error: 404"}},
		{kind: KindRefNotFound, any: []string{"couldn't find remote ref", "not our ref", "unadvertised object"}},
		{kind: KindTLS, any: []string{"SSL certificate problem", "certificate verif"}},
		{kind: KindNetwork, any: []string{
			"Could not resolve host", "Failed to connect", "Connection refused", "Connection reset", "Connection timed out",
			"unable to access", "early EOF", "unexpected disconnect", "hung up unexpectedly", "unable to connect",
		}},
		{kind: KindLocked, any: []string{".lock': File exists"}},
		{kind: KindPermission, any: []string{"Permission denied"}},
		{kind: KindRefused, any: []string{"not allowed", "dubious ownership"}},
	}
}
