package logging

import (
	"bytes"
	"fmt"
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sys/unix"
)

func TestProgressInALog(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var b bytes.Buffer
		p := New(&b, Options{}).Progress()
		for i := range 25 {
			p.Update("Receiving objects", i*4, "1 MiB")
			time.Sleep(time.Second)
		}
		p.Done()
		p.Update("Checking out", -1, "")
		p.Done()
		lines := strings.Split(strings.TrimSpace(b.String()), "\n")
		if len(lines) != 2 {
			t.Fatalf("%d lines in 25 seconds, want 2:\n%s", len(lines), b.String())
		}
		if m := decode(t, lines[0]); m["msg"] != "still working" || m["phase"] != "Receiving objects" || m["percent"] != 40.0 || m["detail"] != "1 MiB" {
			t.Errorf("line: %v", m)
		}
	})
}

// endOfWrites marks where a reading of the terminal ends. A terminal hands a write on in pieces, and later than the write
// returns; in their order, though.
const endOfWrites = "\x00"

// terminal opens a pseudo terminal; read returns all that was written to it since the last time.
func terminal(t *testing.T) (slave *os.File, read func() string) {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { master.Close() })
	if err := unix.IoctlSetPointerInt(int(master.Fd()), unix.TIOCSPTLCK, 0); err != nil {
		t.Fatal(err)
	}
	n, err := unix.IoctlGetInt(int(master.Fd()), unix.TIOCGPTN)
	if err != nil {
		t.Fatal(err)
	}
	slave, err = os.OpenFile(fmt.Sprintf("/dev/pts/%d", n), os.O_RDWR|unix.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("no pseudo terminals here: %v", err)
	}
	t.Cleanup(func() { slave.Close() })
	if err := unix.IoctlSetWinsize(int(slave.Fd()), unix.TIOCSWINSZ, &unix.Winsize{Row: 24, Col: 40}); err != nil {
		t.Fatal(err)
	}
	return slave, func() string {
		t.Helper()
		if _, err := slave.WriteString(endOfWrites); err != nil {
			t.Fatal(err)
		}
		var got []byte
		for buf := make([]byte, 1<<16); ; {
			n, err := master.Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, buf[:n]...)
			if text, ended := bytes.CutSuffix(got, []byte(endOfWrites)); ended {
				return string(text)
			}
		}
	}
}

func TestProgressOnATerminal(t *testing.T) {
	slave, read := terminal(t)
	l := New(slave, Options{Plain: true, Secrets: []string{"hunter2"}})
	p := l.Progress()
	p.Update("Receiving objects", 42, "hunter2 \x1b[2J and something longer than the terminal is wide")
	got := read()
	want := "\r\x1b[K" + "         Receiving objects  42%  REDACTED"[:39]
	if got != want {
		t.Errorf("drawn: %q, want %q", got, want)
	}
	l.Logger().Info("published", "hash", "abc")
	if got := read(); !strings.HasPrefix(got, "\r\x1b[K") || !strings.HasSuffix(got, " info  published hash=abc\r\n") {
		t.Errorf("log line over progress: %q", got)
	}
	l.Logger().Info("again")
	if got := read(); strings.Contains(got, "\x1b") {
		t.Errorf("nothing was to be cleared: %q", got)
	}
	p.Done() // nothing is drawn: writes nothing
	p.Update("Next", -1, "")
	if got := read(); got != "\r\x1b[K         Next" {
		t.Errorf("drawn: %q", got)
	}
	p.Done()
	if got := read(); got != "\r\x1b[K" {
		t.Errorf("done: %q", got)
	}
}

func TestFormatFollowsTheStream(t *testing.T) {
	slave, read := terminal(t)
	New(slave, Options{Format: FormatAuto}).Logger().Info("hello")
	if got := read(); !strings.Contains(got, "\x1b[1mhello\x1b[0m") {
		t.Errorf("terminal: %q", got)
	}
	New(slave, Options{Format: FormatJSON}).Logger().Info("hello")
	if got := read(); !strings.HasPrefix(got, "{") {
		t.Errorf("terminal, JSON asked for: %q", got)
	}
}
