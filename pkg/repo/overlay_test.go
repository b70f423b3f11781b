package repo

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// layered makes what is in the root so far a layer of an image: directories of it cannot be renamed any more (EXDEV),
// as in a container on overlayfs without redirect_dir.
func (f *fixture) layered() {
	f.t.Helper()
	f.stop()
	base := f.t.TempDir()
	lower := filepath.Join(base, "lower")
	if err := os.Rename(f.opts.Root, lower); err != nil {
		f.t.Fatal(err)
	}
	options := "redirect_dir=off,lowerdir=" + lower
	for _, name := range []string{"upper", "work"} {
		dir := filepath.Join(base, name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			f.t.Fatal(err)
		}
		options += "," + name + "dir=" + dir
	}
	if err := os.Mkdir(f.opts.Root, 0o755); err != nil {
		f.t.Fatal(err)
	}
	err := unix.Mount("overlay", f.opts.Root, "overlay", 0, options)
	if errors.Is(err, unix.EPERM) || errors.Is(err, unix.ENODEV) || errors.Is(err, unix.EINVAL) {
		f.t.Skipf("mounting an overlay: %v", err)
	}
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() {
		f.stop()
		if err := unix.Unmount(f.opts.Root, unix.MNT_DETACH); err != nil {
			f.t.Error(err)
		}
	})
	if err := os.Rename(filepath.Join(f.opts.Root, ".git"), filepath.Join(f.opts.Root, "other")); !errors.Is(err, unix.EXDEV) {
		f.t.Skipf("directories can be renamed here: %v", err)
	}
}

// TestImageLayer: W15. The root is in a layer of an image, whose directories cannot be renamed.
func TestImageLayer(t *testing.T) {
	for name, happens := range map[string]func(f *fixture, hash string){
		"updates": func(*fixture, string) {},
		"spare": func(f *fixture, _ string) {
			if len(f.spares()) == 0 {
				f.t.Error("there is no spare tree in the layer")
			}
		},
		"damaged tree": func(f *fixture, hash string) {
			remove2(f.t, filepath.Join(f.link(), ".git"))
			f.sync(hash)
		},
		"another store": func(f *fixture, hash string) {
			if err := f.restart(func(o *Options) { o.Filter = "blob:none" }); err != nil {
				f.t.Fatal(err)
			}
			f.sync(hash)
		},
		"killed while replacing the store": func(f *fixture, hash string) {
			if err := f.restart(func(o *Options) { o.Filter = "blob:none" }); err != nil {
				f.t.Fatal(err)
			}
			f.repo.exchange = func(next, now string) error {
				remove2(f.t, filepath.Join(now, "HEAD"))
				remove2(f.t, filepath.Join(now, "objects"))
				return unix.EIO
			}
			if _, err := f.try(); !errors.Is(err, unix.EIO) {
				f.t.Fatal(err)
			}
			f.complete(hash)
			if err := f.restart(); err != nil {
				f.t.Fatal(err)
			}
			f.sync(hash)
		},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFixture(t)
			f.up.BigTree(many)
			f.sync(f.up.Commit(map[string]string{"a": "0"}))
			hash := f.up.Commit(map[string]string{"a": "1"})
			f.sync(hash)
			if err := os.MkdirAll(filepath.Join(f.opts.Root, buildPrefix+"x", "dir"), 0o755); err != nil {
				t.Fatal(err)
			}
			f.layered()
			if err := f.restart(); err != nil {
				t.Fatal(err)
			}
			f.sync(hash)
			happens(f, hash)
			for _, content := range []string{"2", "3", "4"} {
				f.later()
				f.sync(f.up.Commit(map[string]string{"a": content}))
				f.clean()
				if stuck := f.repo.Stats().Stuck; stuck != 0 {
					t.Errorf("Stats().Stuck = %d", stuck)
				}
			}
			if len(f.spares()) == 0 {
				t.Error("no tree is kept for recycling")
			}
		})
	}
}
