package sshserver

import (
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strings"
)

// NewKey makes an ed25519 key pair without a passphrase that may log in, and returns
// the path of the private key (mode 0600; the public one is beside it, with .pub).
// When repositories are named, the key reaches those only, as a forge's deploy key
// does; for any other it is told "repository not found".
func (s *Server) NewKey(name string, repos ...string) string {
	s.t.Helper()
	key := s.UnknownKey(name)
	s.Authorise(key, repos...)
	return key
}

// UnknownKey makes a key pair as NewKey does, which the server does not know.
func (s *Server) UnknownKey(name string) string {
	s.t.Helper()
	dir := s.path("keys")
	s.must(os.MkdirAll(dir, 0o700))
	key := filepath.Join(dir, name)
	s.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", name, "-f", key)
	return key
}

// Authorise lets a key in, from the next login on; repos as for NewKey.
func (s *Server) Authorise(key string, repos ...string) {
	s.t.Helper()
	pub, err := os.ReadFile(key + ".pub")
	s.must(err)
	line := strings.TrimSpace(string(pub))
	if len(repos) > 0 {
		line = fmt.Sprintf(`restrict,command="%s" %s`, s.gate(filepath.Base(key), repos), line)
	}
	s.mu.Lock()
	s.keys[key] = line
	s.mu.Unlock()
	s.authorise()
}

// Revoke shuts a key out, from the next login on.
func (s *Server) Revoke(key string) {
	s.t.Helper()
	s.mu.Lock()
	delete(s.keys, key)
	s.mu.Unlock()
	s.authorise()
}

// RotateHostKey gives the server a new host key, in use from the next Start on, and
// rewrites KnownHosts. A client that kept a copy of the old file must refuse it.
func (s *Server) RotateHostKey() {
	s.t.Helper()
	key := s.path("host_key")
	for _, old := range []string{key, key + ".pub"} {
		if err := os.Remove(old); err != nil && !os.IsNotExist(err) {
			s.t.Fatal(err)
		}
	}
	s.run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "host", "-f", key)
	pub, err := os.ReadFile(key + ".pub")
	s.must(err)
	entry := fmt.Sprintf("[127.0.0.1]:%d %s", s.Port, pub)
	s.must(os.WriteFile(s.KnownHosts, []byte(entry), 0o644))
}

// gate writes the forced command of a key that may reach some repositories only.
func (s *Server) gate(key string, repos []string) string {
	var cases strings.Builder
	for _, name := range repos {
		fmt.Fprintf(&cases, "*\" '%s'\") exec sh -c \"$SSH_ORIGINAL_COMMAND\" ;;\n", filepath.Join(s.Dir, name))
	}
	script := s.path("gate-" + key)
	s.must(os.WriteFile(script, []byte("#!/bin/sh\ncase \"$SSH_ORIGINAL_COMMAND\" in\n"+cases.String()+
		"esac\necho 'ERROR: Repository not found.' >&2\nexit 1\n"), 0o755))
	return script
}

// authorise writes authorized_keys whole and renames it into place, so that no login sees half of it.
func (s *Server) authorise() {
	s.t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	lines := make([]string, 0, len(s.keys))
	for _, line := range s.keys {
		lines = append(lines, line+"\n")
	}
	sort.Strings(lines)
	tmp := s.path("authorized_keys.new")
	s.must(os.WriteFile(tmp, []byte(strings.Join(lines, "")), 0o600))
	s.must(os.Rename(tmp, s.path("authorized_keys")))
}
