package config

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
)

// A secret planted in each place there is turns up in none that is shown, and is known to the scrubber.
func TestSecrets(t *testing.T) {
	pem := "-----BEGIN PRIVATE KEY-----\nhunter2-pem-line\n-----END PRIVATE KEY-----"
	args := []string{
		"--repo=https://user:hunter2-url%2F@example.com/r.git", "--credential", `[{"url":"https://c.example","username":"u","password":"hunter2-json"}]`,
		"--askpass-url=https://u:hunter2-ask@a.example/x?k=hunter2-askquery", "--webhook-url=https://w.example/services/T0/B0hunter2webhookpath?token=hunter2-webhook",
		"--git-config=http.extraHeader:Authorization: Basic hunter2-header", `--git-config-add="url.https://x:hunter2-instead@h/.insteadOf":https://h/`,
		"--github-app-client-id=c", "--github-app-installation-id=1", "--receiver-bind=:1",
	}
	env := []string{
		"GITSYNC_RECEIVER_SECRET=hunter2-receiver", "GITSYNC_GITHUB_APP_PRIVATE_KEY=" + pem, "GITSYNC_UNKNOWN=hunter2-unknown",
		"HTTPS_PROXY=http://u:hunter2-proxy@p:1", "http_proxy=u:hunter2-bareproxy@p:1", "NO_PROXY=localhost", "ALL_PROXY=127.0.0.1:3128",
	}
	env = append(env, "HOME=/h")
	// The App and the askpass URL cannot be combined, which is fine here: problems must not show anything, either.
	for _, args := range [][]string{args, slices.DeleteFunc(slices.Clone(args), func(a string) bool { return strings.HasPrefix(a, "--github") })} {
		c, warnings, err := Parse(args, slices.DeleteFunc(slices.Clone(env), func(e string) bool {
			return strings.HasPrefix(e, "GITSYNC_GITHUB") && !slices.Contains(args, "--github-app-client-id=c")
		}), nil)
		shown, jsonErr := json.Marshal(c.Fields)
		if jsonErr != nil {
			t.Fatal(jsonErr)
		}
		if text := fmt.Sprint(string(shown), warnings, err); strings.Contains(text, "hunter2") {
			t.Errorf("shown: %s", text)
		}
		if err != nil {
			continue
		}
		if len(c.Fields)%2 != 0 || len(c.Fields) < 20 {
			t.Errorf("fields: %v", c.Fields)
		}
		for _, s := range []string{
			"hunter2-url/", "hunter2-url%2F", "hunter2-json", "hunter2-ask", "hunter2-askquery", "B0hunter2webhookpath", "hunter2-webhook", "hunter2-header",
			"hunter2-instead", "hunter2-receiver", "hunter2-proxy", "hunter2-bareproxy",
		} {
			if !slices.Contains(c.Secrets, s) {
				t.Errorf("not known to the scrubber: %s", s)
			}
		}
		for _, s := range []string{"127.0.0.1:3128", "localhost", "services", "", "https://a.example/x"} {
			if slices.Contains(c.Secrets, s) {
				t.Errorf("taken for a secret: %q", s)
			}
		}
		if s := c.Syncs[0]; s.URL != "https://example.com/r.git" || s.Auth.Username != "user" || s.Auth.Password.Reveal() != "hunter2-url/" {
			t.Errorf("%s, %s", s.URL, s.Auth.Username)
		}
	}
	c, _ := parse(t, []string{"--repo=/r", "--github-app-client-id=c", "--github-app-installation-id=1"}, env...)
	if !slices.Contains(c.Secrets(), pem) {
		t.Errorf("key: %q", c.Secrets())
	}
}

// Who to be, when the URL of the repository says something as well.
func TestURLCredentials(t *testing.T) {
	for _, c := range []struct{ args, repo, user, password, file string }{
		{"--repo=https://u:p@h/r", "https://h/r", "u", "p", ""},
		{"--repo=HTTPS://h/r", "https://h/r", "", "", ""},
		{"--repo=SSH://git@h/r", "ssh://git@h/r", "", "", ""},
		{"--repo=HTTPS://u:p@h/r", "https://h/r", "u", "p", ""},
		{"--repo=https://u:p%40%2f@h/r", "https://h/r", "u", "p@/", ""},
		{"--repo=https://u@h/r", "https://h/r", "u", "", ""},
		{"--repo=https://u@h/r --password-file=/p", "https://h/r", "u", "", "/p"},
		{"--repo=https://u:p@h/r --password-file=/p", "https://h/r", "u", "", "/p"},
		{"--repo=https://u:p@h/r --username=v --password=q", "https://h/r", "v", "q", ""},
		{"--repo=https://h/r%20x?y", "https://h/r%20x?y", "", "", ""},
		{"--repo=ssh://git@h/r", "ssh://git@h/r", "", "", ""},
		{"--repo=git@h:r", "git@h:r", "", "", ""},
	} {
		got, _ := parse(t, strings.Fields(c.args))
		a := got.Auth
		if got.URL != c.repo || a.Username != c.user || a.Password.Reveal() != c.password || a.PasswordFile != c.file {
			t.Errorf("%s: %s, %s, %s, %s", c.args, got.URL, a.Username, a.Password.Reveal(), a.PasswordFile)
		}
	}
	got, _ := parse(t, []string{"--repo=https://ghp_0123456789abcdef@h/r"})
	if !slices.Contains(got.Secrets(), "ghp_0123456789abcdef") {
		t.Error("a token as the user is not known to the scrubber")
	}
	got, _ = parse(t, []string{"--repo=https://h/r", "--username=hunter2"}, "GITSYNC_PASSWORD=x-oauth-basic")
	if text := fmt.Sprint(got.Fields()...); strings.Contains(text, "hunter2") || !slices.Contains(got.Secrets(), "hunter2") {
		t.Errorf("a token as the user: %s, %q", text, got.Secrets())
	}
	got, _ = parse(t, []string{"--repo=ssh://git:hunter2@h/r"})
	if text := fmt.Sprint(got.Fields()...); strings.Contains(text, "hunter2") || !slices.Contains(got.Secrets(), "hunter2") {
		t.Errorf("a password in an ssh URL: %s, %q", text, got.Secrets())
	}
}

func TestFields(t *testing.T) {
	c, _ := parse(t, []string{"--repo=https://u:p@h/r", "--webhook-url=https://w/x", "--http-bind=:1", "--ssh-key-file=/a", "--ssh-key-file=/b", "--git-config=http.proxy:x"}, "GITSYNC_DEPTH=3")
	want := []any{
		"repo", "https://h/r", "ref", "HEAD", "root", "/home/me/git", "link", "r", "period", "10s",
		"GITSYNC_DEPTH", "3", "ssh-key-file", "/a,/b", "webhook-url", "REDACTED", "http-bind", ":1", "git-config", "REDACTED",
	}
	if !slices.Equal(c.Fields(), want) {
		t.Errorf("%v\nwant\n%v", c.Fields(), want)
	}
}
