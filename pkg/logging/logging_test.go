package logging

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"
)

// hinted is an error with advice, as pkg/git has.
type hinted struct{ msg, hint string }

func (h hinted) Error() string { return h.msg }
func (h hinted) Hint() string  { return h.hint }

// spoken is an error with what others said about it, as pkg/git has.
type spoken struct{ hinted }

func (spoken) Output() (remote, helper string) { return "no entry\nfor hunter2", "ssh: no" }

func decode(t *testing.T, line string) map[string]any {
	t.Helper()
	var m map[string]any
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		t.Fatalf("not JSON: %v: %s", err, line)
	}
	return m
}

func TestJSONLines(t *testing.T) {
	var b bytes.Buffer
	log := New(&b, Options{Verbosity: 2}).Logger()
	log.Info("published", "hash", "abc", "took", 1500*time.Millisecond, "files", 3, "at", time.Unix(0, 0))
	log.V(2).Info("polled")
	log.V(3).Info("never seen")
	log.WithName("hook").WithValues("k", []string{"a", "b"}).Error(
		fmt.Errorf("asking the remote: %w", spoken{hinted{"refused", "look at the key"}}), "sync failed")

	lines := strings.Split(strings.TrimSpace(b.String()), "\n")
	if len(lines) != 3 {
		t.Fatalf("got %d lines, want 3:\n%s", len(lines), b.String())
	}
	first := decode(t, lines[0])
	for k, want := range map[string]any{"level": "info", "msg": "published", "hash": "abc", "took": "1.5s", "files": 3.0, "at": "1970-01-01T00:00:00Z"} {
		if first[k] != want {
			t.Errorf("%s = %v, want %v", k, first[k], want)
		}
	}
	if _, err := time.Parse(time.RFC3339Nano, fmt.Sprint(first["ts"])); err != nil {
		t.Errorf("ts: %v", err)
	}
	if m := decode(t, lines[1]); m["level"] != "debug" || m["v"] != 2.0 {
		t.Errorf("V(2) line: %v", m)
	}
	last := decode(t, lines[2])
	for k, want := range map[string]any{"level": "error", "error": "asking the remote: refused", "hint": "look at the key", "logger": "hook", "remote": "no entry\nfor hunter2", "helper": "ssh: no"} {
		if last[k] != want {
			t.Errorf("%s = %v, want %v", k, last[k], want)
		}
	}
}

// A warning is a level of its own, in both formats.
func TestWarn(t *testing.T) {
	for format, want := range map[string]string{FormatJSON: `"level":"warn"`, FormatText: ` warn  odd flag=--x`} {
		var b bytes.Buffer
		New(&b, Options{Format: format}).Warn("odd", "flag", "--x")
		if !strings.Contains(b.String(), want) || !strings.Contains(b.String(), "--x") {
			t.Errorf("%s: %s, want %s", format, b.String(), want)
		}
	}
}

func TestTextLines(t *testing.T) {
	var b bytes.Buffer
	log := New(&b, Options{Verbosity: 6, Format: FormatText}).Logger()
	log.Info("published", "hash", "abc", "ref", "a b", "empty", "", "nothing", nil, "list", []int{1, 2})
	log.V(6).Info("output", "command", "fetch", "stderr", "one\ntwo\x1b[31m\n")
	log.Error(spoken{hinted{"git said: no\nmore", "do this\nthen that"}}, "sync failed", "failures", 2)
	got := b.String()
	for _, want := range []string{
		` info  published hash=abc ref="a b" empty="" nothing=none list=[1,2]` + "\n",
		` v6    output command=fetch` + "\n         stderr: one\n                 two�[31m\n",
		` error sync failed: git said: no failures=2` + "\n         more\n         hint: do this\n               then that\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("missing %q in\n%s", want, got)
		}
	}
	if strings.Contains(got, "\x1b") {
		t.Errorf("an escape sequence got through: %q", got)
	}
}

// TestPanickingValue: a value that cannot be printed costs its own text, never the process.
func TestPanickingValue(t *testing.T) {
	var b bytes.Buffer
	log := New(&b, Options{}).Logger()
	var nothing *bytes.Buffer
	log.Info("odd", "buffer", nothing, "channel", make(chan int), "error", error((*nilError)(nil)))
	log.Info("fine")
	if !strings.Contains(b.String(), `"fine"`) {
		t.Fatalf("log: %s", b.String())
	}
}

type nilError struct{ msg string }

func (e *nilError) Error() string { return e.msg }

type stringer struct{ s string }

