package git_test

import (
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"git-sync/pkg/git"
	"git-sync/test/gitserver"
	"git-sync/test/harness"
	"git-sync/test/sshserver"
)

// inOrder checks that an error says all parts, in this order and in one line.
func inOrder(t *testing.T, err error, parts ...string) {
	t.Helper()
	rest := err.Error()
	if strings.ContainsAny(rest, "\r\n\x1b") {
		t.Errorf("control characters in %q", rest)
	}
	for _, part := range parts {
		_, after, ok := strings.Cut(rest, part)
		if !ok {
			t.Errorf("%q does not say %q here: %q", err, part, rest)
		}
		rest = after
	}
}

// TestRefusalOverSSH: E1. What forges print when they refuse after the login, in all shapes.
func TestRefusalOverSSH(t *testing.T) {
	dir := t.TempDir()
	script := filepath.Join(dir, "refuse")
	// The command is "git-upload-pack '/.../NUMBER'": the file is called NUMBER'.
	harness.Executable(t, script, "#!/bin/sh\ncat \""+dir+"/${SSH_ORIGINAL_COMMAND##*/}\" >&2\nexit 1\n")
	s := sshserver.New(t, "ForceCommand "+script)
	g := newGit(t, "GIT_SSH_COMMAND="+s.SSHCommand(s.NewKey("known")))
	for i, c := range []struct {
		name, said string
		kind       git.Kind
		lines      []string
	}{
		{
			"GitLab", "remote: \nremote: ========================================================================\nremote: \n" +
				"remote: ERROR: The project you were looking for could not be found or you don't have permission to view it.\n" +
				"remote: \nremote: ========================================================================\nremote: \n", git.KindRepoNotFound,
			[]string{"ERROR: The project you were looking for could not be found or you don't have permission to view it."},
		},
		{
			"GitLab, an expired key", "remote:\nremote: ----\nremote: Your SSH key has expired.\nremote: Renew it in your profile.\nremote: ----\n", git.KindAuth,
			[]string{"Your SSH key has expired.", "Renew it in your profile."},
		},
		{"GitHub", "ERROR: Repository not found.\n", git.KindRepoNotFound, []string{"ERROR: Repository not found."}},
		{
			"GitHub, an organisation", "ERROR: The `acme' organization has enabled or enforced SAML SSO.\nTo access\nthis repository, you must use the HTTPS remote with a personal access token\nor SSH with an SSH key and passphrase\nthat has been authorized for this organization.\n",
			git.KindDenied,
			[]string{"SAML SSO", "this repository, you must", "that has been authorized for this organization."},
		},
		{"Gitea", "Gitea: Cannot find repository: acme/site\n", git.KindRepoNotFound, []string{"Gitea: Cannot find repository: acme/site"}},
		{"Gitea 1.26", "error:\nerror: Cannot find repository: acme/site\nerror:\n", git.KindRepoNotFound, []string{"Cannot find repository: acme/site"}},
		{
			"Gitea 1.26, a deploy key", "error:\nerror: Public (Deploy) Key: 3:ci is not authorized to read acme/site.\nerror:\n", git.KindAuth,
			[]string{"Public (Deploy) Key: 3:ci is not authorized to read acme/site."},
		},
		{
			"Gitea, a deploy key", "\x1b[31mForgejo: Unauthorized\x1b[0m\r\nPublic (Deploy) Key: 3:ci is not authorized to read acme/site.\r\n", git.KindAuth,
			[]string{"Forgejo: Unauthorized", "is not authorized to read acme/site."},
		},
		{"Azure", "remote: Public key authentication failed.\n", git.KindAuth, []string{"Public key authentication failed."}},
		{
			"Bitbucket", "#########################\n#  Repository is offline  #\n#  while it moves.        #\n#########################\n", git.KindDenied,
			[]string{"Repository is offline", "while it moves."},
		},
		{"a limit", "Too many requests.\nCome back later.\n", git.KindRateLimited, []string{"Too many requests.", "Come back later."}},
		{"no shell", "bash: line 1: git-upload-pack: command not found\n", git.KindDenied, []string{"git-upload-pack: command not found"}},
		{"a banner of the server's", "Connection refused by policy.\nssh-rsa keys are too old.\n", git.KindDenied, []string{"ssh-rsa keys are too old."}},
		{"nothing", "", git.KindDenied, []string{"Could not read from remote repository"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			name := strconv.Itoa(i)
			if err := os.WriteFile(filepath.Join(dir, name+"'"), []byte(c.said), 0o644); err != nil {
				t.Fatal(err)
			}
			e := expect(t, lsRemote(t, g, s.URL(name)), c.kind)
			inOrder(t, e, c.lines...)
			if remote, _ := e.Output(); c.said != "" && !strings.Contains(remote, c.lines[len(c.lines)-1]) {
				t.Errorf("the remote's words are %q", remote)
			}
			for _, word := range []string{"DNS", "firewall"} {
				if strings.Contains(e.Hint(), word) {
					t.Errorf("hint for a server that was reached: %q", e.Hint())
				}
			}
			if strings.ContainsAny(e.Error(), "=#") || strings.Contains(e.Error(), "---") {
				t.Errorf("a frame is left in %q", e)
			}
		})
	}
}

