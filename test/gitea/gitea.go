// Package gitea runs a real Gitea, a forge that nobody here wrote, and tests git-sync with it: API, http, ssh, LFS and webhooks.
//
// Gitea is built from its Go module, at one version whose checksum is pinned, by the go.mod and go.sum that it brings: this
// repository has no module that requires it. It is 1,480 packages, needs a C compiler for SQLite, and fills 1.3 GB of Go's cache. The
// last hundred packages and the link took 74 seconds of CPU; an empty cache takes far more than six minutes. So neither `make check`
// nor CI runs these tests: `make gitea` does, and keeps the program below .cache. Without GITSYNC_GITEA=1 in the environment, which
// make sets, they are skipped.
package gitea

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"git-sync/test/harness"
	"git-sync/test/sshserver"
)

// The version is the newest whose dependencies the Go proxy serves without others of Gitea's own domain.
const (
	module   = "code.gitea.io/gitea@v1.26.0"
	checksum = "h1:fJP9dqLbzKrKWUVnCVTfVersZdVDuyJQLEDzCAOmKKA="
)

// built is Gitea's program, and the source, which has the files that it serves.
type built struct{ program, source string }

var build = sync.OnceValues(func() (b built, err error) {
	out, err := exec.Command("go", "list", "-m", "-f", "{{.Dir}}", "git-sync").Output()
	if err != nil {
		return b, fmt.Errorf("looking for our module: %w", err)
	}
	b.program = filepath.Join(strings.TrimSpace(string(out)), ".cache", "gitea", "gitea")
	if err := os.MkdirAll(filepath.Dir(b.program), 0o755); err != nil {
		return b, err
	}
	out, err = exec.Command("go", "mod", "download", "-json", module).Output()
	var found struct{ Dir, Sum string }
	if err == nil {
		err = json.Unmarshal(out, &found)
	}
	if err != nil || found.Sum != checksum {
		return b, fmt.Errorf("downloading %s: %w, checksum %q\n%s", module, err, found.Sum, out)
	}
	b.source = found.Dir
	cmd := exec.Command("go", "build", "-C", b.source, "-tags", "sqlite sqlite_unlock_notify", "-o", b.program, ".")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=1", "GOFLAGS=")
	if out, err := cmd.CombinedOutput(); err != nil {
		return b, fmt.Errorf("building %s: %w\n%s", module, err, out)
	}
	return b, nil
})

// Server is a running Gitea. It ends with the test.
type Server struct {
	URL        string // with a slash at its end
	SSH        string // ssh://user@host:port/
	KnownHosts string // a file with its ssh host keys
	Data       string // where Gitea keeps its data
	Admin      User

	marks int
	*harness.Program
}

// Start builds and starts Gitea. It skips the test if that was not asked for.
func Start(t testing.TB) *Server {
	t.Helper()
	if os.Getenv("GITSYNC_GITEA") == "" {
		t.Skip("`make gitea` runs the tests with a real Gitea; building it takes more than six minutes of CPU, so CI does not")
	}
	for _, need := range [][2]string{{"gcc", "gcc"}, {"ssh-keyscan", "openssh-client"}, {"git-lfs", "git-lfs"}} {
		sshserver.Require(t, need[0], need[1])
	}
	b, err := build()
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	http, ssh := harness.FreeAddress(t), harness.FreeAddress(t)
	_, httpPort, _ := strings.Cut(http, ":")
	_, sshPort, _ := strings.Cut(ssh, ":")
	config := filepath.Join(dir, "app.ini")
	put(t, config, fmt.Sprintf(settings, dir, b.source, httpPort, sshPort))
	s := &Server{
		URL: "http://" + http + "/", SSH: "ssh://git-sync@" + ssh + "/", Data: filepath.Join(dir, "data"),
		KnownHosts: filepath.Join(dir, "known_hosts"),
	}
	for _, args := range [][]string{
		{"migrate"},
		{"admin", "user", "create", "--admin", "--username=boss", "--password=boss-password", "--email=boss@example.com", "--must-change-password=false"},
	} {
		if said, code := harness.Run(t, harness.Command{Path: b.program, Args: append(args, "--config="+config), Home: dir}); code != 0 {
			t.Fatalf("gitea %s: exit code %d\n%s", args[0], code, said)
		}
	}
	s.Admin = User{s, "boss", "boss-password"}
	s.Program = harness.Start(t, harness.Command{Path: b.program, Args: []string{"web", "--config=" + config}, Home: dir})
	s.Until("an answer of Gitea's", func() bool {
		status, _ := harness.Get(s.URL + "api/v1/version")
		return status == 200
	})
	s.Until("Gitea's ssh host keys", func() bool {
		keys, err := exec.Command("ssh-keyscan", "-p", sshPort, "127.0.0.1").Output()
		put(t, s.KnownHosts, string(keys))
		return err == nil && len(keys) > 0
	})
	return s
}

