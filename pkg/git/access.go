package git

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"syscall"
)

// The permissions that [Access] explains the lack of.
const (
	ToRead  fs.FileMode = 0o4
	ToWrite fs.FileMode = 0o2
)

// Access says, as a hint, to whom path belongs (or the directory above it that may
// not be entered), who we are, and what would let us in.
func Access(path string, want fs.FileMode) string {
	us := fmt.Sprintf("git-sync runs as UID %d, GID %d", os.Geteuid(), os.Getegid())
	info, err := os.Stat(path)
	for errors.Is(err, fs.ErrPermission) && path != "/" {
		path = filepath.Dir(path)
		info, err = os.Stat(path)
	}
	if err != nil {
		return us
	}
	st, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return us
	}
	what := "file"
	if info.IsDir() {
		what = "directory " + path
	}
	text := fmt.Sprintf("the %s belongs to UID %d, GID %d, has mode %#o, and %s", what, st.Uid, st.Gid, info.Mode().Perm(), us)
	if info.Mode()&(want<<3) != 0 && !inGroup(int(st.Gid)) {
		return fmt.Sprintf("%s; join the group: in Kubernetes supplementalGroups: [%d], elsewhere --group-add=%d", text, st.Gid, st.Gid)
	}
	bits := "rX"
	if want == ToWrite {
		bits = "rwX"
	}
	return fmt.Sprintf("%s; in Kubernetes set fsGroup: %d in the pod's securityContext, elsewhere chgrp %d and chmod g+%s", text, os.Getegid(), os.Getegid(), bits)
}

// inGroup reports whether we belong to a group.
func inGroup(gid int) bool {
	groups, _ := os.Getgroups() // unknown: the first one alone
	return gid == os.Getegid() || slices.Contains(groups, gid)
}
