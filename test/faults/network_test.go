package faults

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"git-sync/test/gitserver"
)

// heavy is a change whose pack does not compress to nothing.
func heavy(n int) map[string]string {
	rng := rand.New(rand.NewPCG(uint64(n), 0))
	files := map[string]string{"n": fmt.Sprint(n)}
	for i := range 20 {
		b := make([]byte, 10<<10)
		for j := range b {
			b[j] = byte(rng.Uint32())
		}
		files[fmt.Sprintf("blob/%d", i)] = string(b)
	}
	return files
}

// TestBadNetwork: each way in which a remote fails, first at the very first sync and then at an update. What is published
// stays, the error says what is wrong, and when the fault is over the newest is published; nothing of the failed attempts is
// left.
func TestBadNetwork(t *testing.T) {
	for name, c := range map[string]struct {
		fault gitserver.Rule
		says  string // part of the error
		args  []string
	}{
		"silent to everything":   {gitserver.Rule{Do: gitserver.Silence()}, "sync-timeout", []string{"--sync-timeout=1s"}},
		"silent about objects":   {gitserver.Rule{On: gitserver.Fetch, Do: gitserver.Silence()}, "sync-timeout", []string{"--sync-timeout=1s"}},
		"a byte at a time":       {gitserver.Rule{On: gitserver.Fetch, Do: gitserver.Trickle(300 * time.Millisecond)}, "sync-timeout", []string{"--sync-timeout=1s"}},
		"too slow for its time":  {gitserver.Rule{On: gitserver.Fetch, Do: gitserver.Slow(20 << 10)}, "sync-timeout", []string{"--sync-timeout=2s"}},
		"401":                    {gitserver.Rule{Do: gitserver.Status(http.StatusUnauthorized)}, "redential", nil},
		"403":                    {gitserver.Rule{Do: gitserver.Status(http.StatusForbidden)}, "403", nil},
		"404":                    {gitserver.Rule{Do: gitserver.Status(http.StatusNotFound)}, "not found", nil},
		"429":                    {gitserver.Rule{Do: gitserver.RateLimited(time.Hour)}, "429", nil},
		"500":                    {gitserver.Rule{Do: gitserver.Status(http.StatusInternalServerError)}, "500", nil},
		"503 for objects":        {gitserver.Rule{On: gitserver.Fetch, Do: gitserver.Status(http.StatusServiceUnavailable, "Retry-After", "3600")}, "503", nil},
		"cut in the first bytes": {gitserver.Rule{Do: gitserver.CutAt(10)}, "git", nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := gitserver.NewRepo(t)
			server := gitserver.HTTP(t, up)
			server.Fail(c.fault)
			first := up.Commit(heavy(1))
			p := start(t, server.RepoURL(up), c.args...)
			if text := p.fails(); !strings.Contains(text, c.says) {
				t.Errorf("the error %s lacks %q", text, c.says)
			}
			if got := p.Published(); got != "" {
				t.Errorf("published before anything was fetched: %s", got)
			}
			server.Heal()
			p.recovers(first)

			server.Fail(c.fault)
			second := up.Commit(heavy(2))
			p.fails()
			if got := p.Published(); got != first {
				t.Errorf("published while the remote fails: %s, want %s", got, first)
			}
			server.Heal()
			p.recovers(second)
		})
	}
}

// TestPacketsDropped: a firewall drops every packet to the remote, so that neither connecting nor an open connection fails by
// itself. A poll reports it after 20 seconds, without trying a second time.
func TestPacketsDropped(t *testing.T) {
	for name, args := range map[string][]string{"plain": nil, "persistent": {"--poll=persistent"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			up := gitserver.NewRepo(t)
			server := gitserver.HTTP(t, up)
			first := up.Commit(heavy(1))
			p := start(t, server.RepoURL(up), args...)
			p.publishes(first)
			p.Until("polls", func() bool { return server.Count(gitserver.LsRefs) > 2 })
			server.DropPackets()
			if text := p.fails(); !strings.Contains(text, "no answer within 20s") {
				t.Errorf("the error %s does not say that there is no answer", text)
			}
			server.Heal()
			p.recovers(up.Commit(heavy(2)))
		})
	}
}

