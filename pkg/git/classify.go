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

// evidence is what is known about a git that failed by itself.
type evidence struct {
	op     string
	gitDir string
	exit   int
	words  words
}

// networked reports whether a command talks to a remote. Then a message may be about the remote's objects, or about
// the data received, instead of the local ones.
func networked(op string) bool {
	return slices.Contains([]string{"fetch", "ls-remote", "clone", "remote-http", "remote-https"}, op)
}

// classifyEnd returns the kind of a failure from how the process ended. If decided is false, its messages must be
// classified.
func classifyEnd(pe *proc.Error) (kind Kind, hint string, decided bool) {
	var unconnected *connectError
	pathErr, _ := errors.AsType[*fs.PathError](pe)
	inDir := pathErr != nil && pathErr.Op == "chdir" // the working directory is missing, not git
	switch {
	case errors.As(pe, &unconnected):
		return KindNetwork, "the host does not answer: check the host and port in --repo, firewalls and network policies, and HTTPS_PROXY", true
	case pe.TimedOut:
		return KindTimeout, "", true
	case pe.Canceled:
		return KindCanceled, "", true
	case errors.Is(pe, proc.ErrOutputTooLarge):
		return KindUnknown, "", true
	case pe.Signal == syscall.SIGBUS:
		// A page of a memory-mapped file could not be read.
		return KindIO, "", true
	case pe.Signal != 0:
		return KindKilled, "", true
	case pe.ExitCode >= 0:
		return KindUnknown, "", false
	case errors.Is(pe, fs.ErrNotExist) && !inDir:
		return KindUnsupported, "install git, or name it with --git", true
	case errors.Is(pe, fs.ErrPermission) && !inDir:
		return KindPermission, "the file in --git is not executable for the UID of git-sync", true
	case errors.Is(pe, syscall.EMFILE), errors.Is(pe, syscall.ENFILE), errors.Is(pe, syscall.EAGAIN):
		return KindIO, hintResources, true
	case errors.Is(pe, syscall.EIO), errors.Is(pe, syscall.ESTALE):
		return KindIO, "", true
	case errors.Is(pe, syscall.ENOMEM):
		return KindKilled, "", true
	}
	return KindUnknown, "", true
}

// classify returns the kind of a failure from the messages of git and its helpers under LC_ALL=C.
//
// The order matters, because one cause can lead to many messages. First come messages of the system: a full disk, for
// example, also truncates the pack that git is receiving. Then comes proof of damage, then the messages of both ends
// of a connection, specific ones before general ones. Each rule applies only to the messages of certain programs.
//
// The messages of a checkout contain names that anyone may have pushed. So they are matched as whole lines, or at the
// beginning or end, where git puts no name. The rules for remotes do not apply to them.
func classify(e evidence) (Kind, string) {
	if e.op == "ls-remote" && e.exit == 2 && len(e.words.git) == 0 {
		return KindRefNotFound, "" // ls-remote --exit-code prints no message
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

// classifyRemote is classify for messages about the remote.
func classifyRemote(w words) (Kind, string) {
	own := slices.Concat(w.git, w.helper)
	denied := []rule{{KindDenied, "", anything}}
	if said := mainLine(w.git); said != "" && said != "remote error" {
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
		// The connection itself works, so the server's message is a refusal.
		{denied, w.remote},
		{networkRules(), w.git},
		{localRules(), own},
		{[]rule{{KindDenied, "", containing("Could not read from remote repository", "remote error")}}, w.git},
	} {
		if r, ok := find(step.rules, step.lines); ok {
			return r.kind, r.hint
		}
	}
	return KindUnknown, ""
}

// fetchedMore reports whether a checkout failed to fetch objects that a partial clone lacks.
func fetchedMore(lines []string) bool {
	return slices.ContainsFunc(lines, func(line string) bool {
		return strings.HasPrefix(line, "fatal: could not fetch ") && strings.HasSuffix(line, " from promisor remote")
	})
}

// find returns the first rule that matches one of lines.
func find(rules []rule, lines []string) (rule, bool) {
	for _, r := range rules {
		if slices.ContainsFunc(lines, r.says.MatchString) {
			return r, true
		}
	}
	return rule{}, false
}

// provesDamage reports whether git has found a file of the local store to be damaged. Only a message about the
// content of a named file is a proof. A message that something was not found or could not be opened proves nothing.
func provesDamage(e evidence) bool {
	if !networked(e.op) && slices.ContainsFunc(e.words.git, damagedIndex.MatchString) {
		return true
	}
	return e.gitDir != "" && slices.ContainsFunc(e.words.git, func(line string) bool {
		m := damagedFile.FindStringSubmatch(line)
		return m != nil && below(storeOf(e.gitDir), m[1])
	})
}

// storeOf returns the store of a git directory, which may be the admin directory of a worktree.
func storeOf(gitDir string) string {
	if parent := filepath.Dir(gitDir); filepath.Base(parent) == "worktrees" {
		return filepath.Dir(parent)
	}
	return gitDir
}

// below reports whether file is in dir. git may have resolved symlinks in its path.
func below(dir, file string) bool {
	real, err := filepath.EvalSymlinks(dir)
	if err != nil {
		real = dir
	}
	return filepath.IsAbs(file) && (strings.HasPrefix(file, filepath.Clean(dir)+"/") || strings.HasPrefix(file, real+"/"))
}
