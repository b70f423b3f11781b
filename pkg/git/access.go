package git

import (
	"fmt"
	"os"
	"syscall"
)

// Access says whose a file or directory is and who we are, as advice for a permission that was denied.
func Access(path string) string {
	us := fmt.Sprintf("git-sync runs as UID %d, GID %d", os.Geteuid(), os.Getegid())
	fi, err := os.Stat(path)
	if err != nil {
		return us + " and may not enter a directory of that path"
	}
	what, owner := "file", ""
	if fi.IsDir() {
		what = "directory " + path
	}
	if st, ok := fi.Sys().(*syscall.Stat_t); ok {
		owner = fmt.Sprintf("belongs to UID %d, GID %d, ", st.Uid, st.Gid)
	}
	return fmt.Sprintf("the %s %shas mode %#o, and %s; in Kubernetes set fsGroup: %d in the pod's securityContext",
		what, owner, fi.Mode().Perm(), us, os.Getegid())
}
