package git

import (
	"fmt"
	"slices"
	"strings"
)

// environment filters the user's environment for git, and adds our own variables.
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
		// No configuration but ours. The files are both replaced and disabled: older versions of git support only one
		// of the two.
		"GIT_CONFIG_NOSYSTEM=1",
		"GIT_CONFIG_SYSTEM=/dev/null",
		"GIT_CONFIG_GLOBAL=/dev/null",
		"GIT_ATTR_NOSYSTEM=1",
		// Never prompt: nobody can answer.
		"GIT_TERMINAL_PROMPT=0",
		// No optional locks and writes, which only make git itself faster.
		"GIT_OPTIONAL_LOCKS=0",
	)
}

// passes reports whether the user's variable is passed to git.
//
// Of the variables that begin with GIT_, only those pass that are about the outside world. There are dozens of
// others, and more in each version, which redirect git to other repositories, objects, configuration or trace files.
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
	prefixes := []string{"GIT_HTTP_", "GIT_LFS_", "GIT_PROXY_", "GIT_SSL_"}
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(name, prefix) })
}

// defaults returns the configuration of every run.
func defaults() []KV {
	return []KV{
		// No automatic jobs, in particular none that outlive the command.
		{"gc.auto", "0"},
		{"gc.autoDetach", "false"},
		{"maintenance.auto", "false"},
		{"core.hooksPath", "/dev/null"},
		{"core.fsmonitor", "false"},
		{"core.untrackedCache", "false"},
		{"fetch.writeCommitGraph", "false"},
		{"submodule.recurse", "false"},
		// A volume may fold case, or have the rules of another system: reject every name that is ".git" on any of
		// them.
		{"core.protectHFS", "true"},
		{"core.protectNTFS", "true"},
		// These files default to paths in $HOME.
		{"core.attributesFile", "/dev/null"},
		{"core.excludesFile", "/dev/null"},
		// An empty helper clears the list, in case a repository's own configuration has one.
		{"credential.helper", ""},
		// Only git's own transports. "file" is for the user's own URL, not for the URL of a submodule.
		{"protocol.version", "2"},
		{"protocol.allow", "never"},
		{"protocol.https.allow", "always"},
		{"protocol.http.allow", "always"},
		{"protocol.ssh.allow", "always"},
		{"protocol.git.allow", "always"},
		{"protocol.file.allow", "user"},
		// No advice: it is for interactive users.
		{"advice.detachedHead", "false"},
		{"init.defaultBranch", "main"},
		// Without this, git holds a file of hundreds of megabytes in memory. The caches and threads of index-pack
		// also stay small.
		{"core.bigFileThreshold", "16m"},
		{"core.deltaBaseCacheLimit", "16m"},
		{"pack.threads", "4"},
		{"http.lowSpeedLimit", "1"},
	}
}

// trust passes the user's safe.directory to the remote half of git, which git runs for a local URL. That process
// ignores all configuration in its environment, except the name of the global file. So the setting is written to such
// a file, in memory.
func (g *Git) trust(config []KV) {
	var b strings.Builder
	for _, kv := range config {
		if strings.EqualFold(kv.Key, "safe.directory") {
			fmt.Fprintf(&b, "[safe]\n\tdirectory = %s\n", QuoteConfig(kv.Value))
		}
	}
	if b.Len() == 0 {
		return
	}
	if file, path, err := MemoryFile([]byte(b.String())); err == nil {
		g.global, g.env = file, append(g.env, "GIT_CONFIG_GLOBAL="+path)
	}
}

// QuoteConfig quotes a value for a configuration file, as described in git-config(1).
func QuoteConfig(value string) string {
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(value) + `"`
}
