package proc_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"git-sync/pkg/proc"
)

// converse says a line to the child and returns its answer.
func converse(t *testing.T, p *proc.Process, line string) string {
	t.Helper()
	if _, err := fmt.Fprintln(p.Stdin, line); err != nil {
		t.Fatal(err)
	}
	answer, err := bufio.NewReader(p.Stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return answer[:len(answer)-1]
}

func TestStartConversation(t *testing.T) {
	p, err := proc.Start(t.Context(), self(t, "cat"))
	if err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"one", "two"} {
		if got := converse(t, p, line); got != "heard "+line {
			t.Errorf("answer is %q", got)
		}
	}
	if _, err := p.Close(0); err != nil {
		t.Errorf("closing: %v", err)
	}
	if _, err := p.Close(0); err != nil {
		t.Errorf("closing again: %v", err)
	}
	if _, err := p.Stdin.Write([]byte("x")); err == nil {
		t.Error("writing to a closed process works")
	}
}

func TestStartChildEndsByItself(t *testing.T) {
	p, err := proc.Start(t.Context(), self(t, "cat"))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(p.Stdin, "last\n"); err != nil {
		t.Fatal(err)
	}
	p.Stdin.Close()
	rest, err := io.ReadAll(p.Stdout)
	if string(rest) != "heard last\n" || err != nil {
		t.Errorf("rest is %q, %v", rest, err)
	}
	var pe *proc.Error
	if _, err := p.Close(time.Minute); !errors.As(err, &pe) || pe.ExitCode != 3 {
		t.Errorf("closing: %v", err)
	}
}

func TestStartOutlivesItsContext(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	p, err := proc.Start(ctx, self(t, "sleep"))
	if err != nil {
		t.Fatal(err)
	}
	out := bufio.NewReader(p.Stdout)
	line, err := out.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	l := newLines()
	_, _ = io.WriteString(l, line)
	cancel()
	if _, err := proc.Run(t.Context(), self(t, "ids")); err != nil { // as long as a whole child lives
		t.Fatal(err)
	}
	pid := l.pid(t)
	if gone(pid) {
		t.Fatal("the child ended with the context that it was started in")
	}
	if _, err := p.Close(0); err != nil {
		t.Errorf("closing: %v", err)
	}
	// A reader is not left hanging.
	if _, err := out.ReadByte(); err == nil {
		t.Error("reading goes on")
	}
	if !gone(pid) {
		t.Error("the child still runs")
	}
}

func TestStartKeepsStderr(t *testing.T) {
	p, err := proc.Start(t.Context(), self(t, "fail"))
	if err != nil {
		t.Fatal(err)
	}
	if res, _ := p.Close(time.Minute); string(res.Stderr) != "first words\nlast words\n" {
		t.Errorf("stderr is %q", res.Stderr)
	}
}

func TestStartProgramMissing(t *testing.T) {
	if _, err := proc.Start(t.Context(), proc.Cmd{Path: "/nowhere"}); err == nil {
		t.Error("no error")
	}
}
