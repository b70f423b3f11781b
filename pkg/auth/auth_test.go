package auth

import (
	"bytes"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"git-sync/pkg/git"
	"git-sync/pkg/proc"
	"git-sync/pkg/secret"
)

// entriesOf reads back what git would be given.
func entriesOf(t testing.TB, o git.Overlay) []entry {
	t.Helper()
	var entries []entry
	text := proc.Getenv(o.Env, credentialVariable)
	if text == "" {
		return nil
	}
	if err := json.Unmarshal([]byte(text), &entries); err != nil {
		t.Fatal(err)
	}
	return entries
}

func contains(list []string, s string) bool { return slices.Contains(list, s) }

// TestWhoGetsWhat asks for credentials as git does for the repository and its submodules.
func TestWhoGetsWhat(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, []byte("from-file\r\n"), 0o400)
	o := Options{URL: "https://forge.example/org/main.git", Settings: Settings{Username: "bot", PasswordFile: file, Password: "ignored", Credentials: []Credential{
		{URL: "https://forge.example/org/special.git", Username: "special", Password: "p1"},
		{URL: "http://other.example:8080/", Username: "other", Password: "p2"},
		{URL: "https://token.example", Username: "t0ken"},
	}}}
	a := newAuth(t, o)
	overlay, err := a.Refresh(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	entries := entriesOf(t, overlay)
	for raw, want := range map[string]string{
		"https://forge.example/org/main.git":                "bot from-file",
		"https://bot@forge.example/org/sub.git":             "bot from-file",
		"https://forge.example/org/special.git":             "special p1",
		"https://special@forge.example/org/special.git":     "special p1",
		"http://other@other.example:8080/another/x.git":     "other p2",
		"https://t0ken@token.example/x.git":                 "t0ken ",
		"http://bot@forge.example/org/main.git":             " NO",
		"https://other@other.example:8080/another/x.git":    " NO",
		"https://bot@forge.example.evil.example/org/x.git":  " NO",
		"https://someone@forge.example/org/main.git":        " NO",
		"http://other.example/x.git":                        " NO",
		"https://elsewhere.example/forge.example/main.git/": " NO",
	} {
		if user, pass := ask(t, entries, raw); user+" "+pass != want {
			t.Errorf("%s got %q, want %q", raw, user+" "+pass, want)
		}
	}
	var config []string
	for _, kv := range overlay.Config {
		config = append(config, kv.Key+"="+kv.Value)
	}
	// Several users on forge.example: git must ask, with the path. One on the other: it need not.
	want := []string{"credential.helper=!exec /self", "credential.useHttpPath=true"}
	if !slices.Equal(config, want) {
		t.Errorf("config %q, want %q", config, want)
	}
	for _, kv := range overlay.Env {
		if !strings.HasPrefix(kv, "GIT_SSH_") && !strings.HasPrefix(kv, "GITSYNC_INTERNAL_") {
			t.Errorf("unexpected in git's environment: %s", kv)
		}
	}
}

func TestNothingConfigured(t *testing.T) {
	a := newAuth(t, Options{URL: "https://forge.example/x.git", Env: []string{"GIT_SSH_COMMAND=ssh -i mine"}})
	o, err := a.Refresh(t.Context())
	if err != nil || len(o.Env) != 0 || len(o.Config) != 0 {
		t.Errorf("got %v %v", o, err)
	}
}

func TestPasswordFile(t *testing.T) {
	dir := t.TempDir()
	for name, c := range map[string]struct {
		content string
		want    string // in the error; "" for success
	}{
		"good":      {"secret", ""},
		"newline":   {"secret\n", ""},
		"empty":     {"\n", "it is empty"},
		"two lines": {"secret\nnote", "line break"},
		"binary":    {"sec\x00ret", "NUL"},
	} {
		file := filepath.Join(dir, name)
		write(t, file, []byte(c.content), 0o400)
		got, err := readPassword(file)
		switch {
		case c.want == "" && (err != nil || got != "secret"):
			t.Errorf("%s: %q %v", name, got, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want) || hint(err) == ""):
			t.Errorf("%s: %q %v", name, got, err)
		}
		if err != nil && strings.Contains(err.Error()+hint(err), "sec") {
			t.Errorf("%s: the secret is in %v", name, err)
		}
	}
	if _, err := readPassword(filepath.Join(dir, "missing")); err == nil || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("missing: %v", err)
	}
	if _, err := readPassword(dir); err == nil || !strings.Contains(hint(err), "directory") {
		t.Errorf("a directory: %v, hint %q", err, hint(err))
	}
}

