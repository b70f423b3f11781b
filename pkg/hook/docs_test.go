package hook

import (
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/go-logr/logr"
)

// examples are the scripts in docs/hooks.md, in their order.
func examples(t *testing.T) []string {
	t.Helper()
	b, err := os.ReadFile("../../docs/hooks.md")
	if err != nil {
		t.Fatal(err)
	}
	var out []string
	for _, block := range strings.Split(string(b), "```sh\n#!/bin/sh\n")[1:] {
		body, _, _ := strings.Cut(block, "```")
		out = append(out, script(t, body))
	}
	if len(out) != 3 {
		t.Fatalf("%d examples, want 3", len(out))
	}
	return out
}

// TestExamples runs what the page shows.
func TestExamples(t *testing.T) {
	scripts := examples(t)
	run := func(i int, dir string, env ...string) error {
		return program(ExecOptions{Name: NameExec, Command: scripts[i], Env: append([]string{"PATH=" + os.Getenv("PATH")}, env...), Log: logr.Discard()}).
			Run(t.Context(), Event{Hash: "abc", Dir: dir})
	}
	tree := t.TempDir()

	// Under nohup SIGHUP is ignored, and a shell cannot trap what was ignored when it began; a program's handler ends that.
	hup := make(chan os.Signal, 1)
	signal.Notify(hup, syscall.SIGHUP)
	defer signal.Stop(hup)

	// A "server" that leaves a note when it gets the signal.
	place := t.TempDir()
	server := program(ExecOptions{
		Name: NameExec, Env: []string{"PATH=" + os.Getenv("PATH"), "PLACE=" + place}, Log: logr.Discard(),
		Command: script(t, `trap 'echo yes > "$PLACE/reloaded"; exit 0' HUP; echo $$ > "$PLACE/new"; mv "$PLACE/new" "$PLACE/pid"; while :; do sleep 0.05; done`),
	})
	done := make(chan error, 1)
	go func() { done <- server.Run(t.Context(), Event{Dir: tree}) }()
	eventually(t, "the server runs", func() bool { _, err := os.Stat(filepath.Join(place, "pid")); return err == nil })
	if err := run(0, tree, "SERVER_PID_FILE="+filepath.Join(place, "pid")); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Errorf("the server: %v", err)
	}
	if _, err := os.Stat(filepath.Join(place, "reloaded")); err != nil {
		t.Error(err)
	}
	// And when there is no server, it fails, so that it is tried again.
	if err := os.WriteFile(filepath.Join(place, "pid"), []byte(strconv.Itoa(1<<22+1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := run(0, tree, "SERVER_PID_FILE="+filepath.Join(place, "pid")); err == nil {
		t.Error("signalled a server that is not there")
	}

	out := t.TempDir()
	for range 2 {
		if err := run(1, tree, "OUT="+out); err != nil {
			t.Error(err)
		}
	}
	if left, _ := filepath.Glob(filepath.Join(out, "*")); len(left) != 1 || filepath.Base(left[0]) != "abc.tar" {
		t.Errorf("made %v", left)
	}

	if err := run(2, tree); err == nil || !strings.Contains(err.Error(), "config.yaml is missing or empty") {
		t.Errorf("the gate, empty tree: %v", err)
	}
	write := func(text string) {
		if err := os.WriteFile(filepath.Join(tree, "config.yaml"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("a: 1\n<<<<<<< ours\n")
	if err := run(2, tree); err == nil || !strings.Contains(err.Error(), "a merge conflict was committed") {
		t.Errorf("the gate, conflict: %v", err)
	}
	write("a: 1\n")
	if err := run(2, tree); err != nil {
		t.Errorf("the gate, good tree: %v", err)
	}
}
