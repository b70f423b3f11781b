package credentials

import (
	"bytes"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"git-sync/pkg/auth"
	"git-sync/pkg/git"
	"git-sync/pkg/secret"
	"git-sync/test/gitserver"
)

// TestSecretsWhileGitRuns holds git in the middle of its work and looks where secrets must not be (fault
// X1): arguments of any process, files, the environment as others see it.
func TestSecretsWhileGitRuns(t *testing.T) {
	t.Parallel()
	secrets := []string{"s3cret-main", "s3cret-other", "s3cret-file"}
	s, url := upstream(t, gitserver.Basic("bot", secrets[0]))
	open := make(chan struct{})
	s.Fail(gitserver.Rule{On: gitserver.LsRefs, Do: gitserver.Gate(open)})

	home, tmp, mount := t.TempDir(), t.TempDir(), t.TempDir()
	file := filepath.Join(mount, "password")
	put(t, file, secrets[2], 0o400)
	ssh := filepath.Join(mount, "ssh")
	key := sshUpstream(t).NewKey("alice")
	put(t, ssh, get(t, key), 0o440) // handed over as a private copy
	secrets = append(secrets, strings.Split(get(t, key), "\n")[2])

	var learned []string
	c := newClient(t, auth.Options{URL: url, Learned: func(s string) { learned = append(learned, s) }, Settings: auth.Settings{
		Username: "bot", Password: secret.Text(secrets[0]),
		Credentials: []auth.Credential{
			{URL: "https://other.example", Username: "o", Password: secret.Text(secrets[1])},
			{URL: "https://file.example", Username: "o", PasswordFile: file},
		},
		SSHKeyFiles: []string{ssh},
	}}, "HOME="+home, "TMPDIR="+tmp)

	done := make(chan error, 1)
	go func() { done <- c.sync(t) }()
	s.Await(gitserver.LsRefs, 1)
	pids := searchArguments(t, secrets)
	if len(pids) == 0 {
		t.Error("no git was found; this test proves nothing")
	}
	for _, pid := range pids {
		checkEnvironment(t, pid, secrets[0])
	}
	for _, dir := range []string{home, tmp} {
		searchFiles(t, dir, secrets)
	}
	close(open)
	if err := <-done; err != nil {
		t.Errorf("%v; hint: %s", err, hint(err))
	}
	for _, dir := range []string{home, tmp} {
		searchFiles(t, dir, secrets)
	}
	if got := strings.Join(learned, " "); !strings.Contains(got, secrets[0]) || !strings.Contains(got, secrets[1]) || !strings.Contains(got, secrets[2]) {
		t.Error("the log's scrubber was not told of all passwords")
	}
}

// searchArguments looks through the arguments of all processes, and returns those that are git and hold
// our credentials.
func searchArguments(t *testing.T, secrets []string) (pids []string) {
	t.Helper()
	dirs, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, dir := range dirs {
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil {
			continue // it ended
		}
		for _, secret := range secrets {
			if bytes.Contains(line, []byte(secret)) {
				t.Errorf("a secret is among the arguments of %s: %q", dir, line)
			}
		}
		if env, err := os.ReadFile(filepath.Join(dir, "environ")); err == nil && bytes.Contains(env, []byte(secrets[0])) {
			pids = append(pids, filepath.Base(dir))
		}
	}
	return pids
}

// checkEnvironment has others try to read a process's environment.
func checkEnvironment(t *testing.T, pid, secret string) {
	t.Helper()
	file := "/proc/" + pid + "/environ"
	fi, err := os.Stat(file)
	if err != nil {
		return // it ended
	}
	if fi.Mode().Perm() != 0o400 {
		t.Errorf("%s has mode %v", file, fi.Mode())
	}
	if os.Geteuid() != 0 {
		return
	}
	cmd := exec.Command("cat", file)
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	if said, err := cmd.CombinedOutput(); err == nil || strings.Contains(string(said), secret) {
		t.Errorf("another user read %s", file)
	}
}

// searchFiles looks through all files below a directory.
func searchFiles(t *testing.T, dir string, secrets []string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		content := get(t, path)
		for _, secret := range secrets {
			if strings.Contains(content, secret) {
				t.Errorf("a secret is in %s", path)
			}
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// TestErrorsHoldNoSecret makes every refusal happen and looks at what it says.
func TestErrorsHoldNoSecret(t *testing.T) {
	t.Parallel()
	s, url := upstream(t, gitserver.Basic("bot", "right"))
	withUser := strings.Replace(url, "http://", "http://bot:s3cret@", 1)
	for name, o := range map[string]auth.Options{
		"password":   {URL: url, Settings: auth.Settings{Username: "bot", Password: "s3cret"}},
		"in the URL": {URL: withUser},
		"credential": {URL: url, Settings: auth.Settings{Credentials: []auth.Credential{{URL: s.URL, Username: "bot", Password: "s3cret"}}}},
		"user alone": {URL: url, Settings: auth.Settings{Credentials: []auth.Credential{{URL: s.URL, Username: "s3cret"}}}},
		"proxy":      {URL: url, GitConfig: []git.KV{{Key: "http.proxy", Value: "http://me:s3cret@127.0.0.1:1"}}, Settings: auth.Settings{Username: "bot", Password: "right"}},
		"askpass":    {URL: url, Settings: auth.Settings{AskpassURL: "http://me:s3cret@127.0.0.1:1/?q=s3cret"}},
	} {
		err := newClient(t, o).sync(t)
		if err == nil {
			t.Errorf("%s: let in", name)
			continue
		}
		var failed *git.Error
		text := err.Error() + hint(err)
		if asGit(err, &failed) {
			text += failed.Stderr
		}
		if strings.Contains(text, "s3cret") {
			t.Errorf("%s: the secret is in: %s", name, text)
		}
	}
}