// settings are Gitea's: one directory, loopback, and nothing that is of no use here.
const settings = `
I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true
WORK_PATH = %[1]s
RUN_MODE = prod
[server]
APP_DATA_PATH = %[1]s/data
STATIC_ROOT_PATH = %[2]s
HTTP_ADDR = 127.0.0.1
HTTP_PORT = %[3]s
ROOT_URL = http://127.0.0.1:%[3]s/
START_SSH_SERVER = true
SSH_LISTEN_HOST = 127.0.0.1
SSH_LISTEN_PORT = %[4]s
SSH_DOMAIN = 127.0.0.1
SSH_PORT = %[4]s
BUILTIN_SSH_SERVER_USER = git-sync
SSH_USER = git-sync
LFS_START_SERVER = true
LFS_JWT_SECRET = c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2U
OFFLINE_MODE = true
[database]
DB_TYPE = sqlite3
PATH = %[1]s/data/gitea.db
[repository]
ROOT = %[1]s/data/repositories
DEFAULT_BRANCH = main
[lfs]
PATH = %[1]s/data/lfs
[security]
INSTALL_LOCK = true
SECRET_KEY = secret
INTERNAL_TOKEN = eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJuYmYiOjE1NTg5NTM3MDR9.-Lc1aVxqbNDhUMwqiEeDpxSJX6V1dBiFSHVvV_M6f8g
PASSWORD_HASH_ALGO = pbkdf2$1$50
[oauth2]
ENABLED = false
[webhook]
ALLOWED_HOST_LIST = loopback
[queue]
TYPE = channel
[indexer]
ISSUE_INDEXER_TYPE = db
[actions]
ENABLED = false
[packages]
ENABLED = false
[session]
PROVIDER = memory
[log]
MODE = console
LEVEL = Warn
logger.access.MODE = access
ACCESS_LOG_TEMPLATE = {{.Ctx.Req.Method}} {{.Ctx.Req.URL.RequestURI}} {{.ResponseWriter.Status}}
[log.access]
MODE = file
LEVEL = Info
FILE_NAME = %[1]s/access.log
`

// Requests are those that Gitea has answered since it started, whose line has a substring.
func (s *Server) Requests(t testing.TB, substring string) []string {
	t.Helper()
	s.marks++
	mark := fmt.Sprintf("api/v1/version?mark=%d", s.marks)
	harness.Get(s.URL + mark)
	s.Until("the end of Gitea's log", func() bool { return len(s.logged(t, mark+" ")) > 0 })
	return s.logged(t, substring)
}

func (s *Server) logged(t testing.TB, substring string) []string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(filepath.Dir(s.Data), "access.log"))
	if err != nil {
		t.Fatal(err)
	}
	var found []string
	for line := range strings.Lines(string(content)) {
		if strings.Contains(line, substring) {
			found = append(found, strings.TrimSpace(line))
		}
	}
	return found
}

// User is somebody who may log in.
type User struct {
	s              *Server
	Name, Password string
}

