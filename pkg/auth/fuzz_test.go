package auth

import (
	"errors"
	"net/http"
	"strings"
	"testing"
	"time"

	"git-sync/pkg/git"
)

// FuzzGitHub answers as GitHub does, or something in its place.
func FuzzGitHub(f *testing.F) {
	f.Add(`{"token":"ghs_1","expires_at":"2026-11-26T20:00:00Z"}`, "120", "0", "1796000000")
	f.Add(`{"message":"Bad credentials"}`, "Thu, 26 Nov 2026 20:00:00 GMT", "", "-1")
	f.Add("<html>", "", "", "")
	now := time.Unix(1_796_000_000, 0)
	f.Fuzz(func(t *testing.T, body, after, remaining, reset string) {
		secret, expires, err := readToken([]byte(body))
		if err == nil && (secret == "" || strings.ContainsAny(secret, "\x00\r\n") || expires.IsZero()) {
			t.Errorf("%q: git cannot be given %q", body, secret)
		}
		if err != nil && (secret != "" || len(err.Error()) > 100) {
			t.Errorf("%q: %q, %v", body, secret, err)
		}
		for _, status := range []int{http.StatusUnauthorized, http.StatusForbidden, http.StatusInternalServerError} {
			header := http.Header{"Retry-After": {after}, "X-Ratelimit-Remaining": {remaining}, "X-Ratelimit-Reset": {reset}}
			err := GitHubApp{}.refused("asking", response{&http.Response{StatusCode: status, Header: header}, []byte(body)}, now)
			refused, ok := errors.AsType[*delayed](err)
			if !ok || refused.after < 0 || strings.ContainsAny(err.Error(), "\r\n") || len(err.Error()) > 1200 {
				t.Errorf("%q %v: %v", body, header, err)
			}
		}
	})
}

// FuzzExplain has git and ssh say what they like about a refusal: the error
// stays what it was, and says more.
func FuzzExplain(f *testing.F) {
	f.Add("No ED25519 host key is known for [127.0.0.1]:2222 and you have requested strict checking.")
	f.Add("fatal: Authentication failed for 'https://host/repo.git/'")
	f.Add("git@host: Permission denied (publickey).\nERROR: Repository not found.")
	f.Add("@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @\nOffending ")
	f.Fuzz(func(t *testing.T, stderr string) {
		for _, url := range []string{"https://host/repo.git", "git@host:repo.git"} {
			a := New(Options{Self: "/git-sync", URL: url, Settings: Settings{SSHKnownHostsFile: "/known_hosts"}})
			for _, kind := range []git.Kind{git.KindHostKey, git.KindAuth, git.KindRepoNotFound} {
				failed := &git.Error{Op: "fetch", Kind: kind, Stderr: stderr}
				got := a.Explain(failed)
				if !errors.Is(got, failed) || git.KindOf(got) != kind {
					t.Errorf("%q: %v is not %v any more", stderr, got, failed)
				}
			}
		}
	})
}
