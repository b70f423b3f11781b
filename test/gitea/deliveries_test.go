package gitea

import (
	"io"
	"net/http"
	"strings"
	"testing"
)

// post is a delivery of no forge's.
func post(t *testing.T, url string) (status int, body string) {
	t.Helper()
	req, err := http.NewRequest(http.MethodPost, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+secret)
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(b)
}

func testDeliveries(t *testing.T, s *Server) {
	u := s.NewUser(t, "dora")
	for name, tc := range map[string]struct {
		secret, contentType string
		args                []string
		taken               bool
		refused             string
	}{
		"json":             {secret, "json", nil, true, ""},
		"form":             {secret, "form", nil, true, ""},
		"another secret":   {"another", "form", nil, false, "the forge has another secret"},
		"no secret":        {"", "json", nil, false, "it is not signed: it has no X-Gitea-Signature or X-Hub-Signature-256"},
		"another forge":    {secret, "json", []string{"--receiver-provider=forgejo"}, false, "the header X-Forgejo-Event is missing"},
		"a forge's mimic":  {secret, "json", []string{"--receiver-provider=github"}, true, ""},
		"another protocol": {secret, "json", []string{"--receiver-provider=gitlab"}, false, "it has no X-Gitlab-Token"},
	} {
		t.Run(name, func(t *testing.T) {
			repo := u.NewRepo(t, strings.ReplaceAll(strings.ReplaceAll(name, " ", "-"), "'", ""))
			first := repo.Commit(t, "main", "first")
			f := follow(t, append(append(u.basic(t, u.Password), "--repo="+repo.HTTP(), "--ref=main"), tc.args...)...)
			f.Publishes(t, first)
			repo.Hook(t, f.webhook(), tc.secret, tc.contentType)
			second := repo.Commit(t, "main", "second")
			switch {
			case tc.taken:
				f.Publishes(t, second)
			case strings.Contains(tc.refused, "missing"):
				f.says("delivery ignored", tc.refused)
			default:
				t.Log(f.says("delivery refused", tc.refused))
			}
		})
	}
}

// testRenamed: the name of the repository changes, and then its owner. Its deliveries are recognised, over http and over ssh.
func testRenamed(t *testing.T, s *Server) {
	u, next := s.NewUser(t, "olga"), s.NewUser(t, "petra")
	repo := u.NewRepo(t, "docs")
	first := repo.Commit(t, "main", "first")
	overHTTP := follow(t, append(u.basic(t, u.Password), "--repo="+repo.HTTP(), "--ref=main")...)
	overSSH := follow(t, append(s.keyed(repo, repo.DeployKey(t)), "--ref=main")...)
	late := follow(t, append(u.basic(t, u.Password), "--repo="+repo.HTTP(), "--ref=main")...)
	for _, f := range []*follower{overHTTP, overSSH, late} {
		f.Publishes(t, first)
	}
	repo.Hook(t, overHTTP.webhook(), secret, "json")
	repo.Hook(t, overSSH.webhook(), secret, "form")
	second := repo.Commit(t, "main", "second")
	overHTTP.Publishes(t, second)
	overSSH.Publishes(t, second)

	repo.Call(t, "PATCH", "", map[string]any{"name": "handbook"}, nil)
	repo.Name = "handbook"
	third := repo.Commit(t, "main", "third")
	overHTTP.Publishes(t, third)
	overSSH.Publishes(t, third)
	t.Log(overHTTP.says("repository was renamed", repo.HTTP()))

	// This one has got no delivery with the old name.
	repo.Hook(t, late.webhook(), secret, "json")
	fourth := repo.Commit(t, "main", "fourth")
	overHTTP.Publishes(t, fourth)
	t.Log(late.says("delivery ignored", repo.HTTP()))

	// Where an administrator transfers it, the new owner need not agree.
	s.Admin.Call(t, "POST", "repos/"+repo.path()+"/transfer", map[string]any{"new_owner": next.Name}, nil)
	moved := Repo{next, repo.Name}
	overSSH.Publishes(t, moved.Commit(t, "main", "fifth"))
}

// testDefaultBranch: where no ref is given, the next delivery that names another default branch triggers, whichever branch it is of.
func testDefaultBranch(t *testing.T, s *Server) {
	u := s.NewUser(t, "dina")
	repo := u.NewRepo(t, "docs")
	first := repo.Commit(t, "main", "first")
	f := follow(t, append(u.basic(t, u.Password), "--repo="+repo.HTTP())...)
	f.Publishes(t, first)
	repo.Hook(t, f.webhook(), secret, "json")
	f.Publishes(t, repo.Commit(t, "main", "second"))
	repo.Branch(t, "next")
	next := repo.Commit(t, "next", "third")
	f.says("delivery ignored", "refs/heads/next")
	repo.Call(t, "PATCH", "", map[string]any{"default_branch": "next"}, nil)
	repo.Commit(t, "main", "fourth") // no longer followed, but its delivery names the default branch
	f.Publishes(t, next)
}
