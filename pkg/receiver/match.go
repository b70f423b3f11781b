package receiver

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
)

// place is a repository without what differs between the ways to reach it: scheme,
// user, port, the .git at its end and the parts of a path that some forges put into
// the URLs of one protocol only.
type place struct {
	host string // "" for a bare name
	path string // lower case, no slash at either end
}

// placeOf takes any form of a repository's address: a URL, scp's host:path, a path, or the full name that a forge uses.
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
	host, parts = withoutDetours(host, parts)
	return place{host: host, path: strings.Join(parts, "/")}
}

// split finds host and path of an address.
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
	_, host, hasUser := strings.Cut(before, "@")
	if !hasUser {
		host = before
	}
	return host, after
}

// withoutDetours takes out what Bitbucket Server (https://host/scm/KEY/slug) and Azure
// DevOps (https://dev.azure.com/org/project/_git/repo, git@ssh.dev.azure.com:v3/org/project/repo,
// https://org.visualstudio.com/project/_git/repo) put into some of their URLs.
func withoutDetours(host string, parts []string) (string, []string) {
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
			parts[i] = parts[i+1] // org/_git/repo: the project is called as the repository is
		} else {
			parts = slices.Delete(parts, i, i+1)
		}
	}
	return host, parts
}

// same says whether theirs is ours. Host names say little: a cluster reaches its forge
// by another name than the world does, ssh has aliases, a mirror or a proxy stands in
// between. The sender has proved that it knows our secret, and a push taken for ours by
// mistake costs one poll, whereas one that is missed waits for the next. So the path
// decides. Only where the host names differ may ours have something in front of it, as
// below a proxy (https://proxy/github.com/team/docs) or a directory of mirrors.
func (ours place) same(theirs place) bool {
	if theirs.path == "" {
		return false
	}
	if ours.path == theirs.path {
		return true
	}
	return ours.host != theirs.host && strings.HasSuffix(ours.path, "/"+theirs.path) && strings.Contains(theirs.path, "/")
}

// isOurs says whether one of the addresses that a forge gave is our repository.
func (ours place) isOurs(addresses []string) bool {
	places := make([]place, 0, len(addresses))
	for _, address := range addresses {
		places = append(places, placeOf(address))
	}
	// When the forge has an address with our host name, its bare names must not be taken for another path below ours.
	known := slices.ContainsFunc(places, func(p place) bool { return p.host != "" && p.host == ours.host })
	return slices.ContainsFunc(places, func(p place) bool {
		if known {
			p.host = ours.host
		}
		return ours.same(p)
	})
}

// matchRef says of an update why it is not of a ref: a branch, a tag, refs/..., a full hash, or HEAD ("" is HEAD, too). It
// is "" if the update is of that ref.
func matchRef(ours string, u update, defaultBranch string) (why string) {
	switch {
	case u.deleted():
		return "it was deleted, which leaves nothing to publish"
	case isHash(ours):
		return "" // any push may bring the commit
	case ours == "" || ours == "HEAD":
		return matchHead(u.ref, defaultBranch)
	case names(ours, u.ref) || names(u.ref, ours) || names(u.ref, "refs/"+ours):
		return ""
	}
	return fmt.Sprintf("what is followed is %q", ours)
}

// matchHead follows the default branch, and any branch where the forge does not say which that is.
func matchHead(ref, defaultBranch string) string {
	switch {
	case strings.HasPrefix(ref, "refs/") && !strings.HasPrefix(ref, "refs/heads/"):
		return "it is no branch"
	case defaultBranch == "" || names(defaultBranch, ref):
		return ""
	}
	return fmt.Sprintf("what is followed is the default branch, %q", defaultBranch)
}

// matchFunc is matchRef for what a function follows. A deletion may change which ref is the highest, so it counts.
func matchFunc(follows func(ref string) bool, u update) (why string) {
	if follows(u.ref) {
		return ""
	}
	return "it does not match what is followed"
}

// names says whether name may mean the ref, as git understands names.
func names(name, ref string) bool {
	return ref == name || ref == "refs/"+name || ref == "refs/heads/"+name || ref == "refs/tags/"+name
}

func isHash(ref string) bool {
	return (len(ref) == 40 || len(ref) == 64) && strings.Trim(ref, "0123456789abcdefABCDEF") == ""
}