// lfsServer is a server for one object that fails as the test says.
func lfsServer(t *testing.T, oid, content string, fail func(w http.ResponseWriter, r *http.Request) bool) string {
	t.Helper()
	var s *httptest.Server
	s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case fail(w, r):
		case strings.HasSuffix(r.URL.Path, "/objects/batch"):
			w.Header().Set("Content-Type", "application/vnd.git-lfs+json")
			_ = json.NewEncoder(w).Encode(map[string]any{"transfer": "basic", "objects": []any{map[string]any{
				"oid": oid, "size": len(content), "authenticated": true,
				"actions": map[string]any{"download": map[string]any{"href": s.URL + "/object"}},
			}}})
		default:
			_, _ = w.Write([]byte(content))
		}
	}))
	t.Cleanup(s.Close)
	return s.URL
}

// TestLFSFailures: E2.
func TestLFSFailures(t *testing.T) {
	sshserver.Require(t, "git-lfs", "git-lfs")
	const content = "large content"
	oid := fmt.Sprintf("%x", sha256.Sum256([]byte(content)))
	answer := func(part string, status int, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, r *http.Request) bool {
			if !strings.HasSuffix(r.URL.Path, part) {
				return false
			}
			w.Header().Set("Content-Type", "application/vnd.git-lfs+json")
			w.WriteHeader(status)
			_, _ = w.Write([]byte(body))
			return true
		}
	}
	for _, c := range []struct {
		name  string
		fail  func(http.ResponseWriter, *http.Request) bool
		parts []string
	}{
		{"quota", answer("batch", 429, `{"message":"This repository is over its data quota."}`), []string{"over its data quota"}},
		{"not found", answer("batch", 404, `{"message":"Not Found"}`), []string{"Not Found"}},
		{"object missing", answer("batch", 200, `{"objects":[{"oid":"`+oid+`","size":13,"error":{"code":404,"message":"Object does not exist"}}]}`), []string{"[404] Object does not exist"}},
		{"not implemented", answer("batch", 501, `{"message":"LFS is switched off here"}`), []string{"LFS is switched off here"}},
		{"wrong content", answer("object", 200, `garbage in here`), []string{"expected OID"}},
		{"a login", answer("batch", 403, `{"message":"Log in first"}`), []string{"Log in first"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			url := lfsServer(t, oid, content, c.fail)
			up := gitserver.NewRepo(t)
			up.Commit(map[string]string{
				".gitattributes": "*.bin filter=lfs\n", ".lfsconfig": "[lfs]\n\turl = " + url + "/lfs\n",
				"a.bin": fmt.Sprintf("version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n", oid, len(content)),
			})
			g := newGitWith(t, git.Options{Config: []git.KV{
				{Key: "filter.lfs.process", Value: "git-lfs filter-process"},
				{Key: "filter.lfs.required", Value: "true"},
				{Key: "lfs.transfer.maxretries", Value: "1"},
			}})
			dir, tree := emptyStore(t, g), t.TempDir()
			must(t, g, git.Cmd("fetch", "--quiet").GitDir(dir).Operand(up.FileURL(), "+refs/heads/*:refs/heads/*"))
			_, err := g.Run(t.Context(), git.Cmd("read-tree", "-m", "-u", "HEAD").GitDir(dir).WorkTree(tree))
			e := expect(t, err, git.KindFilter, "git-lfs")
			inOrder(t, e, append([]string{"a.bin: smudge filter lfs failed; git-lfs says: "}, c.parts...)...)
			if _, helper := e.Output(); !strings.Contains(helper, c.parts[0]) {
				t.Errorf("the helper's words are %q", helper)
			}
		})
	}
}
