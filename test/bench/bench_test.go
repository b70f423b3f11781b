package main

import (
	"encoding/xml"
	"errors"
	"io"
	"os"
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

func TestReadsProc(t *testing.T) {
	if _, err := treeCPU(os.Getpid()); err != nil {
		t.Error(err)
	}
	if memory(os.Getpid(), "VmRSS") < 1<<20 {
		t.Error("this process has no memory")
	}
}
