package config

import (
	"os"
	"path/filepath"
	"strings"
)

// asPath parses a path that is absolute, or relative to the working directory.
func asPath(in given) (string, error) {
	p, err := asText[string](in)
	return absolute(p), err
}

// absolute makes a path absolute, relative to the working directory. It does not clean the path, because ".." may
// follow a symlink. If the working directory was deleted, the path is returned unchanged: nothing can be opened
// there.
func absolute(p string) string {
	if wd, err := os.Getwd(); err == nil && p != "" && !filepath.IsAbs(p) {
		return wd + "/" + p
	}
	return p
}

// inHome reports whether a path is relative to the home directory in the syntax of shells. Without a shell, it is below
// a directory called ~, which is dangerous to remove.
func inHome(p string) bool { return p == "~" || strings.HasPrefix(p, "~/") }

// asProgram parses the path of a program, or a name to look up in PATH.
func asProgram(in given) (string, error) {
	if strings.Contains(in.value(), "/") {
		return asPath(in)
	}
	return asText[string](in)
}
