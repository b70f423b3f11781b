// Command runtests is `go test` for people: it shows what go test shows, and besides it every skipped test with its reason,
// which go test hides unless it shows everything; it ends with a count. Its arguments are go test's, and so is its exit code.
package main

import (
	"bufio"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

func main() {
	cmd := exec.Command("go", append([]string{"test", "-json"}, os.Args[1:]...)...)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "runtests:", err)
		os.Exit(1)
	}
	show(os.Stdout, out)
	err = cmd.Wait()
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		os.Exit(max(1, exit.ExitCode()))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "runtests:", err)
		os.Exit(1)
	}
}

// event is one line of go test -json; see `go doc test2json`.
type event struct {
	Action, Package, Test, Output string
}

// show writes the events as they come, keeping each test's output back until it is known how the test ended.
func show(w io.Writer, events io.Reader) {
	kept := map[string][]string{}
	count := map[string]int{}
	var skipped []string
	lines := bufio.NewScanner(events)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			fmt.Fprintln(w, lines.Text())
			continue
		}
		id := e.Package + " " + e.Test
		switch {
		case e.Action == "output" && e.Test != "":
			kept[id] = append(kept[id], e.Output)
		case e.Action == "output" || e.Action == "build-output":
			if !noise(e.Output) {
				fmt.Fprint(w, e.Output)
			}
		case e.Test == "":
		case e.Action == "fail" || e.Action == "skip":
			text := strings.Join(slices.DeleteFunc(kept[id], noise), "")
			fmt.Fprint(w, text)
			if e.Action == "skip" {
				skipped = append(skipped, fmt.Sprintf("%s\n%s", id, text))
			}
			fallthrough
		case e.Action == "pass":
			count[e.Action]++
			delete(kept, id)
		}
	}
	for id, rest := range kept { // a test that neither passed nor failed was running when its process ended
		fmt.Fprintf(w, "unfinished: %s\n%s", id, strings.Join(rest, ""))
	}
	if err := lines.Err(); err != nil {
		fmt.Fprintln(w, "runtests: reading go test's output:", err)
		_, _ = io.Copy(io.Discard, events)
	}
	fmt.Fprintf(w, "\n%d tests passed, %d failed, %d skipped\n", count["pass"], count["fail"], count["skip"])
	for _, s := range skipped {
		fmt.Fprint(w, "skipped: ", s)
	}
}

// noise is what go test prints only because -json implies -v.
func noise(line string) bool {
	for _, prefix := range []string{"=== ", "PASS\n", "?   \t"} {
		if strings.HasPrefix(strings.TrimLeft(line, " "), prefix) {
			return true
		}
	}
	return false
}
