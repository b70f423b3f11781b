package git

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseVersion(t *testing.T) {
	for out, want := range map[string]string{
		"git version 2.39.5\n":                 "2.39.5",
		"git version 2.39.5 (Apple Git-154)\n": "2.39.5",
		"git version 2.45.1.windows.1\n":       "2.45.1",
		"git version 2.50.0-rc1\n":             "2.50.0",
		"git version 2.50.0.rc1.12.g1234567\n": "2.50.0",
		"git version 2.34.GIT\n":               "2.34",
		"git version 3.0\n":                    "3.0",
		"git version 2.39.5\ncpu: x86_64\n":    "2.39.5",
	} {
		if got, isNew := parseVersion(out); !isNew || got != want {
			t.Errorf("%q: %v, %v", out, got, isNew)
		}
	}
	for _, out := range []string{"git version 2.33.8", "git version 2.9", "git version 1.99.0"} {
		if got, isNew := parseVersion(out); isNew || got == "" {
			t.Errorf("%q: %v, %v", out, got, isNew)
		}
	}
	for _, out := range []string{"", "git version", "git version x.y", "git version 2", "hub version 2.40", "git version -1.2"} {
		if got, isNew := parseVersion(out); isNew || got != "" {
			t.Errorf("%q: %v", out, got)
		}
	}
}

func FuzzParseVersion(f *testing.F) {
	f.Add("git version 2.39.5")
	f.Add("git version 2.39.")
	f.Fuzz(func(t *testing.T, out string) {
		if version, isNew := parseVersion(out); isNew && !strings.HasPrefix(out, "git version "+version) {
			t.Errorf("%q: %v", out, version)
		}
	})
}

func TestParseProgress(t *testing.T) {
	for line, want := range map[string]Progress{
		"Receiving objects:  42% (42/100), 1.50 MiB | 1.00 MiB/s": {"Receiving objects", 42, "1.50 MiB | 1.00 MiB/s"},
		"Resolving deltas: 100% (20/20), done.":                   {"Resolving deltas", 100, "done."},
		"remote: Counting objects:   7% (5/70)        ":           {"Counting objects", 7, ""},
		"remote: Enumerating objects: 5, done.":                   {"Enumerating objects", -1, ""},
		"Updating files:   0% (0/1)":                              {"Updating files", 0, ""},
		"Enumerating objects: 17":                                 {"Enumerating objects", -1, ""},
	} {
		got, ok := parseProgress(line)
		if !ok || got != want {
			t.Errorf("%q: %+v, %v", line, got, ok)
		}
	}
	for _, line := range []string{
		"", "fatal: early EOF", "error: 5 bytes", "Fatal", "remote: Total 3 (delta 0), reused 0", "warning: x", "From http://host/x",
		"remote: Not Found", "Receiving objects: many", "Receiving objects: 999% (1/1)", "A: 5 things", "ERROR: 500 Internal",
	} {
		if got, ok := parseProgress(line); ok {
			t.Errorf("%q: %+v", line, got)
		}
	}
}

