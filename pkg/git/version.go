package git

import (
	"fmt"
	"regexp"
	"strconv"
)

// The oldest git we take. What we cannot do without, configuration by
// GIT_CONFIG_COUNT and none from files, came with 2.31 and 2.32; 2.34 is what the
// oldest of the usual distributions brings (Ubuntu 22.04).
const (
	needMajor = 2
	needMinor = 34
)

// Version is a version of git. It is comparable.
type Version struct{ Major, Minor, Patch int }

// AtLeast reports whether v is major.minor or newer.
func (v Version) AtLeast(major, minor int) bool {
	return v.Major > major || v.Major == major && v.Minor >= minor
}

// String returns "2.39.5".
func (v Version) String() string {
	return fmt.Sprintf("%d.%d.%d", v.Major, v.Minor, v.Patch)
}

// parseVersion reads the output of "git version". Builders append words of their
// own:
//
//	git version 2.39.5
//	git version 2.39.5 (Apple Git-154)
//	git version 2.45.1.windows.1
//	git version 2.50.0-rc1
//	git version 2.34.GIT
func parseVersion(out string) (Version, error) {
	m := regexp.MustCompile(`^git version (\d+)\.(\d+)(?:\.(\d+))?`).FindStringSubmatch(out)
	if m == nil {
		return Version{}, fmt.Errorf("not an answer of git's: %.80q", out)
	}
	var v Version
	for i, n := range []*int{&v.Major, &v.Minor, &v.Patch} {
		*n, _ = strconv.Atoi(m[i+1]) // a missing one is 0
	}
	return v, nil
}
