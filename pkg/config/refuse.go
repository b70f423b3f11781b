package config

import (
	"path"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/Masterminds/semver/v3"

	"git-sync/pkg/git"
)

// checkRepo rejects what git could read as an option, transports that run commands, and malformed URLs.
func checkRepo(s string) error {
	if strings.TrimSpace(s) != s {
		return wrong("begins or ends with a space or a line end", "")
	}
	return git.CheckURL(s)
}

// checkRef rejects what git would not accept as a name, or would read as something else.
func checkRef(s string) error {
	if err := checkRefName(s); err != nil {
		return err
	}
	bad := strings.HasPrefix(s, "/") || strings.HasSuffix(s, "/") || strings.HasSuffix(s, ".") || s == "@" ||
		strings.Contains(s, "//") || strings.Contains(s, "@{") || strings.ContainsAny(s, " ~^:?*[\\")
	for part := range strings.SplitSeq(s, "/") {
		bad = bad || strings.HasPrefix(part, ".") || strings.HasSuffix(part, ".lock")
	}
	if bad {
		return wrong(quoted(s)+" is not a name that git allows for a ref", "name a branch, a tag, a full hash or refs/...; to follow matching tags there is --ref-pattern")
	}
	return nil
}

// checkRefName rejects what cannot be a part of a ref's name.
func checkRefName(s string) error {
	switch {
	case likeOption(s), strings.HasPrefix(s, "+"):
		return wrong(quoted(s)+" begins with "+s[:1]+", which is not allowed in a ref", "")
	case hasControl(s):
		return wrong("contains a control character", "")
	case strings.Contains(s, ".."):
		return wrong(quoted(s)+" contains .., which is not allowed in a ref", "")
	}
	return nil
}

func checkRange(s string) error {
	if _, err := semver.NewConstraint(s); err != nil {
		return wrong(quoted(s)+" is not a range of versions", "write it as in >=1.2 <2, ~1.4 or ^2")
	}
	return nil
}

// checkFilter rejects what is not one of git's object filters.
func checkFilter(s string) error {
	if regexp.MustCompile(`^(blob:none|blob:limit=[0-9]+[kmg]?|tree:[0-9]+|object:type=[a-z]+|sparse:oid=[^-\s]\S*|combine:\S+)$`).MatchString(s) {
		return nil
	}
	return wrong(quoted(s)+" is not a git object filter", "examples: blob:none, blob:limit=1m, tree:0")
}

// checkLink rejects paths that git-sync itself uses in the root.
func checkLink(s string) error {
	switch first, _, _ := strings.Cut(strings.TrimPrefix(s, "./"), "/"); {
	case hasControl(s):
		return wrong("contains a control character", "")
	case first == ".git", first == ".worktrees":
		return wrong(quoted(s)+" is reserved for git-sync", "choose another name for the link")
	case isFullHash(strings.TrimPrefix(first, "rev-")) && first == strings.ToLower(first):
		return wrong(quoted(s)+" has the name of a worktree", "choose another name for the link")
	}
	switch last := s[strings.LastIndex(strings.TrimRight(s, "/"), "/")+1:]; strings.TrimRight(last, "/") {
	case "", ".", "..":
		return wrong(quoted(s)+" does not name a file", "give the link a name")
	}
	return nil
}

// checkSubdir rejects what is not a directory in a repository.
func checkSubdir(s string) error {
	if s != "" && (path.Clean(s) != s || s == "." || !filepath.IsLocal(s) || likeOption(s) || hasControl(s)) {
		return wrong(quoted(s)+" is not a directory of a repository", "write it relative to the top of the repository, without a slash at its ends: public, docs/site")
	}
	return nil
}

// likeOption reports whether a program could read s as an option.
func likeOption(s string) bool { return s != "" && s[0] == '-' }

// isFullHash reports whether s is a complete SHA-1 or SHA-256 hash.
func isFullHash(s string) bool { return git.IsHash(strings.ToLower(s)) }