// NewUser makes a user.
func (s *Server) NewUser(t testing.TB, name string) User {
	t.Helper()
	u := User{s, name, name + "-password"}
	s.Admin.Call(t, "POST", "admin/users", map[string]any{
		"username": u.Name, "password": u.Password, "email": name + "@example.com", "must_change_password": false,
	}, nil)
	return u
}

// Call calls Gitea's API, and decodes the answer into out unless that is nil.
func (u User) Call(t testing.TB, method, path string, in, out any) {
	t.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequest(method, u.s.URL+"api/v1/"+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.SetBasicAuth(u.Name, u.Password)
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	answer, err := io.ReadAll(resp.Body)
	if err == nil && out != nil {
		err = json.Unmarshal(answer, out)
	}
	if err != nil || resp.StatusCode >= 300 {
		t.Fatalf("%s %s: %s, %v\n%s", method, path, resp.Status, err, answer)
	}
}

// Token makes an access token that may read repositories.
func (u User) Token(t testing.TB) string {
	t.Helper()
	var token struct{ SHA1 string }
	u.Call(t, "POST", "users/"+u.Name+"/tokens", map[string]any{"name": t.Name(), "scopes": []string{"read:repository"}}, &token)
	return token.SHA1
}

// Repo is a repository of a user.
type Repo struct {
	User
	Name string
}

// NewRepo makes a private repository with a first commit on main.
func (u User) NewRepo(t testing.TB, name string) Repo {
	t.Helper()
	u.Call(t, "POST", "user/repos", map[string]any{"name": name, "private": true, "auto_init": true, "default_branch": "main"}, nil)
	return Repo{u, name}
}

func (r Repo) path() string { return r.User.Name + "/" + r.Name }

// HTTP and SSH are the URLs that git-sync is given; Login is the one to push to.
func (r Repo) HTTP() string { return r.s.URL + r.path() + ".git" }

func (r Repo) SSH() string { return r.s.SSH + r.path() + ".git" }

func (r Repo) Login() string {
	return strings.Replace(r.HTTP(), "://", "://"+r.User.Name+":"+r.Password+"@", 1)
}

// Call calls the part of the API that is about the repository.
func (r Repo) Call(t testing.TB, method, path string, in, out any) {
	t.Helper()
	r.User.Call(t, method, strings.TrimSuffix("repos/"+r.path()+"/"+path, "/"), in, out)
}

// Commit adds a file to a branch, which is made of main if it is new, and returns the commit.
func (r Repo) Commit(t testing.TB, branch, file string) string {
	t.Helper()
	var made struct{ Commit struct{ SHA string } }
	in := map[string]any{"message": "add " + file, "content": "Y29udGVudA==", "branch": branch}
	r.Call(t, "POST", "contents/"+file, in, &made)
	return made.Commit.SHA
}

// Branch makes a branch of main.
func (r Repo) Branch(t testing.TB, name string) {
	t.Helper()
	r.Call(t, "POST", "branches", map[string]any{"new_branch_name": name, "old_branch_name": "main"}, nil)
}

// DeployKey makes a key that may read the repository, and returns its file.
func (r Repo) DeployKey(t testing.TB) string {
	t.Helper()
	key := filepath.Join(t.TempDir(), "key")
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", key).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	public, err := os.ReadFile(key + ".pub")
	if err != nil {
		t.Fatal(err)
	}
	r.Call(t, "POST", "keys", map[string]any{"title": t.Name(), "key": string(public), "read_only": true}, nil)
	return key
}

// Hook is a webhook of the repository. Its contentType is json or form.
func (r Repo) Hook(t testing.TB, url, secret, contentType string) {
	t.Helper()
	r.Call(t, "POST", "hooks", map[string]any{
		"type": "gitea", "active": true, "events": []string{"push", "create", "delete", "repository", "release"},
		"config": map[string]string{"url": url, "content_type": contentType, "secret": secret},
	}, nil)
}

func put(t testing.TB, path, content string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}
