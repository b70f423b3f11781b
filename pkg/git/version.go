package git

import (
	"regexp"
	"strconv"
)

// The oldest supported version of git. Configuration by GIT_CONFIG_COUNT, and without configuration files, needs 2.31
// and 2.32. 2.34 is the version of the oldest common distribution (Ubuntu 22.04).
const (
	needMajor = 2
	needMinor = 34
)

// parseVersion parses the output of "git version". Some builds append words of their own:
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
	major, _ := strconv.Atoi(m[2]) // only digits; 0 if there are too many
	minor, _ := strconv.Atoi(m[3])
	return m[1], major > needMajor || major == needMajor && minor >= needMinor
}
