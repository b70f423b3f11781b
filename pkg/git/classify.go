package git

import (
	"errors"
	"io/fs"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"git-sync/pkg/proc"
)

// evidence is what is known of a git that ended badly and by itself.
type evidence struct {
	op     string
	gitDir string
	exit   int
	stderr string // in English, scrubbed, without progress
}

// networked are the commands that talk to a remote. What they complain about may
// be the remote's objects, or what came over the wire, rather than ours.
func networked(op string) bool {
	return slices.Contains([]string{"fetch", "ls-remote", "clone", "submodule", "remote-http", "remote-https", "lfs"}, op)
}

// classifyEnd tells what to make of how the process ended, and whether that is all
// there is to tell; if it is not, its words decide.
func classifyEnd(pe *proc.Error) (kind Kind, hint string, told bool) {
	var pathErr *fs.PathError
	switch {
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
// The hint is empty unless more can be said than is usual for the kind.
//
// The order matters, as one cause makes git say many things: first what the
// system said (a full disk also cuts the pack that was being received), then proof
// of damage, then what the two ends of a connection said, from the particular to
// the general. Lines that begin with "remote: " are the server's words, and prove
// nothing about our disk.
func classify(e evidence) (Kind, string) {
	if e.op == "ls-remote" && e.exit == 2 && e.stderr == "" {
		return KindRefNotFound, "" // ls-remote --exit-code says no more
	}
	local, remote := split(e.stderr)
	if r, ok := find(systemRules(), local); ok {
		return r.kind, r.hint
	}
	if provesDamage(e, local) {
		return KindCorrupt, ""
	}
	if r, ok := find(remoteRules(), local+remote); ok {
		return r.kind, r.hint
	}
	if kind, ok := classifyStatus(httpStatus(local)); ok {
		return kind, ""
	}
	if r, ok := find(generalRules(), local); ok {
		return r.kind, r.hint
	}
	return KindUnknown, ""
}

// split separates our side's lines from the server's.
func split(stderr string) (local, remote string) {
	var ours, theirs strings.Builder
	for line := range strings.SplitSeq(stderr, "\n") {
		to := &ours
		if strings.HasPrefix(line, "remote: ") {
			to = &theirs
		}
		to.WriteString(line)
		to.WriteByte('\n')
	}
	return ours.String(), theirs.String()
}

// find returns the first rule that applies to text.
func find(rules []rule, text string) (rule, bool) {
	for _, r := range rules {
		for _, words := range r.any {
			if strings.Contains(text, words) {
				return r, true
			}
		}
	}
	return rule{}, false
}

// httpStatus finds the status in a message of curl's, 0 if there is none:
//
//	fatal: unable to access 'http://host/x/': The requested URL returned error: 403
//	error: RPC failed; HTTP 504 curl 22 The requested URL returned error: 504
func httpStatus(text string) int {
	_, after, ok := strings.Cut(text, "The requested URL returned error: ")
	if !ok || len(after) < 3 {
		return 0
	}
	status, err := strconv.Atoi(after[:3])
	if err != nil {
		return 0
	}
	return status
}

// classifyStatus gives a kind to what an HTTP server refused with.
func classifyStatus(status int) (Kind, bool) {
	switch {
	case status == http.StatusTooManyRequests:
		return KindRateLimited, true
	case status == http.StatusUnauthorized, status == http.StatusForbidden, status == http.StatusProxyAuthRequired:
		return KindAuth, true
	case status == http.StatusNotFound, status == http.StatusGone:
		return KindRepoNotFound, true
	case status == http.StatusRequestTimeout:
		return KindNetwork, true
	case status >= http.StatusInternalServerError:
		return KindServer, true
	}
	return KindUnknown, false
}

// provesDamage reports whether git has read something of ours and found it
// damaged. Proof is what git says about the content of a file that it names; that
// it did not find something, or could not open it, proves nothing.
//
// A command that talks to a remote may name files of the remote's: only what lies
// in our own repository counts there.
func provesDamage(e evidence, local string) bool {
	for line := range strings.Lines(local) {
		if networked(e.op) && (e.gitDir == "" || !strings.Contains(line, strings.TrimSuffix(e.gitDir, "/")+"/")) {
			continue
		}
		if _, ok := find([]rule{damage()}, line); ok {
			return true
		}
	}
	return false
}
