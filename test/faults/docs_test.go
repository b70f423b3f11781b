package faults

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestDocs: docs/reliability.md has a row for each fault, with tests beside it that exist.
func TestDocs(t *testing.T) {
	text, err := os.ReadFile("../../docs/reliability.md")
	must(t, err)
	rows := map[string]string{}
	for line := range strings.Lines(string(text)) {
		if m := regexp.MustCompile(`^\| ([WDXE]\d+) \|`).FindStringSubmatch(line); m != nil {
			rows[m[1]] = line
		}
	}
	named := regexp.MustCompile("`([a-z/-]+): ((?:Test|Fuzz)[A-Za-z0-9]+)`")
	for letter, last := range map[string]int{"W": 22, "D": 11, "X": 6, "E": 12} {
		for n := 1; n <= last; n++ {
			id := fmt.Sprintf("%s%d", letter, n)
			tests := named.FindAllStringSubmatch(rows[id], -1)
			if len(tests) == 0 && !strings.Contains(rows[id], "`make e2e`") {
				t.Errorf("%s has no test", id)
			}
			for _, m := range tests {
				if !defined(t, m[1], m[2]) {
					t.Errorf("%s: there is no %s in %s", id, m[2], m[1])
				}
			}
		}
	}
}

// defined looks for a test in a directory and those below it.
func defined(t *testing.T, dir, name string) bool {
	t.Helper()
	found := false
	must(t, filepath.WalkDir(filepath.Join("../..", dir), func(file string, _ fs.DirEntry, err error) error {
		if err != nil || found || !strings.HasSuffix(file, "_test.go") {
			return err
		}
		text, err := os.ReadFile(file)
		found = strings.Contains(string(text), "\nfunc "+name+"(")
		return err
	}))
	return found
}
