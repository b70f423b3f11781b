// Package troubleshooting compares what tests have made git-sync print with the tables of docs/troubleshooting.md.
package troubleshooting

import (
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"
)

// quoted finds what is printed in the first column of a table: between backquotes, with … for what differs.
var quoted = regexp.MustCompile("`([^`]+)`")

// Documented fails the test when no row of the tables has what was printed.
func Documented(t testing.TB, printed string) {
	t.Helper()
	_, here, _, _ := runtime.Caller(0)
	page, err := os.ReadFile(filepath.Join(filepath.Dir(here), "../../docs/troubleshooting.md"))
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(page)) {
		cells := strings.Split(line, " | ")
		if !strings.HasPrefix(line, "| ") || len(cells) < 3 {
			continue
		}
		for _, row := range quoted.FindAllStringSubmatch(cells[0], -1) {
			if holds(printed, strings.Split(row[1], "…")) {
				return
			}
		}
	}
	t.Errorf("docs/troubleshooting.md has no row for %q", printed)
}

// holds reports whether parts are in text, in this order.
func holds(text string, parts []string) bool {
	for _, part := range parts {
		_, after, ok := strings.Cut(text, strings.TrimSpace(part))
		if !ok {
			return false
		}
		text = after
	}
	return true
}
