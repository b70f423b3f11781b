package proc_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"git-sync/pkg/proc"
)

func TestRunPassesStreamsAndArguments(t *testing.T) {
	c := self(t, "echo", "a b", "-c", "")
	c.Stdin = strings.NewReader("some input")
	res, err := proc.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(res.Stdout); got != "some input" {
		t.Errorf("stdout is %q", got)
	}
	if got := string(res.Stderr); got != "a b|-c|" {
		t.Errorf("stderr is %q", got)
	}
	if res.Wall <= 0 || res.User+res.System <= 0 {
		t.Errorf("times are missing: %+v", res)
	}
}

func TestRunFileAsStdin(t *testing.T) {
	name := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(name, []byte("from a file"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := os.Open(name)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	c := self(t, "echo")
	c.Stdin = f
	res, err := proc.Run(t.Context(), c)
	if err != nil || string(res.Stdout) != "from a file" {
		t.Fatalf("%q, %v", res.Stdout, err)
	}
	if _, err := f.Stat(); err != nil {
		t.Errorf("the caller's file was closed: %v", err)
	}
}

func TestRunStdin(t *testing.T) {
	t.Run("the child does not read it", func(t *testing.T) {
		c := self(t, "ids")
		c.Stdin = bytes.NewReader(make([]byte, 1<<20))
		if _, err := proc.Run(t.Context(), c); err != nil {
			t.Fatal(err)
		}
	})
	t.Run("reading it fails", func(t *testing.T) {
		broken := errors.New("broken")
		c := self(t, "echo")
		c.Stdin = io.MultiReader(strings.NewReader("part"), failingReader{broken})
		if _, err := proc.Run(t.Context(), c); !errors.Is(err, broken) {
			t.Fatalf("error is %v", err)
		}
	})
}

type failingReader struct{ err error }

func (r failingReader) Read([]byte) (int, error) { return 0, r.err }

func TestRunInheritsNothing(t *testing.T) {
	t.Setenv("PROC_TEST_SECRET", "hunter2")
	res, err := proc.Run(t.Context(), self(t, "env"))
	if err != nil {
		t.Fatal(err)
	}
	if got := string(res.Stdout); got != roleVar+"=env\n"+raceFast {
		t.Errorf("the child's environment is\n%s", got)
	}
}

func TestRunLeadsSessionWithoutTerminal(t *testing.T) {
	res, err := proc.Run(t.Context(), self(t, "ids"))
	if err != nil || string(res.Stdout) != "true true true" {
		t.Errorf("leads group, leads session, has no terminal: %s (%v)", res.Stdout, err)
	}
}

func TestRunExtraFiles(t *testing.T) {
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	defer w.Close()
	c := proc.Cmd{
		Path: "sh", Args: []string{"-c", "echo over three >&3"},
		Env: []string{"PATH=" + os.Getenv("PATH")}, ExtraFiles: []*os.File{w},
	}
	if _, err := proc.Run(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	w.Close()
	if got, _ := io.ReadAll(r); string(got) != "over three\n" {
		t.Errorf("got %q", got)
	}
}

func TestRunUmask(t *testing.T) {
	ours := func() int {
		mask := unix.Umask(0o022)
		unix.Umask(mask)
		return mask
	}
	before := ours()
	c := self(t, "umask", "a b", "$x")
	for _, mask := range []fs.FileMode{0o002, 0o077, 0o777} {
		c.Umask = mask
		res, err := proc.Run(t.Context(), c)
		if err != nil || string(res.Stdout) != fmt.Sprintf("%04o a b|$x", int(mask)) {
			t.Errorf("%04o: %q, %v", mask, res.Stdout, err)
		}
	}
	c.Umask = 0
	if res, err := proc.Run(t.Context(), c); err != nil || string(res.Stdout) != fmt.Sprintf("%04o a b|$x", before) {
		t.Errorf("not asked for: %q, %v", res.Stdout, err)
	}
	if after := ours(); after != before {
		t.Errorf("our mask was %04o and is %04o", before, after)
	}
	c.Path, c.Umask = "no-such-program-here", 0o002
	if _, err := proc.Run(t.Context(), c); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error is %v", err)
	}
}

// TestRunGivesUpFilesAtOnce: when the context ends while the child is being started,
// Run is back before the files have been passed on. For the race detector.
func TestRunGivesUpFilesAtOnce(t *testing.T) {
	for i := range 50 {
		f, err := os.Open(os.DevNull)
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i)*20*time.Microsecond)
		c := self(t, "env")
		c.ExtraFiles = []*os.File{f}
		_, _ = proc.Run(ctx, c)
		f.Close()
		cancel()
	}
}

