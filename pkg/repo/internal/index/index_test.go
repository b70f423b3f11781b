package index

import (
	"encoding/hex"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/test/gitserver"
)

// The paths of an index are those that git lists, in every version of its form.
func TestIndexPaths(t *testing.T) {
	for _, format := range []string{"sha1", "sha256"} {
		for _, version := range []string{"2", "3", "4", "split"} {
			t.Run(format+" "+version, func(t *testing.T) {
				dir := t.TempDir()
				git := func(args ...string) string {
					t.Helper()
					out, err := gitserver.Run(dir, gitserver.Env(), args...)
					if err != nil {
						t.Fatal(err)
					}
					return out
				}
				git("init", "-q", "--object-format="+format)
				for _, name := range []string{"a", "ab", "abcdefg", "dir/.gitattributes", "dir/x", strings.Repeat("long/", 60) + "name", "Ж"} {
					write(t, filepath.Join(dir, name), name)
				}
				git("add", ".")
				switch version {
				case "split":
					git("update-index", "--split-index")
					write(t, filepath.Join(dir, "later"), "")
					git("add", ".")
				case "3":
					git("update-index", "--index-version=3")
					git("update-index", "--skip-worktree", "ab") // or it is written as 2
				default:
					git("update-index", "--index-version="+version)
				}
				var got []string
				blob := strings.Fields(git("ls-files", "--stage"))[1]
				err := Each(filepath.Join(dir, ".git/index"), hex.DecodedLen(len(blob)), func(e Entry) error {
					got = append(got, string(e.Path)+"\x00")
					return nil
				})
				if version == "split" || version == "4" {
					if err == nil {
						t.Errorf("no error for such an index, of which %q is read", got)
					}
					return
				}
				if want := git("ls-files", "-z"); err != nil || strings.Join(got, "") != want {
					t.Errorf("%q, %v; want %q", strings.Join(got, ""), err, want)
				}
			})
		}
	}
}

func write(t *testing.T, name, content string) {
	t.Helper()
	if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o777), os.WriteFile(name, []byte(content), 0o666)); err != nil {
		t.Fatal(err)
	}
}