// TestCutAtEachTenth cuts the answer with the objects at every tenth of it, one attempt after the other.
func TestCutAtEachTenth(t *testing.T) {
	t.Parallel()
	up := gitserver.NewRepo(t)
	server := gitserver.HTTP(t, up)
	var cuts []gitserver.Rule
	for percent := 0; percent <= 100; percent += 10 {
		cuts = append(cuts, gitserver.Rule{On: gitserver.Fetch, Times: 1, Do: gitserver.CutAtPercent(percent)})
	}
	first := up.Commit(heavy(1))
	p := start(t, server.RepoURL(up))
	p.publishes(first)
	for i := range 2 {
		server.Fail(cuts...)
		server.Reset()
		p.recovers(up.Commit(heavy(2 + i)))
		if n := server.Count(gitserver.Fetch); n < 10 {
			t.Errorf("%d requests for objects: the cuts were not met", n)
		}
	}
}

// TestSlowButInTime: slowness alone is no fault.
func TestSlowButInTime(t *testing.T) {
	t.Parallel()
	up := gitserver.NewRepo(t)
	server := gitserver.HTTP(t, up)
	server.Fail(gitserver.Rule{On: gitserver.Fetch, Do: gitserver.Slow(200 << 10)})
	p := start(t, server.RepoURL(up))
	p.publishes(up.Commit(heavy(1)))
	p.publishes(up.Commit(heavy(2)))
}

// TestRefusedOnce: a single 401 in the life of a repository that needs no password.
func TestRefusedOnce(t *testing.T) {
	t.Parallel()
	up := gitserver.NewRepo(t)
	server := gitserver.HTTP(t, up)
	first := up.Commit(heavy(1))
	p := start(t, server.RepoURL(up))
	p.publishes(first)
	server.Fail(gitserver.Rule{Times: 1, Do: gitserver.Status(http.StatusUnauthorized)})
	p.recovers(up.Commit(heavy(2)))
}

// TestExpiredCertificate: the remote's certificate runs out, and is renewed.
func TestExpiredCertificate(t *testing.T) {
	t.Parallel()
	up := gitserver.NewRepo(t)
	server := gitserver.HTTPS(t, up)
	first := up.Commit(heavy(1))
	p := start(t, server.RepoURL(up), "--git-config=http.sslCAInfo:"+server.CAFile)
	p.publishes(first)
	server.Present(gitserver.Expired)
	second := up.Commit(heavy(2))
	if text := p.fails(); !strings.Contains(text, "certificate") {
		t.Errorf("the error %s does not speak of the certificate", text)
	}
	server.Present(gitserver.Good)
	p.recovers(second)
}

// TestNameNotFound: DNS fails, then works. The name is one that no resolver is asked for, because a part of it is longer than
// DNS allows; that it "works" is curl's own table of names, in a file that git reads each time.
func TestNameNotFound(t *testing.T) {
	t.Parallel()
	up := gitserver.NewRepo(t)
	server := gitserver.HTTP(t, up)
	hash := up.Commit(heavy(1))
	name := strings.Repeat("x", 70) + ".test"
	host, port, _ := strings.Cut(strings.TrimPrefix(server.URL, "http://"), ":")
	config := filepath.Join(t.TempDir(), "config")
	must(t, os.WriteFile(config, nil, 0o644))
	p := start(t, fmt.Sprintf("http://%s:%s/%s", name, port, up.Name()), "--git-config=include.path:"+config)
	if text := p.fails(); !strings.Contains(text, "resolve host") {
		t.Errorf("the error %s does not speak of the host's name", text)
	}
	must(t, os.WriteFile(config, []byte(fmt.Sprintf("[http]\n\tcurloptResolve = %s:%s:%s\n", name, port, host)), 0o644))
	p.recovers(hash)
}
