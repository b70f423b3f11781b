package worktree

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"

	"git-sync/pkg/git"
)

// moduleURL resolves a submodule's URL, which may be relative to that of its parent repository ("../other.git"). It
// refuses URLs that are unsafe for git.
func moduleURL(parent, sub string) (string, error) {
	if !strings.HasPrefix(sub, "./") && !strings.HasPrefix(sub, "../") {
		return sub, git.CheckURL(sub)
	}
	base, prefix := strings.TrimSuffix(parent, "/"), ""
	if u, err := url.Parse(base); err == nil && u.Scheme != "" && strings.Contains(base, "://") {
		base = u.EscapedPath()
		prefix = u.Scheme + "://" // url.URL omits the slashes if there is no host, and git would read "file:" as a host
		if u.Host != "" {
			prefix = (&url.URL{Scheme: u.Scheme, User: u.User, Host: u.Host}).String()
		}
	} else if host, rest, ok := strings.Cut(base, ":"); ok && !strings.Contains(host, "/") {
		prefix, base = host+":", rest // scp-like: user@host:path
	}
	for {
		step, rest, ok := strings.Cut(sub, "/")
		if !ok || step != "." && step != ".." {
			break
		}
		sub = rest
		if step == "." {
			continue
		}
		if base == "" || base == "/" {
			return "", fmt.Errorf("its URL %q leads above %s", sub, parent)
		}
		base = base[:max(strings.LastIndexByte(base, '/'), 0)]
	}
	sep := "/"
	if base == "" && strings.HasSuffix(prefix, ":") {
		sep = ""
	}
	full := prefix + base + sep + sub
	return full, git.CheckURL(full)
}

// noSymlinks refuses a submodule path that leads through a symlink, because it may lead out of the tree.
func noSymlinks(dir, rel string) error {
	at := dir
	for part := range strings.SplitSeq(filepath.FromSlash(rel), string(filepath.Separator)) {
		at = filepath.Join(at, part)
		if info, err := os.Lstat(at); err == nil && !info.IsDir() {
			return fmt.Errorf("path %s leads through something that is not a directory", rel)
		}
	}
	return nil
}
