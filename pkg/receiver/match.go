package receiver

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// place is a repository's address without the parts that depend on the protocol: scheme, user, port, the final .git,
// and parts of the path that some forges use only with one protocol.
type place struct {
	host string // "" for a bare name
	path string // lower case, no slash at either end
}

// placeOf accepts every form of an address: a URL, scp's host:path, a path, or the full name of a repository.
func placeOf(address string) place {
	host, path := split(address)
	host = strings.ToLower(host)
	if decoded, err := url.PathUnescape(path); err == nil {
		path = decoded
	}
	parts := strings.FieldsFunc(strings.ToLower(path), func(r rune) bool { return r == '/' })
	if n := len(parts); n > 0 {
		parts[n-1] = strings.TrimSuffix(parts[n-1], ".git")
	}
	host, parts = withoutExtraParts(host, parts)
	return place{host: host, path: strings.Join(parts, "/")}
}

// split returns the host and the path of an address.
func split(address string) (host, path string) {
	if strings.Contains(address, "://") {
		u, err := url.Parse(address)
		if err != nil {
			return "", ""
		}
		return u.Hostname(), u.EscapedPath()
	}
	// scp's form: a colon before the first slash.
	before, after, found := strings.Cut(address, ":")
	if !found || strings.Contains(before, "/") {
		return "", address
	}
	return before[strings.LastIndex(before, "@")+1:], after
}

// withoutExtraParts removes the parts that only some URLs of Bitbucket Server (https://host/scm/KEY/slug) and Azure
// DevOps (https://dev.azure.com/org/project/_git/repo, git@ssh.dev.azure.com:v3/org/project/repo,
// https://org.visualstudio.com/project/_git/repo) have.
func withoutExtraParts(host string, parts []string) (string, []string) {
	org, isOld := strings.CutSuffix(host, ".visualstudio.com")
	switch {
	case len(parts) == 3 && parts[0] == "scm":
		return host, parts[1:]
	case (host == "ssh.dev.azure.com" || host == "vs-ssh.visualstudio.com") && len(parts) == 4 && parts[0] == "v3":
		return "dev.azure.com", parts[1:]
	case isOld:
		parts = slices.DeleteFunc(parts, func(part string) bool { return part == "defaultcollection" })
		host, parts = "dev.azure.com", slices.Insert(parts, 0, org)
	}
	if i := slices.Index(parts, "_git"); i > 0 && i == len(parts)-2 {
		if i == 1 {
			parts[i] = parts[i+1] // org/_git/repo: the project has the name of the repository
		} else {
			parts = slices.Delete(parts, i, i+1)
		}
	}
	return host, parts
}

// same reports whether theirs is our repository. It does not compare host names, because a cluster often uses another
// name for its forge: an ssh alias, a mirror or a proxy. The sender knows the secret. If a push is wrongly accepted,
// the cost is one poll; if it is wrongly ignored, the change waits for the next poll. If the host names differ, our
// path may have a prefix: the path of a proxy (https://proxy/github.com/team/docs) or a directory of mirrors.
func (ours place) same(theirs place) bool {
	mirrored := ours.host != theirs.host && strings.HasSuffix(ours.path, "/"+theirs.path) && strings.Contains(theirs.path, "/")
	return theirs.path != "" && (ours.path == theirs.path || mirrored)
}

// isOurs reports whether one of the addresses in a delivery is our repository.
func (ours place) isOurs(addresses []string) bool {
	// If one address has our host name, bare names are on our host, too: then team/docs is not our big/team/docs.
	known := slices.ContainsFunc(addresses, func(a string) bool { return ours.host != "" && placeOf(a).host == ours.host })
	return slices.ContainsFunc(addresses, func(a string) bool {
		theirs := placeOf(a)
		if known {
			theirs.host = ours.host
		}
		return ours.same(theirs)
	})
}

// rejects says why an update is not of the followed ref; "" if it is.
func (t Target) rejects(u update, defaultBranch string) string {
	switch {
	case t.Match != nil && t.Match(u.ref):
		return "" // also a deletion
	case t.Match != nil:
		return "it does not match the followed refs"
	case u.deleted():
		return "it was deleted, which leaves nothing to publish"
	case isHash(t.Ref):
		return "" // any push may bring the commit
	case t.Ref != "" && t.Ref != "HEAD":
		if names(t.Ref, u.ref) || names(u.ref, t.Ref) || names(u.ref, "refs/"+t.Ref) {
			return ""
		}
		return fmt.Sprintf("the followed ref is %q", t.Ref)
	case strings.HasPrefix(u.ref, "refs/") && !strings.HasPrefix(u.ref, "refs/heads/"):
		return "it is no branch"
	case defaultBranch == "" || names(defaultBranch, u.ref):
		return "" // if a forge does not send the default branch, it may be any
	}
	return fmt.Sprintf("the followed ref is the default branch, %.200q", defaultBranch)
}

// names reports whether git resolves name to the ref.
func names(name, ref string) bool {
	return ref == name || ref == "refs/"+name || ref == "refs/heads/"+name || ref == "refs/tags/"+name
}

func isHash(ref string) bool {
	return (len(ref) == 40 || len(ref) == 64) && strings.Trim(ref, "0123456789abcdefABCDEF") == ""
}
