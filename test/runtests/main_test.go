package main

import (
	"strings"
	"testing"
)

func TestShow(t *testing.T) {
	events := `{"Action":"run","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestA","Output":"=== RUN   TestA\n"}
{"Action":"output","Package":"p","Test":"TestA","Output":"    a_test.go:1: said by a test that passed\n"}
{"Action":"pass","Package":"p","Test":"TestA"}
{"Action":"output","Package":"p","Test":"TestB","Output":"    b_test.go:1: needs sshd (Debian package openssh-server)\n"}
{"Action":"output","Package":"p","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Package":"p","Test":"TestB"}
{"Action":"output","Package":"p","Test":"TestC","Output":"    c_test.go:1: wrong\n"}
{"Action":"fail","Package":"p","Test":"TestC"}
{"Action":"output","Package":"p","Test":"TestD","Output":"panic: in the middle\n"}
{"Action":"output","Package":"p","Output":"FAIL\tp\t0.1s\n"}
{"Action":"fail","Package":"p"}
not JSON, but go test said it
`
	var out strings.Builder
	show(&out, strings.NewReader(events))
	for _, want := range []string{
		"c_test.go:1: wrong", "FAIL\tp\t0.1s", "1 tests passed, 1 failed, 1 skipped", "unfinished: p TestD\npanic: in the middle",
		"skipped: p TestB\n    b_test.go:1: needs sshd", "not JSON, but go test said it",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in:\n%s", want, out.String())
		}
	}
	if strings.Contains(out.String(), "said by a test that passed") {
		t.Error("shows what a test said that passed")
	}
}