func TestRunReportsExitStatus(t *testing.T) {
	res, err := proc.Run(t.Context(), self(t, "fail", "an-argument-with-a-secret"))
	var pe *proc.Error
	if !errors.As(err, &pe) {
		t.Fatalf("error is %v", err)
	}
	if pe.ExitCode != 7 || pe.Signal != 0 || pe.TimedOut || pe.Canceled {
		t.Errorf("error is %+v", pe)
	}
	if pe.Stderr != string(res.Stderr) || !strings.HasSuffix(err.Error(), ": exit status 7: last words") {
		t.Errorf("error is %q", err)
	}
	if strings.Contains(err.Error(), "secret") {
		t.Errorf("the error tells arguments: %v", err)
	}
}

func TestRunReportsSignal(t *testing.T) {
	_, err := proc.Run(t.Context(), self(t, "suicide"))
	var pe *proc.Error
	if !errors.As(err, &pe) || pe.Signal != unix.SIGKILL || pe.TimedOut || pe.Canceled {
		t.Fatalf("error is %v", err)
	}
	if !strings.Contains(err.Error(), "killed by signal 9") {
		t.Errorf("error is %q", err)
	}
}

func TestRunProgramMissing(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "text"), []byte("words"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{"no-such-program-here", "text", filepath.Join(dir, "none")} {
		_, err := proc.Run(t.Context(), proc.Cmd{Path: path, Args: []string{"secret"}, Env: []string{"PATH=" + dir}})
		if !errors.Is(err, fs.ErrNotExist) || strings.Contains(err.Error(), "secret") {
			t.Errorf("%s: error is %v", path, err)
		}
	}
	var pathErr *fs.PathError
	_, err := proc.Run(t.Context(), proc.Cmd{Path: "/bin/sh", Dir: filepath.Join(dir, "none")})
	if !errors.As(err, &pathErr) || pathErr.Op != "chdir" || pathErr.Path != filepath.Join(dir, "none") {
		t.Errorf("error is %v", err)
	}
	if _, err := proc.Run(t.Context(), proc.Cmd{}); !errors.Is(err, fs.ErrInvalid) {
		t.Errorf("error is %v", err)
	}
}

func TestRunLookupIgnoresRelativePath(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	if err := os.Symlink("/bin/sh", filepath.Join(dir, "planted")); err != nil {
		t.Fatal(err)
	}
	_, err := proc.Run(t.Context(), proc.Cmd{Path: "planted", Env: []string{"PATH=.::"}})
	if !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a program of the working directory was run: %v", err)
	}
}

func TestRunContextEndedBefore(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := self(t, "echo")
	c.StdoutTo = newLines()
	var pe *proc.Error
	if _, err := proc.Run(ctx, c); !errors.As(err, &pe) || !pe.Canceled || !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if _, err := proc.Start(ctx, c); !errors.As(err, &pe) || !pe.Canceled {
		t.Errorf("error is %v", err)
	}
}

// TestRunDeadlineKillsChild: fault W1 in the small.
func TestRunDeadlineKillsChild(t *testing.T) {
	for _, role := range []string{"sleep", "deaf"} {
		for _, grace := range []time.Duration{0, 50 * time.Millisecond, time.Hour} {
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			out := newLines()
			c := self(t, role)
			c.StdoutTo, c.Grace = out, grace
			_, err := proc.Run(ctx, c)
			cancel()
			var pe *proc.Error
			if !errors.As(err, &pe) || !pe.TimedOut || pe.Canceled || !errors.Is(err, context.DeadlineExceeded) {
				t.Fatalf("%s, grace %v: error is %v", role, grace, err)
			}
			if len(out.to) == 0 {
				t.Logf("%s, grace %v: killed before it spoke", role, grace)
				continue
			}
			if pid := out.pid(t); !groupGone(pid) {
				t.Errorf("%s, grace %v: the child still runs", role, grace)
			}
		}
	}
}

func TestRunCancelWithGraceLetsChildFinish(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	out := newLines()
	c := self(t, "polite")
	c.StdoutTo, c.Grace = out, 500*time.Millisecond
	go func() {
		out.pid(t)
		cancel()
	}()
	res, err := proc.Run(ctx, c)
	var pe *proc.Error
	if !errors.As(err, &pe) || !pe.Canceled || pe.TimedOut {
		t.Fatalf("error is %v", err)
	}
	if !strings.HasSuffix(string(res.Stdout), "goodbye\n") {
		t.Errorf("it had no time to say goodbye: %q", res.Stdout)
	}
}

// TestRunWaitsForHeldPipes: fault W7. The leader has exited well, and something it
// left behind holds the pipes.
func TestRunWaitsForHeldPipes(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	errs := newLines()
	c := self(t, "leave")
	c.StderrTo = errs
	pids := make(chan int, 1)
	go func() {
		pids <- errs.pid(t)
		cancel()
	}()
	_, err := proc.Run(ctx, c)
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	if pid := <-pids; !gone(pid) {
		t.Error("what the child left still runs")
	}
}

