package worktree

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/repo/internal/disk"
)

// FuzzRecord reads the record of a tree: whatever it says, it is of no tree that is
// not there.
func FuzzRecord(f *testing.F) {
	f.Add(`{"hash":"` + strings.Repeat("1", 40) + `","place":"rev-` + strings.Repeat("1", 40) + `","recipe":{"permissions":420},"modules":[{"path":"a","store":"b","admin":"c"}]}`)
	root := f.TempDir()
	git := disk.GitDir{Name: filepath.Join(root, disk.GitName)}
	r := NewRecords(root, git)
	if err := git.MkdirAll(git.Admin("x")); err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, content string) {
		if err := os.WriteFile(filepath.Join(git.Admin("x"), recordName), []byte(content), 0o666); err != nil {
			t.Fatal(err)
		}
		if err := r.Load(); err != nil {
			t.Fatal(err)
		}
		for _, rec := range r.ByID {
			if _, ok := r.At(rec.Place); ok || r.Intact(rec) {
				t.Errorf("%q: there is no tree, yet it has a record", content)
			}
		}
	})
}
