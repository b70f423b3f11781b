// Package faults drives the real program, as its users run it, through what networks, readers and time do to it. Crashes are
// in test/crash; the faults of each package alone are beside the package. The table of all of them is docs/reliability.md.
package faults

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"git-sync/test/harness"
)

// report is what TestMain prints at the end: figures for people.
var report struct {
	sync.Mutex
	lines []string
}

func say(format string, args ...any) {
	report.Lock()
	defer report.Unlock()
	report.lines = append(report.lines, fmt.Sprintf(format, args...))
}

func TestMain(m *testing.M) {
	code := m.Run()
	for _, line := range report.lines {
		fmt.Println(line)
	}
	os.Exit(code)
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// program is git-sync, looping on a root of its own.
type program struct {
	*harness.Program
	harness.Root
	t *testing.T
}

func start(t *testing.T, url string, args ...string) *program {
	t.Helper()
	dir := t.TempDir()
	p := &program{Root: harness.NewRoot(dir), t: t}
	fixed := append(p.Args(url), "--ref=main", "--period=50ms", "--max-failures=-1", "--backoff-max=100ms",
		"--error-file="+filepath.Join(dir, "error.json"), "--log-format=json")
	p.Program = harness.Start(t, harness.Command{Home: dir, Args: append(fixed, args...)})
	t.Cleanup(p.Stop)
	return p
}

func (p *program) errorFile() string { return filepath.Join(p.Home, "error.json") }

// publishes waits until a revision is published.
func (p *program) publishes(hash string) {
	p.t.Helper()
	p.Publishes(p.t, hash)
}

// recycled is how many trees were made from a previous one; it is logged at -v 1.
func (p *program) recycled() int { return len(p.Lines(recycledMessage)) }

const recycledMessage = "recycled the spare tree"

// fails waits for a failed sync, and returns its error.
func (p *program) fails() string {
	p.t.Helper()
	var text string
	p.Until("a failure", func() bool {
		data, err := os.ReadFile(p.errorFile())
		text = string(data)
		return err == nil
	})
	return text
}

// recovers waits until no error is left, the revision is published, and nothing is left of the attempts that failed.
func (p *program) recovers(hash string) {
	p.t.Helper()
	p.publishes(hash)
	p.Until("the end of the failures", func() bool {
		_, err := os.Lstat(p.errorFile())
		return errors.Is(err, fs.ErrNotExist)
	})
	p.Until("a store without leftovers", func() bool { return len(p.Leftovers()) == 0 })
}
