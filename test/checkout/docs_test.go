// Package checkout tests what is checked out, and what is let through, with the program itself: the examples of docs/checkout.md
// and docs/verify.md as they are printed there, and the options that change what is on disk.
package checkout

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/test/examples"
	"git-sync/test/signing"
)

// TestCheckoutDocs runs every example of docs/checkout.md.
func TestCheckoutDocs(t *testing.T) {
	whole := []string{"README", "guide/index", "theme/css", "theme/icons/icon"}
	want := map[string][]string{
		"Submodules":            {"README", "theme/css"},
		"Some directories only": {"!README", "guide/index", "theme/css", "theme/icons/icon", "!.gitmodules"},
		"Less to download":      whole,
		"Following tags":        {"version", "!theme"},
		"Permissions":           whole,
		"Git itself":            whole,
	}
	more := map[string]func(*world, string){
		"--submodules=shallow": func(w *world, said string) { w.published(said, "!theme/icons/icon") },
		"log --oneline": func(w *world, said string) {
			if strings.Count(said, "commit at") != 3 {
				w.t.Errorf("not all of the history:\n%s", said)
			}
		},
		"--group-write":              func(w *world, _ string) { w.groupWritable() },
		"--change-permissions":       func(w *world, _ string) { w.fileMode(0o444, "README", "theme/css", "theme/icons/icon") },
		"core.autocrlf":              func(w *world, _ string) { w.holds("README", "first\r\n") },
		"protocol.file.allow:always": func(w *world, said string) { w.published(said, "theme/icons/icon") },
	}
	for i, e := range read(t, "checkout.md") {
		t.Run(fmt.Sprintf("%d %s", i, e.Section), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			w.modules()
			said, err := w.run(e.Code)
			if err != nil || want[e.Section] == nil {
				t.Fatalf("%s\n%v\n%s", e.Code, err, said)
			}
			w.published(said, want[e.Section]...)
			for part, check := range more {
				if strings.Contains(e.Code, part) {
					check(w, said)
				}
			}
		})
	}
}

// TestQuickStartDocs runs the examples of docs/quickstart.md that need nothing but the program.
func TestQuickStartDocs(t *testing.T) {
	ran := 0
	for i, e := range read(t, "quickstart.md") {
		if e.Lang != "sh" {
			continue
		}
		ran++
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			hash := w.up.Commit(map[string]string{"README": "first\n"})
			said, err := w.run(e.Code)
			if err != nil {
				t.Fatalf("%s\n%v\n%s", e.Code, err, said)
			}
			w.published(said, "README")
			want := "README"
			if strings.Contains(e.Code, "readlink") {
				want = ".worktrees/" + hash + "\n" + hash
			}
			if !strings.HasSuffix(strings.TrimSpace(said), want) {
				t.Errorf("%s\nends with %q, want %q", e.Code, said, want)
			}
		})
	}
	if ran != 1 {
		t.Errorf("%d examples", ran)
	}
}

func read(t *testing.T, name string) []examples.Example {
	t.Helper()
	found, err := examples.Read("../../docs/" + name)
	if err != nil || len(found) == 0 {
		t.Fatalf("no examples: %v", err)
	}
	return found
}

// TestVerifyDocs runs every example of docs/verify.md: with what is signed, and then with what is not.
func TestVerifyDocs(t *testing.T) {
	for i, e := range read(t, "verify.md") {
		t.Run(fmt.Sprint(i), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t)
			s := w.signer(e.Code)
			w.up.Commit(map[string]string{"README": "unsigned\n"})
			s.Tag(w.up, "v1.0.0", s.Commit(w.up, map[string]string{"README": "signed\n"}))
			if e.Section == "Releases" { // it builds upon the first example
				must(t, os.WriteFile(filepath.Join(w.dir, "keys/allowed_signers"), content(t, s.Public), 0o644))
			}
			if said, err := w.run(e.Code); err != nil {
				t.Fatalf("%s\n%v\n%s", e.Code, err, said)
			}
			w.holds("README", "signed\n")
			w.up.Commit(map[string]string{"README": "harm\n"})
			w.up.AnnotatedTag("v1.0.1", "main")
			said, err := w.run(e.Code)
			if err == nil || !strings.Contains(said, "has no good signature") {
				t.Errorf("what is not signed: %v\n%s", err, said)
			}
			w.holds("README", "signed\n")
		})
	}
}

// signer brings the keys that an example uses, and the repository under the name that it has there.
func (w *world) signer(code string) signing.Signer {
	w.t.Helper()
	must(w.t, os.Mkdir(filepath.Join(w.dir, "keys"), 0o755))
	if strings.Contains(code, "pgp.git") {
		s := signing.PGP(w.t)
		w.env = s.Env
		w.replace["/pgp.git"] = "/docs.git"
		return s
	}
	s := signing.SSH(w.t)
	must(w.t, os.WriteFile(filepath.Join(w.dir, "keys/alice.pub"), content(w.t, s.Key), 0o644))
	w.replace["/ssh.git"], w.replace["alice@example.com"] = "/docs.git", signing.Who
	return s
}
