package hook

import (
	"slices"
	"strings"
)

// Environment is what a hook gets to see of an environment: everything but
//
//   - our own options, GITSYNC_* and GIT_SYNC_*, whether they are secret or not;
//   - what steers git and would mislead a git that the hook runs in its tree: GIT_DIR and its kin, GIT_CONFIG*, GIT_ASKPASS, SSH_ASKPASS;
//   - user and password in the URL of a proxy variable, which is otherwise kept;
//   - any variable whose value holds one of the secrets: $(PASSWORD) in a manifest's arguments puts one there too.
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

// ours says whether a variable is not for hooks.
func ours(name string) bool {
	for _, prefix := range []string{"GITSYNC_", "GIT_SYNC_", "GIT_CONFIG", "GIT_ASKPASS", "SSH_ASKPASS"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return slices.Contains([]string{
		"GIT_DIR", "GIT_WORK_TREE", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_ALTERNATE_OBJECT_DIRECTORIES",
		"GIT_COMMON_DIR", "GIT_NAMESPACE", "GIT_PREFIX", "GIT_CEILING_DIRECTORIES",
	}, name)
}

// withoutUser takes the user information out of a proxy's address.
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

// holdsSecret says whether a value is, or contains, a secret. A very short secret is only found as the whole value.
func holdsSecret(value string, secrets []string) bool {
	for _, s := range secrets {
		s = strings.TrimSpace(s)
		if s == "" {
			continue
		}
		if value == s || len(s) >= 4 && strings.Contains(value, s) {
			return true
		}
	}
	return false
}
