package logging

import (
	"encoding/base64"
	"encoding/hex"
	"io"
	"net/url"
	"strings"
	"testing"
)

func scrubber(secrets ...string) func(string) string {
	return New(io.Discard, Options{Secrets: secrets}).Scrub
}

// TestForms: whatever the web does to a password on its way, the log does not show it.
func TestForms(t *testing.T) {
	const secret = `s3cr/et +%?&"Ünï`
	scrub := scrubber(secret)
	userinfo := url.UserPassword("user", secret).String()
	for name, text := range map[string]string{
		"plain":           "x" + secret + "y",
		"query":           url.QueryEscape(secret),
		"query, lower":    strings.ToLower(url.QueryEscape(secret)),
		"path":            url.PathEscape(secret),
		"userinfo":        userinfo,
		"url":             "fatal: unable to access 'https://" + userinfo + "@host/x.git'",
		"hex":             hex.EncodeToString([]byte(secret)),
		"base64 in query": url.QueryEscape(base64.StdEncoding.EncodeToString([]byte("u:" + secret))),
	} {
		got := scrub(text)
		if !strings.Contains(got, "REDACTED") {
			t.Errorf("%s: %q", name, got)
		}
		for _, part := range []string{"s3cr", "et +", "Ünï", "et%20"} {
			if strings.Contains(strings.ToLower(got), strings.ToLower(part)) {
				t.Errorf("%s: %q still holds %q", name, got, part)
			}
		}
	}
	for _, user := range []string{"", "u", "us", "use", "user", "x-access-token"} {
		for _, enc := range []*base64.Encoding{base64.StdEncoding, base64.RawStdEncoding, base64.URLEncoding, base64.RawURLEncoding} {
			token := enc.EncodeToString([]byte(user + ":" + secret))
			got := scrub("Authorization: Basic " + token)
			rest, _, found := strings.Cut(strings.TrimPrefix(got, "Authorization: Basic "), "REDACTED")
			if !found {
				t.Errorf("user %q: %s", user, got)
			}
			// What is left in front is the user and a few bits of the first character at most.
			if plain, err := enc.WithPadding(base64.NoPadding).DecodeString(rest[:len(rest)/4*4]); err != nil || strings.Contains(string(plain), "s3") {
				t.Errorf("user %q: %q, %v", user, plain, err)
			}
		}
	}
}

func TestManyLinedSecret(t *testing.T) {
	const key = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAA\nfVqHeV9JA4kAAAAIZ2l0LXN5bmMBAgM=\n-----END OPENSSH PRIVATE KEY-----\n"
	scrub := scrubber(key)
	for _, text := range []string{key, "line: fVqHeV9JA4kAAAAIZ2l0LXN5bmMBAgM=", strings.ReplaceAll(key, "\n", "\r\n"), strings.TrimSpace(key)} {
		if got := scrub(text); strings.Contains(got, "fVqHeV9J") || strings.Contains(got, "b3Blbn") {
			t.Errorf("left: %q", got)
		}
	}
	if got := scrub("-----BEGIN OPENSSH PRIVATE KEY-----"); strings.Contains(got, "REDACTED") {
		t.Errorf("a header is no secret: %q", got)
	}
}

func TestOverlapsAndShortOnes(t *testing.T) {
	for _, c := range []struct {
		secrets    []string
		text, want string
	}{
		{[]string{"abcdef", "defghi"}, "xabcdefghix", "xREDACTEDx"},
		{[]string{"aaaa"}, "aaaaaa b", "REDACTED b"},
		{[]string{"a"}, "a tree, a=a banana", "REDACTED tree, REDACTED=REDACTED banana"},
		{[]string{"ab"}, "ab", "REDACTED"},
		{[]string{"ö"}, "schön ö", "schön REDACTED"},
		{[]string{"REDA"}, "REDA", "REDACTED"},
		{nil, "", ""},
	} {
		if got := scrubber(c.secrets...)(c.text); got != c.want {
			t.Errorf("%q in %q: %q, want %q", c.secrets, c.text, got, c.want)
		}
	}
}

func TestRedact(t *testing.T) {
	for in, want := range map[string]string{
		"https://user:pass@example.com/x.git":        "https://REDACTED@example.com/x.git",
		"https://ghp_token@example.com/x.git":        "https://REDACTED@example.com/x.git",
		"HTTPS://u:p@ss@example.com:8443/x":          "HTTPS://REDACTED@example.com:8443/x",
		"ssh://git@example.com/x.git":                "ssh://git@example.com/x.git",
		"ssh://git:pw@example.com/x.git":             "ssh://git:REDACTED@example.com/x.git",
		"git+ssh://git@example.com/x.git":            "git+ssh://git@example.com/x.git",
		"git@example.com:foo/bar.git":                "git@example.com:foo/bar.git",
		"file:///srv/x.git":                          "file:///srv/x.git",
		"/srv/a@b":                                   "/srv/a@b",
		"https://example.com/a@b":                    "https://example.com/a@b",
		"https://example.com/hook?token=abc&x&y=#at": "https://example.com/hook?token=REDACTED&REDACTED&y=REDACTED#at",
		"what is this?":                              "what is this?",
		"":                                           "",
	} {
		if got := Redact(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

// TestUnregisteredURLs: passwords in URLs are removed even if they are not registered.
func TestUnregisteredURLs(t *testing.T) {
	got := scrubber()(`fatal: "https://u:p1@a/x" and ftp://p2@b, ssh://git:p3@c/d but ssh://git@d`)
	want := `fatal: "https://REDACTED@a/x" and ftp://REDACTED@b, ssh://git:REDACTED@c/d but ssh://git@d`
	if got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

func FuzzRedact(f *testing.F) {
	for _, s := range []string{"https://u:p@h/x?y=z#f", "ssh://g:@", "://@", "a://b@c://d@e", "?", "git@h:p"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		once := Redact(s)
		if twice := Redact(once); twice != once {
			t.Errorf("%q: %q, then %q", s, once, twice)
		}
	})
}

func FuzzScrub(f *testing.F) {
	f.Add("secret-1", "other", "a secret-1 b")
	f.Add("a\nb", "\x00\xff", "a\\nb")
	f.Fuzz(func(t *testing.T, one, two, text string) {
		got := scrubber(one, two)(text + one + text + two)
		for _, s := range []string{one, two} {
			if len(s) >= 4 && strings.TrimSpace(s) != "" && !strings.Contains("REDACTED", s) && strings.Contains(strings.ReplaceAll(got, "REDACTED", "\x00"), s) && !strings.Contains(s, "\x00") {
				t.Errorf("%q is left in %q", s, got)
			}
		}
	})
}
