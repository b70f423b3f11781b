package instance

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"git-sync/pkg/config"
	"git-sync/pkg/hook"
	"git-sync/pkg/logging"
)

// With --group-write, directories that are made for --touch-file and --error-file hand the group on, as those above them do.
func TestMadeDirectoryKeepsItsGroupBit(t *testing.T) {
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o775|fs.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	i := &Instance{}
	i.opt.Sync.GroupWrite = true
	if err := i.makeDir(filepath.Join(dir, "a/b")); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "a/b"} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode() != fs.ModeDir|fs.ModeSetgid|0o775 {
			t.Errorf("%s: %v, %v", name, info.Mode(), err)
		}
	}
}

// A tree that a pre-publish hook may have written into is not taken for the one that git has made.
func TestPrePublishHookMayWrite(t *testing.T) {
	for _, command := range []string{"", "/hook"} {
		s := config.Sync{PrePublish: hook.ExecOptions{Command: command}}
		o := repoOptions(Options{Sync: s, Log: logging.New(io.Discard, logging.Options{})}, nil, nil, nil)
		if o.Hooked != (command != "") {
			t.Errorf("with the hook %q: %v", command, o.Hooked)
		}
	}
}
