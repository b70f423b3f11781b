package auth

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// passwdFile is where the C library finds the names of users.
const passwdFile = "/etc/passwd"

// hasPasswd reports whether a file in passwd(5)'s format names the UID. Users known otherwise (LDAP)
// are not seen; treating them as unknown does them no harm.
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

// passwdLine names the UID. The home is where ssh looks for its own files.
func passwdLine(home string) string {
	if home == "" || strings.ContainsAny(home, ":\n") {
		home = "/tmp"
	}
	return fmt.Sprintf("git-sync:x:%d:%d::%s:/sbin/nologin\n", os.Getuid(), os.Getgid(), home)
}

// appendPasswd adds our line to a passwd(5) file that we may write.
func appendPasswd(file, line string) error {
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return fmt.Errorf("adding our UID: %w", err)
	}
	_, err = f.WriteString(line)
	if closeErr := f.Close(); err == nil {
		err = closeErr
	}
	if err != nil {
		return fmt.Errorf("adding our UID to %s: %w", file, err)
	}
	return nil
}

// findWrapper gives the path of nss_wrapper's library, by which a program sees the passwd file that
// we give it instead of the system's; "" when it is not installed. Debian: libnss-wrapper.
func findWrapper() string {
	for _, pattern := range []string{"/usr/lib/*/libnss_wrapper.so*", "/usr/lib64/libnss_wrapper.so*", "/usr/lib/libnss_wrapper.so*", "/lib/*/libnss_wrapper.so*"} {
		if found, err := filepath.Glob(pattern); err == nil && len(found) > 0 {
			return found[0]
		}
	}
	return ""
}
