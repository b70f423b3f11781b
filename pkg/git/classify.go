package git

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"git-sync/pkg/proc"
)

// evidence is what is known of a git that ended badly and by itself.
type evidence struct {
	op     string
	gitDir string
	exit   int
	words  words
}

// networked are the commands that talk to a remote. What they complain about may
// be the remote's objects, or what came over the wire, rather than ours.
func networked(op string) bool {
	return slices.Contains([]string{"fetch", "ls-remote", "clone", "remote-http", "remote-https"}, op)
}

// classifyEnd tells what to make of how the process ended, and whether that is all
// there is to tell; if it is not, its words decide.
func classifyEnd(pe *proc.Error) (kind Kind, hint string, told bool) {
	var pathErr *fs.PathError
	var unconnected *connectError
	switch {
	case errors.As(pe, &unconnected):
		return KindNetwork, "the packets get no answer: check the host and port in --repo, firewalls and network policies, and HTTPS_PROXY", true
	case pe.TimedOut:
		return KindTimeout, "", true
	case pe.Canceled:
		return KindCanceled, "", true
	case errors.Is(pe, proc.ErrOutputTooLarge):
		return KindUnknown, "", true
	case pe.Signal == syscall.SIGBUS:
		// A page of a mapped file could not be read.
		return KindIO, "", true
	case pe.Signal != 0:
		return KindKilled, "", true
	case pe.ExitCode >= 0:
		return KindUnknown, "", false
	case errors.As(pe, &pathErr) && pathErr.Op == "chdir":
		// Its working directory, not git, is missing.
	case errors.Is(pe, fs.ErrNotExist):
		return KindUnsupported, "install git, or name it with --git", true
	case errors.Is(pe, fs.ErrPermission):
		return KindPermission, "--git names a file that our user may not execute", true
	}
	switch {
	case errors.Is(pe, syscall.EMFILE), errors.Is(pe, syscall.ENFILE), errors.Is(pe, syscall.EAGAIN):
		return KindIO, scarce, true
	case errors.Is(pe, syscall.EIO), errors.Is(pe, syscall.ESTALE):
		return KindIO, "", true
	case errors.Is(pe, syscall.ENOMEM):
		return KindKilled, "", true
	}
	return KindUnknown, "", true
}

// classify tells failures apart by what git and its helpers say under LC_ALL=C.
//
// The order matters, as one cause makes git say many things: first what the
// system said (a full disk also cuts the pack that was being received), then proof
// of damage, then what the two ends of a connection said, from the particular to
// the general. Each rule knows whose words count.
//
// The words of a command that checks out hold names that anybody may have pushed.
// They are therefore compared as whole lines, or from their beginning or end, where git
// puts no name; and the rules for remotes are left out.
func classify(e evidence) (Kind, string) {
	if e.op == "ls-remote" && e.exit == 2 && len(e.words.git) == 0 {
		return KindRefNotFound, "" // ls-remote --exit-code says no more
	}
	own, remote := e.words.git, networked(e.op) || fetchedMore(e.words.git)
	if !remote {
		own = slices.Concat(own, e.words.helper)
	}
	if r, ok := find(systemRules(), own); ok {
		return r.kind, r.hint
	}
	if provesDamage(e) {
		return KindCorrupt, ""
	}
	if !remote {
		r, _ := find(localRules(), e.words.git)
		return r.kind, r.hint
	}
	return classifyRemote(e.words)
}

// classifyRemote is classify for what concerns the remote.
func classifyRemote(w words) (Kind, string) {
	own := slices.Concat(w.git, w.helper)
	denied := []rule{{kind: KindDenied, says: anything}}
	if said := decisive(w.git); said != "" && said != "remote error" {
		denied = nil
	}
	for _, step := range []struct {
		rules []rule
		lines []string
	}{
		{transportRules(), own},
		{serverRules(), w.remote},
		{statusRules(), own},
		{networkRules(), w.helper},
		// The connection was made, and nothing is wrong with it: what the server says is its refusal.
		{denied, w.remote},
		{networkRules(), w.git},
		{localRules(), own},
		{[]rule{{kind: KindDenied, says: holding("Could not read from remote repository", "remote error")}}, w.git},
	} {
		if r, ok := find(step.rules, step.lines); ok {
			return r.kind, r.hint
		}
	}
	return KindUnknown, ""
}

// fetchedMore reports whether a command that checks out has failed to fetch what a
// partial clone lacks.
func fetchedMore(lines []string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "fatal: could not fetch ") && strings.HasSuffix(line, " from promisor remote")
	})
}

// find returns the first rule that applies to one of lines.
func find(rules []rule, lines []string) (rule, bool) {
	for _, r := range rules {
		if slices.ContainsFunc(lines, r.says.MatchString) {
			return r, true
		}
	}
	return rule{}, false
}

// provesDamage reports whether git has read a file of our own store and found it
// damaged. Proof is what git says about the content of a file that it names; that
// it did not find something, or could not open it, proves nothing.
func provesDamage(e evidence) bool {
	if !networked(e.op) && slices.ContainsFunc(e.words.git, damagedIndex.MatchString) {
		return true
	}
	return e.gitDir != "" && slices.ContainsFunc(e.words.git, func(line string) bool {
		m := damagedFile.FindStringSubmatch(line)
		return m != nil && below(storeOf(e.gitDir), m[1])
	})
}

// storeOf is the store of a git directory, which may be that of one of its worktrees.
func storeOf(gitDir string) string {
	if parent := filepath.Dir(gitDir); filepath.Base(parent) == "worktrees" {
		return filepath.Dir(parent)
	}
	return gitDir
}

// below reports whether git names a file in dir; it may have followed symlinks.
func below(dir, file string) bool {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		real = dir
	}
	return filepath.IsAbs(file) && (strings.HasPrefix(file, filepath.Clean(dir)+"/") || strings.HasPrefix(file, real+"/"))
}
