package git

import (
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

// parseVersion reads the output of "git version". Builders append words of their
// own:
//
//	git version 2.39.5
//	git version 2.39.5 (Apple Git-154)
//	git version 2.45.1.windows.1
//	git version 2.50.0-rc1
//	git version 2.34.GIT
func parseVersion(out string) (version string, isNew bool) {
	m := regexp.MustCompile(`^git version ((\d+)\.(\d+)(?:\.\d+)?)`).FindStringSubmatch(out)
	if m == nil {
		return "", false
	}
	major, _ := strconv.Atoi(m[2]) // digits; 0 where they are too many
	minor, _ := strconv.Atoi(m[3])
	return m[1], major > needMajor || major == needMajor && minor >= needMinor
}
