package auth

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"git-sync/pkg/git"
)

// mountAdvice is the remedy for a local repository that is not there.
const mountAdvice = "check the path (a URL begins with https:// or ssh://); in a container it is a path of the container, so the repository must be mounted there"

// localPath returns where the repository of a file URL, or of a path, is; ok is false for one that
// is elsewhere. As for git, it is a path when no colon comes before the first slash.
func localPath(raw string) (path string, ok bool) {
	if rest, isFile := strings.CutPrefix(raw, "file://"); isFile {
		if decoded, err := url.PathUnescape(rest); err == nil {
			rest = decoded
		}
		return rest, true
	}
	before, _, _ := strings.Cut(raw, "/")
	return raw, raw != "" && !strings.Contains(before, ":")
}

// explainPath says what is wrong with the local repository that raw names: nothing, where it looks
// like one or is not local. No credential is of use there, and no server has refused anything.
func explainPath(raw string) (what, advice string) {
	path, ok := localPath(raw)
	if !ok {
		return "", ""
	}
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Stat(path + ".git") // git tries it too
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such directory: " + path, mountAdvice
	case errors.Is(err, fs.ErrPermission):
		return path + " may not be read by our user", "make it readable for our user, and every directory above it accessible"
	case err != nil:
		return "", ""
	case !info.IsDir():
		return path + " is a file, not a repository", mountAdvice
	case !holdsRepository(path):
		return path + " is a directory, but not a git repository",
			"check the path in --repo: it is to name a clone, its .git or a bare repository; a clone into a volume may not be complete yet"
	}
	return "", ""
}

// holdsRepository reports whether git would find a repository at path, by what a git directory holds
// (gitrepository-layout(5)), in the places where git looks.
func holdsRepository(path string) bool {
	for _, suffix := range []string{"", "/.git", ".git", ".git/.git"} {
		if info, err := os.Lstat(path + suffix); err == nil && !info.IsDir() {
			return true // a gitlink file or a symlink: git's to follow
		}
		if exists(filepath.Join(path+suffix, "HEAD")) && exists(filepath.Join(path+suffix, "objects")) {
			return true
		}
	}
	return false
}

// explainDaemon says what a git daemon, which knows no credentials, means by its refusal:
//
//	fatal: remote error: access denied or repository not exported: /nope
func explainDaemon(raw string, failed *git.Error) (what, advice string) {
	if !strings.Contains(failed.Stderr, "repository not exported: ") {
		return "", "" // a submodule's
	}
	at := raw
	if u, err := url.Parse(raw); err == nil {
		at = u.Host + u.Path // without a user and password, which somebody may have put there
	}
	return "the git daemon has no repository to give at " + at,
		"check the path in --repo; git daemon serves what holds a file git-daemon-export-ok, or everything with --export-all. No credential is of use with git://"
}
