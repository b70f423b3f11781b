package git

import (
	"slices"
	"strings"
)

// environment keeps of the user's environment what git may see, and adds what it
// must see.
func environment(user []string) []string {
	env := make([]string, 0, len(user)+10)
	for _, kv := range user {
		name, _, ok := strings.Cut(kv, "=")
		if ok && passes(name) {
			env = append(env, kv)
		}
	}
	return append(env,
		"LC_ALL=C",
		// No configuration but ours. The files are named as well as switched off:
		// older gits know only the one, newer the other.
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_ATTR_NOSYSTEM=1",
		// No questions: nobody is there to answer.
		"GIT_TERMINAL_PROMPT=0",
		// No lock, and no write, that only serves git's own speed.
		"GIT_OPTIONAL_LOCKS=0",
	)
}

// passes reports whether the variable of the user's reaches git.
//
// Of the GIT_ family only those pass that are known to be about the outside world;
// it has dozens that redirect git to other repositories, objects, configuration or
// trace files, and grows.
func passes(name string) bool {
	switch {
	case strings.HasPrefix(name, "GITSYNC_"), name == "LANGUAGE", name == "LANG", strings.HasPrefix(name, "LC_"):
		return false
	case !strings.HasPrefix(name, "GIT_"):
		return true
	case slices.Contains([]string{
		"GIT_ASKPASS", "GIT_EXEC_PATH", "GIT_SSH", "GIT_SSH_COMMAND", "GIT_SSH_VARIANT",
	}, name):
		return true
	}
	for _, prefix := range []string{"GIT_HTTP_", "GIT_LFS_", "GIT_PROXY_", "GIT_SSL_"} {
		if strings.HasPrefix(name, prefix) {
			return true
		}
	}
	return false
}

// defaults is the configuration of every run.
func defaults() []KV {
	return []KV{
		// Nothing runs behind our back, or after we have gone.
		{"gc.auto", "0"},
		{"gc.autoDetach", "false"},
		{"maintenance.auto", "false"},
		{"core.hooksPath", "/dev/null"},
		{"core.fsmonitor", "false"},
		{"core.untrackedCache", "false"},
		{"fetch.writeCommitGraph", "false"},
		{"submodule.recurse", "false"},
		// A volume may fold case, or be another system's: no name that is ".git" to any of them.
		{"core.protectHFS", "true"},
		{"core.protectNTFS", "true"},
		// Nobody's files: these default to places below $HOME.
		{"core.attributesFile", "/dev/null"},
		{"core.excludesFile", "/dev/null"},
		// An empty helper clears the list, should a repository's own configuration
		// name one.
		{"credential.helper", ""},
		// Only what git itself speaks; "file" is for the user's own URL, not for
		// one that a submodule asks for.
		{"protocol.version", "2"},
		{"protocol.allow", "never"},
		{"protocol.https.allow", "always"},
		{"protocol.http.allow", "always"},
		{"protocol.ssh.allow", "always"},
		{"protocol.git.allow", "always"},
		{"protocol.file.allow", "user"},
		// No advice: hints are for the person at a prompt.
		{"advice.detachedHead", "false"},
		{"init.defaultBranch", "main"},
	}
}