func (s stringer) String() string { return s.s }

const planted = `p@ss/w "ö"` + "\nrd"

// TestSecretsInEveryField plants a secret in every place a caller could put it by mistake.
func TestSecretsInEveryField(t *testing.T) {
	type inner struct {
		Password string
		List     []string
		Map      map[string]string
	}
	for _, format := range []string{FormatJSON, FormatText} {
		for name, secret := range map[string]string{"awkward": planted, "plain": "hunter2hunter2", "short": "xyz"} {
			t.Run(format+"/"+name, func(t *testing.T) {
				var b bytes.Buffer
				l := New(&b, Options{Verbosity: 9, Format: format, Secrets: []string{secret}})
				log := l.Logger().WithValues("before", secret)
				log.V(9).Info("said "+secret, "plain", secret, "bytes", []byte(secret), "stringer", stringer{secret},
					"struct", inner{secret, []string{secret}, map[string]string{secret: secret}}, "pointer", &inner{Password: secret},
					"any", []any{secret, map[string]any{"x": secret}}, "func", func() {}, "quoted", fmt.Sprintf("%q", secret))
				log.Error(fmt.Errorf("wrapped %w", hinted{secret, "not " + secret}), "failed", "joined", errors.Join(errors.New(secret), errors.New("b")))
				out := b.String()
				asJSON, _ := json.Marshal(secret)
				for _, form := range []string{secret, strings.Trim(string(asJSON), `"`), strings.Trim(fmt.Sprintf("%q", secret), `"`), `w \\\"`} {
					if strings.Contains(out, form) {
						t.Errorf("%q is in the log:\n%s", form, out)
					}
				}
				if n := strings.Count(out, "REDACTED"); n < 15 {
					t.Errorf("only %d redactions in\n%s", n, out)
				}
				if format == FormatJSON {
					for line := range strings.Lines(out) {
						decode(t, line)
					}
				}
			})
		}
	}
}

// TestOf: lines of a sync have its name, and share the secrets of all.
func TestOf(t *testing.T) {
	var out bytes.Buffer
	l := New(&out, Options{Format: FormatJSON})
	l.Of("docs").AddSecret("hunter2")
	l.Logger().Info("one hunter2")
	l.Of("docs").Logger().Info("two hunter2")
	l.Of("").Logger().Info("three")
	lines := strings.Split(strings.TrimSpace(out.String()), "\n")
	for i, named := range []bool{false, true, false} {
		if strings.Contains(lines[i], `"sync":"docs"`) != named || strings.Contains(lines[i], "hunter2") {
			t.Errorf("line %d: %s", i, lines[i])
		}
	}
}

// TestSecretsOfManySyncs: a sync whose token is renewed often does not bring back the secret of another, nor one that is kept.
func TestSecretsOfManySyncs(t *testing.T) {
	l := New(io.Discard, Options{})
	for _, s := range []string{"secret-of-a", "shared-secret"} {
		l.Of("a").AddSecret(s)
	}
	for _, s := range []string{"shared-secret", "kept-secret", "secret-of-b"} {
		l.Of("b").AddSecret(s)
	}
	l.KeepSecrets([]string{"kept-secret"})
	for i := range 1000 {
		l.Of("b").AddSecret(fmt.Sprintf("renewed-token-%d", i))
	}
	text := "secret-of-a shared-secret kept-secret secret-of-b renewed-token-1 renewed-token-999"
	if got, want := l.Scrub(text), "REDACTED REDACTED REDACTED secret-of-b renewed-token-1 REDACTED"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

// TestSecretAddedLater: a logger made earlier, with values given earlier, is scrubbed too.
func TestSecretAddedLater(t *testing.T) {
	var b bytes.Buffer
	l := New(&b, Options{Secrets: []string{"first-secret"}})
	log := l.Logger().WithValues("token", "late-secret")
	for _, s := range []string{"late-secret", "", "  ", "late-secret"} {
		l.AddSecret(s)
	}
	for i := range 1000 {
		l.AddSecret(fmt.Sprintf("renewed-token-%d", i))
	}
	log.Info("x", "a", "first-secret", "b", "renewed-token-999")
	if s := b.String(); strings.Contains(s, "first-secret") || strings.Contains(s, "renewed") {
		t.Errorf("log: %s", s)
	}
	l.AddSecret("late-secret")
	b.Reset()
	log.Info("x")
	if s := b.String(); strings.Contains(s, "late-secret") {
		t.Errorf("log: %s", s)
	}
}
