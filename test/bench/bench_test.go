package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

func rows() []*row {
	var all []*row
	for _, size := range []int{100, 10000} {
		r := &row{Transport: "http", What: "first sync", Plain: "git clone", Size: size, WallBudget: 1.05, CPUBudget: 0.5}
		for i := range 3 {
			ms := time.Duration(size+i) * time.Millisecond
			r.round(sample{ms, ms}, sample{ms, ms})
		}
		all = append(all, r)
	}
	return all
}

func TestTable(t *testing.T) {
	var out strings.Builder
	var all table
	for _, r := range rows() {
		all.add(&out, r)
	}
	all.foot(&out)
	for _, want := range []string{"1.00 (1.00-1.00) <1.05", "1.00 (1.00-1.00) !0.5", "2 kept, 2 missed"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
}

func TestPlotIsXML(t *testing.T) {
	text := string(plot(rows()))
	d := xml.NewDecoder(strings.NewReader(text))
	for {
		if _, err := d.Token(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
	}
	if strings.Count(text, "<polyline") != 2 || strings.Count(text, "files: ") != 4 {
		t.Errorf("not two lines of two points:\n%s", text)
	}
}

func TestMedian(t *testing.T) {
	if m := middle([]float64{5, 1, 3}); m != 3 {
		t.Errorf("of three: %v", m)
	}
	if m := middle([]time.Duration{8, 1, 4, 2}); m != 3 {
		t.Errorf("of four: %v", m)
	}
}

func TestMemoryOncePerKind(t *testing.T) {
	all := table{residents: []resident{{when: "idle", now: []int64{3 << 20, 1 << 20, 2 << 20}, most: []int64{3 << 20, 9 << 20, 4 << 20}}}}
	var out strings.Builder
	all.foot(&out)
	if want := "resident, idle: 2.0 MiB, at most 9.0 MiB (median and greatest of 3)\n"; strings.Count(out.String(), "resident") != 1 || !strings.HasSuffix(out.String(), want) {
		t.Errorf("no %q in:\n%s", want, out.String())
	}
}

func TestReadsMemory(t *testing.T) {
	if memory(os.Getpid(), "VmRSS") < 1<<20 {
		t.Error("this process has no memory")
	}
}

// What a grandchild uses is there while it runs, and neither lost nor doubled when it has ended.
func TestCountsDescendants(t *testing.T) {
	cmd := exec.Command("sh", "-c", `sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done; echo; read x'; read x`)
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	before := lookAtSelf(t)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = cmd.Process.Kill() }()
	if _, err := stdout.Read(make([]byte, 1)); err != nil {
		t.Fatal(err)
	}
	running := lookAtSelf(t)
	if running.children != before.children+1 || running.live < 50*time.Millisecond {
		t.Errorf("one busy child: %+v", running)
	}
	if _, err := stdin.Write([]byte("\n\n")); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	after := lookAtSelf(t)
	used, got := cmd.ProcessState.UserTime()+cmd.ProcessState.SystemTime(), after.ended-before.ended
	if after.live != before.live || got < used-20*time.Millisecond || got > used+20*time.Millisecond {
		t.Errorf("the child used %v; before %+v, after %+v", used, before, after)
	}
}

func lookAtSelf(t *testing.T) usage {
	t.Helper()
	u, err := treeCPU(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func TestTakesTurns(t *testing.T) {
	var order string
	one := func() sample { order += "o"; return sample{wall: 1} }
	two := func() sample { order += "p"; return sample{wall: 2} }
	for i := range 3 {
		if o, p := inTurns(i, one, two); o.wall != 1 || p.wall != 2 {
			t.Errorf("round %d: %v and %v", i, o, p)
		}
	}
	if order != "oppoop" {
		t.Errorf("order: %s", order)
	}
}

// An update at 10:00:00 that was published 100 ms later; a clean-up follows.
func TestTakesUpdatesApart(t *testing.T) {
	runs, err := gitRuns([]byte(`{"level":"debug","ts":"2026-11-26T10:00:00.020000Z","msg":"git ended","v":6,"op":"ls-remote","wall":"3.4ms","cpu":"3ms","stdout":"","stderr":""}
{"level":"debug","ts":"2026-11-26T10:00:00.020500Z","msg":"running git","v":5,"args":["fetch"],"dir":"/"}
SIGSEGV: no JSON
{"level":"debug","ts":"2026-11-26T10:00:00.060000Z","msg":"git ended","v":6,"op":"fetch","wall":"29.8ms","cpu":"12.8ms","stdout":"","stderr":""}
{"level":"debug","ts":"2026-11-26T10:00:00.090000Z","msg":"git ended","v":6,"op":"read-tree","wall":"8ms","cpu":"992µs","stdout":"","stderr":""}
{"level":"debug","ts":"2026-11-26T10:00:00.200000Z","msg":"git ended","v":6,"op":"repack","wall":"8ms","cpu":"7ms","stdout":"","stderr":""}
`))
	if err != nil || len(runs) != 4 {
		t.Fatalf("%v, %v", runs, err)
	}
	began := time.Date(2026, 11, 26, 10, 0, 0, 0, time.UTC)
	const us, ms = time.Microsecond, time.Millisecond
	m := moments{
		began: began, flip: began.Add(100 * ms),
		before: usage{own: 10 * ms, ended: 40 * ms},
		atFlip: usage{own: 12 * ms, live: 3 * ms, ended: 50 * ms}, // the repack has begun
		after:  usage{own: 13 * ms, ended: 60 * ms},
	}
	got, err := m.phases(runs)
	want := phases{
		all:     sample{100 * ms, 3*ms + 3*ms + 12800*us + 992*us + 7*ms},
		publish: sample{40 * ms, 2*ms + 992*us},
		clean:   1*ms + 4*ms,
	}
	if err != nil || got != want {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	if _, err := m.phases(runs[:1]); err == nil {
		t.Error("an update without a fetch passed")
	}
}

func TestSeesTheFlip(t *testing.T) {
	b := &bench{ctx: t.Context()}
	dir := t.TempDir()
	s := &sidecar{b: b, link: filepath.Join(dir, "link")}
	w := s.watch()
	defer w.Close()
	began := time.Now()
	go func() {
		for _, to := range []string{"rev-1", "rev-2"} {
			_ = os.Symlink(to, filepath.Join(dir, "new"))
			_ = os.Rename(filepath.Join(dir, "new"), s.link)
		}
	}()
	if at := s.flipped(w, "rev-2"); at.Before(began) {
		t.Errorf("flipped at %v, before %v", at, began)
	}
}