func TestRunKillsWhatIsLeftBehind(t *testing.T) {
	res, err := proc.Run(t.Context(), self(t, "leave-quietly"))
	if err != nil {
		t.Fatal(err)
	}
	errs := newLines()
	_, _ = errs.Write(res.Stderr)
	if pid := errs.pid(t); !gone(pid) {
		t.Error("what the child left still runs")
	}
}

func TestRunOutputTooLarge(t *testing.T) {
	c := self(t, "flood")
	c.MaxOutput = 1000
	res, err := proc.Run(t.Context(), c)
	if !errors.Is(err, proc.ErrOutputTooLarge) {
		t.Fatalf("error is %v", err)
	}
	var pe *proc.Error
	if !errors.As(err, &pe) || pe.TimedOut || pe.Canceled {
		t.Errorf("error is %+v", pe)
	}
	if len(res.Stdout) != 1000 {
		t.Errorf("%d bytes kept", len(res.Stdout))
	}
}

func TestRunOutputJustFits(t *testing.T) {
	c := self(t, "echo")
	c.Stdin, c.MaxOutput = strings.NewReader("12345"), 5
	if res, err := proc.Run(t.Context(), c); err != nil || string(res.Stdout) != "12345" {
		t.Errorf("%q, %v", res.Stdout, err)
	}
	c.Stdin = strings.NewReader("123456")
	if _, err := proc.Run(t.Context(), c); !errors.Is(err, proc.ErrOutputTooLarge) {
		t.Errorf("error is %v: what was cut passes for whole", err)
	}
}

func TestRunKeepsTail(t *testing.T) {
	c := self(t, "chatter")
	c.MaxOutput = 100
	var all bytes.Buffer
	c.StdoutTo = &all
	res, err := proc.Run(t.Context(), c)
	if err != nil {
		t.Fatal(err)
	}
	for name, kept := range map[string][]byte{"stdout": res.Stdout, "stderr": res.Stderr} {
		if len(kept) != 100 || !bytes.HasSuffix(kept, []byte("line 9999\n")) {
			t.Errorf("%s keeps %d bytes: %q", name, len(kept), kept)
		}
	}
	if !bytes.HasPrefix(all.Bytes(), []byte("line 0\n")) || !bytes.HasSuffix(all.Bytes(), []byte("line 9999\n")) {
		t.Errorf("the tee got %d bytes", all.Len())
	}
}

// TestRunBlockedTee: a log that blocks does not hold up the end.
func TestRunBlockedTee(t *testing.T) {
	unblock := make(chan struct{})
	defer close(unblock)
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := self(t, "sleep")
	c.StdoutTo = writerFunc(func(b []byte) (int, error) {
		cancel()
		<-unblock
		return len(b), nil
	})
	if _, err := proc.Run(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(b []byte) (int, error) { return f(b) }

// TestThreadIsKept: Pdeathsig strikes when the thread ends that started the child,
// and a thread ends with the goroutine that has locked it. None may do so to ours.
func TestThreadIsKept(t *testing.T) {
	c := self(t, "kept-thread")
	c.Env = append(c.Env, "GOMAXPROCS=1")
	res, err := proc.Run(t.Context(), c)
	if err != nil || string(res.Stdout) != "the same thread" {
		t.Errorf("%q, %v", res.Stdout, err)
	}
}

// TestChildrenDieWithUs: SIGKILL leaves us no time for anything.
func TestChildrenDieWithUs(t *testing.T) {
	out := newLines()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	c := self(t, "parent")
	c.StdoutTo = out
	pids := make(chan int, 1)
	go func() {
		pids <- out.pid(t)
		cancel()
	}()
	if _, err := proc.Run(ctx, c); !errors.Is(err, context.Canceled) {
		t.Errorf("error is %v", err)
	}
	// The grandchild is in a session of its own: only the kernel ends it.
	pid := <-pids
	defer func() { _ = unix.Kill(pid, unix.SIGKILL) }()
	eventually(t, "the grandchild is gone", func() bool { return gone(pid) })
}

func TestRunLeavesNoDescriptors(t *testing.T) {
	count := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	churn := func() {
		ctx, cancel := context.WithTimeout(t.Context(), 30*time.Millisecond)
		defer cancel()
		_, _ = proc.Run(ctx, self(t, "sleep"))
		_, _ = proc.Run(t.Context(), self(t, "fail"))
		_, _ = proc.Run(t.Context(), proc.Cmd{Path: "/nowhere", Stdin: strings.NewReader("x")})
		if p, err := proc.Start(t.Context(), self(t, "cat")); err == nil {
			_, _ = p.Close(0)
		}
	}
	churn()
	before := count()
	for range 5 {
		churn()
	}
	if after := count(); after > before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}
