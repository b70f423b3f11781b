package disk

import (
	"path/filepath"
	"strings"
	"testing"
)

func FuzzGitlink(f *testing.F) {
	f.Add("gitdir: ../.git/worktrees/rev-1\n")
	f.Add("gitdir: /git/.git/worktrees/1\r\n")
	f.Fuzz(func(t *testing.T, content string) {
		target, ok := parseGitlink("/root/rev-1", content)
		if ok != strings.HasPrefix(content, "gitdir: ") || ok && (!filepath.IsAbs(target) || filepath.Clean(target) != target) {
			t.Errorf("%q: %q, %v", content, target, ok)
		}
		if !ok && target != "" {
			t.Errorf("%q: %q of no gitlink", content, target)
		}
	})
}
