package config

import (
	"path/filepath"
	"slices"
	"strings"
)

// In returns the sync with absolute paths, relative ones being relative to dir. What is relative to the root or to a tree stays
// so. No path is cleaned, because ".." may follow a symlink.
func (s Sync) In(dir string) Sync {
	s.Auth.SSHKeyFiles, s.Auth.Credentials = slices.Clone(s.Auth.SSHKeyFiles), slices.Clone(s.Auth.Credentials)
	paths := []*string{
		&s.Root, &s.SparseFile, &s.Trust.Keyring, &s.Trust.AllowedSigners, &s.Receiver.SecretFile,
		&s.Auth.PasswordFile, &s.Auth.SSHKnownHostsFile, &s.Auth.CookieFile, &s.Auth.GitHub.PrivateKeyFile,
	}
	if isPath(s.URL) {
		paths = append(paths, &s.URL)
	}
	for i := range s.Auth.SSHKeyFiles {
		paths = append(paths, &s.Auth.SSHKeyFiles[i])
	}
	for i := range s.Auth.Credentials {
		paths = append(paths, &s.Auth.Credentials[i].PasswordFile, &s.Auth.Credentials[i].SSHKeyFile)
	}
	for _, path := range paths {
		if *path != "" && !filepath.IsAbs(*path) {
			*path = dir + "/" + *path
		}
	}
	return s
}

// In returns the process with an absolute path of git, unless it is a name to be looked up in PATH.
func (p Process) In(dir string) Process {
	if strings.Contains(p.Git, "/") && !filepath.IsAbs(p.Git) {
		p.Git = dir + "/" + p.Git
	}
	return p
}

// isPath says whether a repository is a path, by git's own rule: there is no colon before the first slash.
func isPath(repo string) bool {
	before, _, _ := strings.Cut(repo, "/")
	return !strings.Contains(before, ":")
}
