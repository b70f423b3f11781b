package config

import (
	"strconv"
	"strings"
)

// nearest is the known name that the given one was probably meant to be, "" if none is near. Case and the kind of
// separator do not count. Among equally near ones that with the longest common beginning is taken, or else the first.
func nearest(name string, known []string) string {
	name = plainName(name)
	if len(name) > 64 {
		return ""
	}
	best, common, found := len(name)/4+2, 0, ""
	for _, k := range known {
		d, c := distance(name, plainName(k)), commonPrefix(name, plainName(k))
		if d < best || found != "" && d == best && c > common {
			best, common, found = d, c, k
		}
	}
	return found
}

func commonPrefix(a, b string) int {
	n := 0
	for n < min(len(a), len(b)) && a[n] == b[n] {
		n++
	}
	return n
}

func plainName(s string) string {
	return strings.ReplaceAll(strings.ToLower(s), "_", "-")
}

// distance is the number of edits (a letter added, dropped or changed, two neighbours swapped) between a and b.
func distance(a, b string) int {
	before, prev, row := make([]int, len(b)+1), make([]int, len(b)+1), make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := 1; i <= len(a); i++ {
		before, prev, row = prev, row, before
		row[0] = i
		for j := 1; j <= len(b); j++ {
			cost := 1
			if a[i-1] == b[j-1] {
				cost = 0
			}
			row[j] = min(prev[j]+1, row[j-1]+1, prev[j-1]+cost)
			if i > 1 && j > 1 && a[i-1] == b[j-2] && a[i-2] == b[j-1] {
				row[j] = min(row[j], before[j-2]+1)
			}
		}
	}
	return row[len(b)]
}

// printable is s as it is when it can be shown in a line, quoted otherwise.
func printable(s string) string {
	if q := strconv.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}
