package repo

import (
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// TestPlainWebServer: W16. Files on a web server are a repository too; it has neither
// shallow nor partial clones.
func TestPlainWebServer(t *testing.T) {
	for name, change := range map[string]func(*Options){
		"depth":            func(*Options) {},
		"depth and filter": func(o *Options) { o.Filter = "blob:none" },
		"filter":           func(o *Options) { o.Depth, o.Filter = 0, "blob:none" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, change)
			f.timeout = 30 * time.Second
			var requests atomic.Int64
			files := http.FileServer(http.Dir(filepath.Dir(f.up.Dir)))
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				requests.Add(1)
				files.ServeHTTP(w, r)
			}))
			defer s.Close()
			f.opts.URL = s.URL + "/" + f.up.Name()
			for _, content := range []string{"1", "2", "3"} {
				hash := f.up.Commit(map[string]string{"a": content, "dir/b": "same"})
				f.up.Git("update-server-info")
				f.sync(hash)
			}
			if n := requests.Load(); n > 100 {
				t.Errorf("%d requests", n)
			}
			warned := strings.Count(strings.Join(f.logs, "\n"), "no shallow clones")
			if want := f.opts.Depth; warned != want {
				t.Errorf("%d warnings, not %d", warned, want)
			}
		})
	}
}

// TestRemoteWithoutFilter: W16. A remote that cannot filter sends all objects, and the log says so once.
func TestRemoteWithoutFilter(t *testing.T) {
	for name, can := range map[string]bool{"with": true, "without": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, func(o *Options) { o.Filter = "blob:none" })
			f.up.Git("config", "uploadpack.allowFilter", strconv.FormatBool(can))
			for _, content := range []string{"1", "2", "3"} {
				f.sync(f.up.Commit(map[string]string{"a": content, "dir/b": "same"}))
			}
			if said := strings.Count(strings.Join(f.logs, "\n"), "no partial clones"); said != map[bool]int{true: 0, false: 1}[can] {
				t.Errorf("said %d times", said)
			}
		})
	}
}
