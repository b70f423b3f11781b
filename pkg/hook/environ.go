package hook

import (
	"slices"
	"strings"
)

// Environment returns the part of an environment that a hook gets: everything except
//
//   - our own options, GITSYNC_* and GIT_SYNC_*, secret or not;
//   - variables that would change a git that the hook runs in its tree: GIT_DIR and the like, GIT_CONFIG*, GIT_ASKPASS, SSH_ASKPASS;
//   - user and password in the URL of a proxy variable; the rest of it is kept;
//   - variables that contain one of the secrets, for example because a manifest's arguments use $(PASSWORD).
func Environment(environ, secrets []string) []string {
	var out []string
	for _, kv := range environ {
		name, value, ok := strings.Cut(kv, "=")
		if !ok || name == "" || ours(name) {
			continue
		}
		if strings.HasSuffix(strings.ToUpper(name), "_PROXY") {
			value = withoutUser(value)
		}
		if !holdsSecret(value, secrets) {
			out = append(out, name+"="+value)
		}
	}
	return out
}

// ours reports whether a variable is not passed to hooks.
func ours(name string) bool {
	prefixes := []string{"GITSYNC_", "GIT_SYNC_", "GIT_CONFIG", "GIT_ASKPASS", "SSH_ASKPASS"}
	if slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) }) {
		return true
	}
	return slices.Contains([]string{
		"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
		"GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_CEILING_DIRECTORIES",
	}, name)
}

// withoutUser removes the user information from the address of a proxy.
func withoutUser(proxy string) string {
	at := strings.LastIndexByte(proxy, '@')
	if at < 0 {
		return proxy
	}
	scheme, _, ok := strings.Cut(proxy[:at], "://")
	if !ok {
		return proxy[at+1:]
	}
	return scheme + "://" + proxy[at+1:]
}

// holdsSecret reports whether a value is or contains a secret. A very short secret is found only if it is the whole
// value.
func holdsSecret(value string, secrets []string) bool {
	return slices.ContainsFunc(secrets, func(s string) bool {
		s = strings.TrimSpace(s)
		return s != "" && (value == s || len(s) >= 4 && strings.Contains(value, s))
	})
}
