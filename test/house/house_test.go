// Package house tests what no package can test about itself: that the documents lead to where they say.
package house

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

const top = "../.."

// documents are all Markdown files of the project.
func documents(t *testing.T) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != top && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata"):
			return filepath.SkipDir
		case strings.HasSuffix(path, ".md"):
			all = append(all, path)
		}
		return nil
	})
	if err != nil || len(all) == 0 {
		t.Fatalf("no documents: %v", err)
	}
	return all
}

func TestLinksLeadSomewhere(t *testing.T) {
	link := regexp.MustCompile(`\]\(([^)\s#]+)(#[^)\s]*)?\)`)
	for _, doc := range documents(t) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range link.FindAllStringSubmatch(string(text), -1) {
			if strings.Contains(m[1], ":") {
				continue // elsewhere
			}
			if _, err := os.Stat(filepath.Join(filepath.Dir(doc), m[1])); err != nil {
				t.Errorf("%s: %s leads nowhere", doc, m[1])
			}
		}
	}
}

// TestEveryDependencyIsListed: what go.mod asks for has a reason in docs/design.md, and nothing else has a row there.
func TestEveryDependencyIsListed(t *testing.T) {
	mod, err := os.ReadFile(filepath.Join(top, "go.mod"))
	if err != nil {
		t.Fatal(err)
	}
	design, err := os.ReadFile(filepath.Join(top, "docs/design.md"))
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\t(\S+) v\S+$`).FindAllStringSubmatch(string(mod), -1) {
		asked[m[1]] = true
	}
	_, list, _ := strings.Cut(string(design), "## Dependencies")
	listed := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\|").FindAllStringSubmatch(list, -1) {
		listed[m[1]] = true
		if !asked[m[1]] {
			t.Errorf("docs/design.md lists %s, which go.mod does not ask for", m[1])
		}
	}
	for name := range asked {
		if !listed[name] {
			t.Errorf("docs/design.md does not say why we depend on %s", name)
		}
	}
	if len(asked) == 0 {
		t.Error("no dependencies found in go.mod")
	}
}

// TestEveryTestDirectoryIsListed: each directory below test/ has a row in docs/design.md, and each row names a directory.
func TestEveryTestDirectoryIsListed(t *testing.T) {
	design, err := os.ReadFile(filepath.Join(top, "docs/design.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, section, _ := strings.Cut(string(design), "## How it is tested\n")
	section, _, _ = strings.Cut(section, "\n## ")
	listed := map[string]bool{}
	for line := range strings.Lines(section) {
		names, _, _ := strings.Cut(strings.TrimPrefix(line, "| "), " | ")
		for _, m := range regexp.MustCompile("`test/([a-z0-9]+)`").FindAllStringSubmatch(names, -1) {
			if strings.HasPrefix(line, "| ") {
				listed[m[1]] = true
			}
		}
	}
	entries, err := os.ReadDir(filepath.Join(top, "test"))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if e.IsDir() && !listed[e.Name()] {
			t.Errorf("docs/design.md has no row for test/%s", e.Name())
		}
		delete(listed, e.Name())
	}
	for name := range listed {
		t.Errorf("docs/design.md lists test/%s, which does not exist", name)
	}
}

func TestEveryDecisionIsListed(t *testing.T) {
	index, err := os.ReadFile(filepath.Join(top, "docs/decisions/README.md"))
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(top, "docs/decisions/[0-9]*.md"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no decisions: %v", err)
	}
	for _, f := range files {
		if !strings.Contains(string(index), "("+filepath.Base(f)+")") {
			t.Errorf("%s is not in the index", f)
		}
	}
}

// The README's commands are targets of the Makefile.
func TestCommandsExist(t *testing.T) {
	makefile, err := os.ReadFile(filepath.Join(top, "Makefile"))
	if err != nil {
		t.Fatal(err)
	}
	target := regexp.MustCompile("(?m)(?:^|`)make ([a-z0-9-]+)")
	for _, doc := range documents(t) {
		text, err := os.ReadFile(doc)
		if err != nil {
			t.Fatal(err)
		}
		for _, m := range target.FindAllStringSubmatch(string(text), -1) {
			if !regexp.MustCompile("(?m)^" + m[1] + ":").Match(makefile) {
				t.Errorf("%s: there is no make %s", doc, m[1])
			}
		}
	}
}

// The known bugs that `make crash-seeds` puts into the source still fit it.
func TestSeedsApply(t *testing.T) {
	patches, err := filepath.Glob(filepath.Join(top, "test/crash/seeds/*.patch"))
	if err != nil || len(patches) == 0 {
		t.Fatalf("no patches: %v", err)
	}
	for _, patch := range patches {
		name, err := filepath.Abs(patch)
		if err != nil {
			t.Fatal(err)
		}
		cmd := exec.Command("git", "apply", "--check", name)
		cmd.Dir = top
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Errorf("%s: %v\n%s", patch, err, out)
		}
	}
}
