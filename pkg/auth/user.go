package auth

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// passwdFile is where the C library looks up the names of users.
const passwdFile = "/etc/passwd"

// hasPasswd reports whether a file in passwd(5)'s format has the UID. It does not find users from other sources
// (LDAP); to treat them as unknown does no harm.
func hasPasswd(file string, uid int) bool {
	b, err := os.ReadFile(file)
	if err != nil {
		return false
	}
	want := strconv.Itoa(uid)
	for line := range strings.Lines(string(b)) {
		if f := strings.Split(line, ":"); len(f) >= 7 && f[2] == want {
			return true
		}
	}
	return false
}

// passwdLine returns a line for our UID. ssh looks for its own files in the home.
func passwdLine(home string) string {
	if home == "" || strings.ContainsAny(home, ":\n") {
		home = "/tmp"
	}
	return fmt.Sprintf("git-sync:x:%d:%d::%s:/sbin/nologin\n", os.Getuid(), os.Getgid(), home)
}

// appendPasswd adds our line to a passwd(5) file, if it is writable.
func appendPasswd(file, line string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("adding our UID: %w", err)
	}
	_, err = f.WriteString(line)
	if err = errors.Join(err, f.Close()); err != nil {
		return fmt.Errorf("adding our UID to %s: %w", file, err)
	}
	return nil
}

// findWrapper returns the path of nss_wrapper's library, which makes a program use our passwd file instead of the
// system's; "" if it is not installed. Debian: libnss-wrapper.
func findWrapper() string {
	for _, pattern := range []string{"/usr/lib/*/libnss_wrapper.so*", "/usr/lib64/libnss_wrapper.so*", "/usr/lib/libnss_wrapper.so*", "/lib/*/libnss_wrapper.so*"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}
