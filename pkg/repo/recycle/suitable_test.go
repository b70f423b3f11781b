package recycle

import (
	"strings"
	"testing"
)

func FuzzReadDiff(f *testing.F) {
	f.Add(":100644 100644 1 2 M\x00a\x00")
	f.Fuzz(func(t *testing.T, out string) {
		if changes, _ := readDiff(out); changes > strings.Count(out, "\x00") {
			t.Errorf("%d changes", changes)
		}
	})
}
