package auth

import (
	"errors"
	"io/fs"
	"net/url"
	"os"
	"strings"

	"git-sync/pkg/git"
)

// mountAdvice is the hint for a local repository that does not exist.
const mountAdvice = "check the path (a URL begins with https:// or ssh://); in a container it is a path of the container, so the repository must be mounted there"

// localPath returns the local path of a file URL or a path; ok is false for other URLs.
func localPath(raw string) (path string, ok bool) {
	if rest, isFile := strings.CutPrefix(raw, "file://"); isFile {
		if decoded, err := url.PathUnescape(rest); err == nil {
			rest = decoded
		}
		return rest, true
	}
	return raw, git.IsPath(raw)
}

// explainPath says what is wrong with the repository at a local path, if the path is the cause. Credentials are not
// involved.
func explainPath(path string, kind git.Kind) (what, advice string) {
	info, err := os.Stat(path)
	if errors.Is(err, fs.ErrNotExist) {
		info, err = os.Stat(path + ".git") // git tries this, too
	}
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return "no such directory: " + path, mountAdvice
	case errors.Is(err, fs.ErrPermission):
		return path + " is not readable for the UID of git-sync", "make it readable for that UID, and every directory above it accessible"
	case err != nil:
		return "", ""
	case !info.IsDir():
		return path + " is a file, not a repository", mountAdvice
	case kind == git.KindRepoNotFound:
		return path + " is a directory, but not a git repository",
			"check the path in --repo: it must be a clone, its .git directory or a bare repository; a clone into a volume may be incomplete"
	}
	return "", ""
}

// explainDaemon explains a rejection by a git daemon, which does not support credentials:
//
//	fatal: remote error: access denied or repository not exported: /nope
func explainDaemon(raw string, failed *git.Error) (what, advice string) {
	if !strings.Contains(failed.Stderr, "repository not exported: ") {
		return "", "" // the failure is about a submodule
	}
	at := raw
	if u, err := url.Parse(raw); err == nil {
		at = u.Host + u.Path // without a user and password, in case the URL has them
	}
	return "the git daemon serves no repository at " + at,
		"check the path in --repo; git daemon serves repositories with a file git-daemon-export-ok, or all with --export-all. git:// does not support credentials"
}
