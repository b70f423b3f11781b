package git

import (
	"fmt"
	"os"
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
		// A file of hundreds of megabytes passes through; without this, git holds all of it in
		// memory. The caches and threads of what receives packs stay small too.
		{"core.bigFileThreshold", "16m"},
		{"core.deltaBaseCacheLimit", "16m"},
		{"pack.threads", "4"},
		// A connection over which nothing comes for 20 seconds is lost: git's servers send
		// something every five.
		{"http.lowSpeedLimit", "1"},
		{"http.lowSpeedTime", "20"},
	}
}

// trust makes the remote half of git, which a local URL has git run, see the safe.directory
// of the user's: it drops all configuration from its environment but the name of the global
// file, which is one in memory here.
func (g *Git) trust(config []KV) {
	var b strings.Builder
	for _, kv := range config {
		if strings.EqualFold(kv.Key, "safe.directory") {
			fmt.Fprintf(&b, "[safe]\n\tdirectory = \"%s\"\n", strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`).Replace(kv.Value))
		}
	}
	if b.Len() == 0 {
		return
	}
	if g.global = memoryFile("git-config"); g.global == nil {
		return
	}
	if _, err := g.global.WriteString(b.String()); err == nil {
		g.env = append(g.env, fmt.Sprintf("GIT_CONFIG_GLOBAL=/proc/%d/fd/%d", os.Getpid(), g.global.Fd()))
	}
}
