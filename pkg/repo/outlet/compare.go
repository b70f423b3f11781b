package outlet

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"git-sync/pkg/repo/internal/disk"
)

// changed returns an error that names the first difference between dir and m; nil if there is none. If m was written
// during another boot, it also reads the files, because a power cut may have lost their content.
func (m *manifest) changed(ctx context.Context, dir string) error {
	if m.interrupted {
		return errors.New("an update did not end")
	}
	thisBoot := m.Boot == disk.BootID()
	for _, e := range m.entries {
		if err := ctx.Err(); err != nil {
			return err
		}
		if e.Mode&leftover != 0 {
			continue
		}
		name := filepath.Join(dir, e.Path)
		info, err := os.Lstat(name)
		if err != nil {
			return err
		}
		same := intact(name, info, e)
		if same && e.Mode.IsRegular() && !thisBoot {
			sum, err := sumOf(name)
			if err != nil {
				return err
			}
			same = sum == e.Sum
		}
		if !same {
			return fmt.Errorf("%s has changed", name)
		}
	}
	m.compared = thisBoot
	return nil
}

// foreign returns a path in a directory that is not in m; empty if there is none.
func (m *manifest) foreign(dir string) (string, error) {
	ours := m.byPath()
	found := ""
	err := filepath.WalkDir(dir, func(name string, _ fs.DirEntry, err error) error {
		if err != nil || name == dir {
			return err
		}
		rel := name[len(dir)+1:]
		if e, ok := ours[rel]; (!ok || e.Mode&borrowed != 0) && !strings.HasPrefix(rel, tempDir) {
			found = name
			return fs.SkipAll
		}
		return nil
	})
	return found, err
}

// intact reports whether info, of the file called name, shows that e is unchanged.
func intact(name string, info fs.FileInfo, e entry) bool {
	switch {
	case e.Mode&borrowed != 0:
		return info.IsDir()
	case e.Mode.IsRegular():
		return info.Mode() == e.Mode && stateOf(info) == e.Copied
	case e.Mode.IsDir():
		return info.IsDir() && info.Mode().Perm() == e.Mode.Perm()
	default:
		target, err := os.Readlink(name)
		return err == nil && target == e.Sum
	}
}

func sumOf(name string) (string, error) {
	f, err := os.Open(name)
	if err != nil {
		return "", err
	}
	defer func() { _ = f.Close() }()
	h := sha256.New()
	_, err = io.Copy(h, f)
	return string(h.Sum(nil)), err
}