// TestReadSecret reads files of every size, those that tell none, and what arrives in pieces; and leaves nothing open.
func TestReadSecret(t *testing.T) {
	dir := t.TempDir()
	before := openFiles(t)
	for _, size := range []int{0, 1, 4096, 40961, maxSecretFile, maxSecretFile + 1} {
		file := filepath.Join(dir, strconv.Itoa(size))
		content := bytes.Repeat([]byte("0123456789abcdef\n"), size/17+1)[:size]
		write(t, file, content, 0o400)
		switch got, err := readSecret(file); {
		case size > maxSecretFile:
			if err == nil || !strings.Contains(err.Error(), "larger") {
				t.Errorf("%d bytes: %v", size, err)
			}
		case err != nil || !bytes.Equal(got, content):
			t.Errorf("%d bytes: read %d of them, %v", size, len(got), err)
		}
	}
	if got, err := readSecret("/proc/self/status"); err != nil || !bytes.HasPrefix(got, []byte("Name:")) {
		t.Errorf("a file of size 0 with content: %q, %v", got, err)
	}
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	go func() {
		f, err := os.OpenFile(pipe, os.O_WRONLY, 0)
		if err != nil {
			return
		}
		defer f.Close()
		for _, piece := range []string{"one ", "two ", "three"} {
			if _, err := f.WriteString(piece); err != nil {
				return
			}
			runtime.Gosched()
		}
	}()
	if got, err := readSecret(pipe); err != nil || string(got) != "one two three" {
		t.Errorf("a pipe: %q, %v", got, err)
	}
	if _, err := readSecret(dir); !errors.Is(err, syscall.EISDIR) {
		t.Errorf("a directory: %v", err)
	}
	if after := openFiles(t); after > before {
		t.Errorf("%d files are open, %d were", after, before)
	}
}

// openFiles counts our descriptors.
func openFiles(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

func TestTooMuchForTheEnvironment(t *testing.T) {
	a := newAuth(t, Options{URL: "https://h/x", Settings: Settings{Username: "u", Password: secret.Text(strings.Repeat("x", maxEnvironment))}})
	if _, err := a.Refresh(t.Context()); err == nil {
		t.Error("exec would fail with E2BIG")
	}
}

func TestCookieFile(t *testing.T) {
	dir := t.TempDir()
	netscape := filepath.Join(dir, "netscape")
	write(t, netscape, []byte("# Netscape HTTP Cookie File\n#HttpOnly_.forge.example\tTRUE\t/\tTRUE\t2147483647\to\tgit-u=1/secret\n"), 0o400)
	headers := filepath.Join(dir, "headers")
	write(t, headers, []byte("Set-Cookie: session=secret\n"), 0o400)
	for file, key := range map[string]string{netscape: "http.cookieFile", headers: "http.https://forge.example/.cookieFile"} {
		o, err := newAuth(t, Options{URL: "https://forge.example/x.git", Settings: Settings{CookieFile: file}}).Refresh(t.Context())
		if err != nil || len(o.Config) != 1 || o.Config[0] != (git.KV{Key: key, Value: file}) {
			t.Errorf("%s: %v %v", file, o.Config, err)
		}
	}
	for _, name := range []string{"missing", "empty"} {
		if name == "empty" {
			write(t, filepath.Join(dir, name), nil, 0o400)
		}
		_, err := newAuth(t, Options{URL: "https://h/x", Settings: Settings{CookieFile: filepath.Join(dir, name)}}).Refresh(t.Context())
		if err == nil || !strings.Contains(err.Error(), "cookie file") || hint(err) == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}
