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

// The permissions that [Access] explains.
const (
	ToRead  fs.FileMode = 0o4
	ToWrite fs.FileMode = 0o2
)

// Access returns a hint about missing permission for path. It says who owns path (or the parent directory that denies
// access), which user this process runs as, and how to get access.
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

// inGroup reports whether this process belongs to a group.
func inGroup(gid int) bool {
	groups, _ := os.Getgroups() // on error, only the effective group counts
	return gid == os.Getegid() || slices.Contains(groups, gid)
}
