package repo

import (
	"os"
	"path/filepath"
	"testing"
)

// TestOddPaths: root, link and repository are found where the kernel finds
// them, also where ".." comes behind a symlink.
func TestOddPaths(t *testing.T) {
	base, err := filepath.EvalSymlinks(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(base, "deep/down"), 0o777); err != nil {
		t.Fatal(err)
	}
	symlink(t, "deep/down", filepath.Join(base, "here"))

	for _, c := range []struct{ root, link, wantRoot, wantLink string }{
		{base + "/here/../root", "link", "deep/root", "deep/root/link"},
		{base + "/here/../root", base + "/here/../site/", "deep/root", "deep/site"},
		{base + "/here/../root", "a/../link", "deep/root", "deep/root/link"},
		{base + "/here/../../here/../r", "../link", "deep/r", "deep/link"},
		{base + "/here/.", "link", "deep/down", "deep/down/link"},
	} {
		r := &Repo{}
		if err := r.locate(Options{Root: c.root, Link: c.link, Publish: PublishLink}); err != nil {
			t.Errorf("%s, %s: %v", c.root, c.link, err)
			continue
		}
		if r.Root() != filepath.Join(base, c.wantRoot) || r.outlet.Path() != filepath.Join(base, c.wantLink) {
			t.Errorf("%s, %s: root %s, link %s", c.root, c.link, r.root, r.outlet.Path())
		}
	}

	f := newFixture(t)
	hash := f.up.Commit(map[string]string{"a": "1"})
	symlink(t, filepath.Dir(f.up.Dir), filepath.Join(base, "deep/down/server"))
	if err := os.Mkdir(filepath.Join(filepath.Dir(f.up.Dir), "sub"), 0o777); err != nil {
		t.Fatal(err)
	}
	symlink(t, filepath.Join(filepath.Dir(f.up.Dir), "sub"), filepath.Join(base, "sub"))
	f.opts.URL = base + "/sub/../" + f.up.Name()
	f.sync(hash)
}