func TestProgressWriter(t *testing.T) {
	text := "remote: Enumerating objects: 3, done.\nReceiving objects:  33% (1/3)\rReceiving objects: 100% (3/3), done.\nfatal: x\n" +
		strings.Repeat("y", 10_000) + "\nUpdating files: 100% (1/1)\n"
	for chunk := 1; chunk < 60; chunk += 7 {
		var got []string
		w := &progressWriter{report: func(p Progress) { got = append(got, fmt.Sprint(p)) }}
		for part := range slices.Chunk([]byte(text), chunk) {
			if n, err := w.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		want := []string{
			"{Enumerating objects -1 }", "{Receiving objects 33 }",
			"{Receiving objects 100 done.}", "{Updating files 100 }",
		}
		if !slices.Equal(got, want) {
			t.Errorf("in chunks of %d: %q", chunk, got)
		}
	}
}

func FuzzProgress(f *testing.F) {
	f.Add([]byte("Receiving objects:  33% (1/3)\rremote: Enumerating objects: 5, done.\n"), 3)
	f.Add([]byte("A: 99999999999999999999% (\r"), 1)
	f.Fuzz(func(t *testing.T, b []byte, chunk int) {
		w := &progressWriter{report: func(p Progress) {
			if p.Percent < -1 || p.Percent > 100 || len(p.Detail) > maxProgressLine {
				t.Errorf("%+v", p)
			}
		}}
		for part := range slices.Chunk(b, max(1, chunk)) {
			if n, err := w.Write(part); n != len(part) || err != nil {
				t.Fatal(n, err)
			}
		}
		if len(w.line) > maxProgressLine+1 {
			t.Errorf("%d bytes are held", len(w.line))
		}
	})
}

func TestScrub(t *testing.T) {
	for in, want := range map[string]string{
		"fatal: unable to access 'https://u:p@host/x/': no": "fatal: unable to access 'https://REDACTED@host/x/': no",
		"https://token@host/x":                              "https://REDACTED@host/x",
		"https://u:p@ss@host":                               "https://REDACTED@host",
		"https://host/x@y":                                  "https://host/x@y",
		"a://b@c d://e:f@g/h":                               "a://REDACTED@c d://REDACTED@g/h",
		"git@host:path":                                     "git@host:path",
		"://":                                               "://",
		"x":                                                 "x",
	} {
		if got := scrub(in); got != want {
			t.Errorf("%q: %q", in, got)
		}
	}
}

func FuzzScrub(f *testing.F) {
	f.Add("see ", "hunter2", "/x")
	f.Fuzz(func(t *testing.T, before, password, after string) {
		if len(password) < 4 || strings.ContainsAny(password, "/ \t\r\n'\"<>") || strings.Contains("REDACTED", password) {
			return
		}
		if strings.Contains(before+"https://"+"host/"+after, password) {
			return
		}
		if out := scrub(before + "https://user:" + password + "@host/" + after); strings.Contains(out, password) {
			t.Errorf("%q", out)
		}
	})
}

func TestLastAnswer(t *testing.T) {
	now := time.Unix(1_800_000_000, 0)
	const recv = "05:05:06.339932 http.c:684              <= Recv header: "
	for name, c := range map[string]struct {
		headers []string
		status  int
		delay   time.Duration
	}{
		"seconds":          {[]string{"HTTP/1.1 429 Too Many Requests", "Retry-After: 120"}, 429, 2 * time.Minute},
		"HTTP/2":           {[]string{"HTTP/2 503 ", "retry-after: 7"}, 503, 7 * time.Second},
		"a date":           {[]string{"HTTP/1.1 429 x", "Retry-After: " + now.Add(time.Hour).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")}, 429, time.Hour},
		"a date gone by":   {[]string{"HTTP/1.1 429 x", "Retry-After: Sun, 06 Nov 1994 08:49:37 GMT"}, 429, 0},
		"negative":         {[]string{"HTTP/1.1 429 x", "Retry-After: -5"}, 429, 0},
		"for ever":         {[]string{"HTTP/1.1 429 x", "Retry-After: 9223372036854775807"}, 429, maxDelay},
		"nonsense":         {[]string{"HTTP/1.1 429 x", "Retry-After: soon"}, 429, 0},
		"reset, as GitHub": {[]string{"HTTP/2 403", "x-ratelimit-remaining: 0", "x-ratelimit-reset: 1800000060"}, 403, time.Minute},
		"reset, by RFC":    {[]string{"HTTP/2 429", "ratelimit-remaining: 0", "ratelimit-reset: 30"}, 429, 30 * time.Second},
		"some remain":      {[]string{"HTTP/2 403", "x-ratelimit-remaining: 9", "x-ratelimit-reset: 1800000060"}, 403, 0},
		"an answer before": {[]string{"HTTP/1.1 429 x", "Retry-After: 120", "HTTP/1.1 200 OK"}, 200, 0},
		"nothing":          {nil, 0, 0},
	} {
		var trace strings.Builder
		trace.WriteString("05:05:06.339254 http.c:725              == Info:   Trying 127.0.0.1:18999...\n")
		for _, h := range c.headers {
			trace.WriteString(recv + h + "\n")
		}
		status, header := lastAnswer(strings.NewReader(trace.String()))
		if status != c.status || RetryAfter(header, now) != c.delay {
			t.Errorf("%s: %d, %v", name, status, RetryAfter(header, now))
		}
	}
}

func FuzzLastAnswer(f *testing.F) {
	f.Add("x <= Recv header: HTTP/1.1 429 x\nx <= Recv header: Retry-After: 120\n")
	f.Add("x <= Recv header: HTTP/2 403\nx <= Recv header: ratelimit-remaining: 0\nx <= Recv header: ratelimit-reset: -1\n")
	f.Fuzz(func(t *testing.T, trace string) {
		_, header := lastAnswer(strings.NewReader(trace))
		if d := RetryAfter(header, time.Unix(1_800_000_000, 0)); d < 0 || d > maxDelay {
			t.Errorf("delay %v", d)
		}
	})
}

// FuzzUnverified: whatever gpg and ssh-keygen say, no signature becomes good by
// it, and what they said is passed on.
func FuzzUnverified(f *testing.F) {
	f.Add("gpg: Can't check signature: No public key")
	f.Add("No principal matched.")
	f.Add("")
	f.Fuzz(func(t *testing.T, stderr string) {
		for _, kind := range []Kind{KindUnknown, KindTimeout} {
			failed := &Error{Op: "verify-commit", Kind: kind, Stderr: stderr}
			if got := signatureError(failed); !errors.Is(got, failed) {
				t.Errorf("%q: %v", stderr, got)
			}
		}
	})
}
