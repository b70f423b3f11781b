package config

import (
	"strconv"
	"strings"
)

// nearest returns the known name that the given one was probably meant to be; "" if none is similar. It ignores case
// and the kind of separator.
func nearest(name string, known []string) string {
	plain := func(s string) string { return strings.ReplaceAll(strings.ToLower(s), "_", "-") }
	name = plain(name)
	best, found := len(name)/4+1, ""
	for _, k := range known {
		d := distance(name, plain(k))
		if strings.HasPrefix(k, name) {
			d--
		}
		if d <= best && len(name) <= 64 {
			best, found = d, k
		}
	}
	return found
}

// didYouMean returns the hint for an unknown name: the nearest known name with its prefix, or else another hint.
func didYouMean(name, before string, known []string, otherwise string) string {
	if near := nearest(name, known); near != "" {
		return "did you mean " + before + near + "?"
	}
	return otherwise
}

// distance returns the number of letters to add, remove or change between a and b.
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range a {
		diagonal := i
		row[0] = i + 1
		for j := range b {
			cost := diagonal
			if a[i] != b[j] {
				cost++
			}
			diagonal = row[j+1]
			row[j+1] = min(cost, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}

// printable returns s if it can be shown in a line, otherwise s in quotes.
func printable(s string) string {
	if q := strconv.Quote(s); q != `"`+s+`"` {
		return q
	}
	return s
}
