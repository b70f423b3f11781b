package logging

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"testing"
)

func TestErrorFile(t *testing.T) {
	path := filepath.Join(t.TempDir(), "new", "error.json")
	l := New(io.Discard, Options{Secrets: []string{"hunter2"}})
	f := l.ErrorFile(path)
	if err := f.Clear(); err != nil {
		t.Fatalf("clearing what is not there: %v", err)
	}
	if err := f.Write("too many failures", spoken{hinted{"password hunter2 refused", "change hunter2"}}, 3); err != nil {
		t.Fatal(err)
	}
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Msg, Err string
		Args     map[string]any
	}
	if err := json.Unmarshal(b, &got); err != nil {
		t.Fatal(err)
	}
	if got.Msg != "too many failures" || got.Err != "password REDACTED refused" {
		t.Errorf("%+v", got)
	}
	for k, want := range map[string]any{"hint": "change REDACTED", "remote": "no entry\nfor REDACTED", "helper": "ssh: no", "failures": 3.0} {
		if got.Args[k] != want {
			t.Errorf("Args[%s] = %v, want %v", k, got.Args[k], want)
		}
	}
	if st, err := os.Stat(path); err != nil || st.Mode().Perm() != 0o644 {
		t.Errorf("mode %v, %v", st.Mode(), err)
	}
	if err := f.Clear(); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(filepath.Dir(path)); err != nil || len(left) != 0 {
		t.Errorf("left: %v, %v", left, err)
	}
}

// TestErrorFileIsReplaced: a reader that has the old file open goes on seeing the old one, whole.
func TestErrorFileIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "error.json")
	f := New(io.Discard, Options{}).ErrorFile(path)
	if err := f.Write("one", errors.New("first"), 1); err != nil {
		t.Fatal(err)
	}
	reader, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer reader.Close()
	// What a crash in the middle of a write left, by way of a link to something that is not ours.
	victim := filepath.Join(t.TempDir(), "victim")
	if err := os.WriteFile(victim, []byte("keep"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(filepath.Dir(path), ".error.json.tmp")); err != nil {
		t.Fatal(err)
	}
	if err := f.Write("two", errors.New("second"), 2); err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(reader)
	if err != nil || !json.Valid(b) {
		t.Errorf("the old file: %q, %v", b, err)
	}
	if b, _ := os.ReadFile(victim); string(b) != "keep" {
		t.Errorf("written through a link: %q", b)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("left: %v", left)
	}
}

func TestNoErrorFile(t *testing.T) {
	f := New(io.Discard, Options{}).ErrorFile("")
	if err := errors.Join(f.Write("x", errors.New("y"), 1), f.Clear()); err != nil {
		t.Error(err)
	}
}

func TestErrorFileThatCannotBe(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f := New(io.Discard, Options{}).ErrorFile(filepath.Join(dir, "file", "error.json"))
	if err := f.Write("x", errors.New("y"), 1); err == nil {
		t.Error("no error")
	}
}
