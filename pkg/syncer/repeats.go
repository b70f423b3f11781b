package syncer

import "regexp"

// repeats counts failures by what they say, so that the same failure is logged when it is new and then ever more
// rarely, also when two of them alternate. The zero value is ready for use.
type repeats struct {
	seen map[string]int
}

// maxSeen bounds the failures that are distinguished; those beyond are counted together.
const maxSeen = 64

// add counts the failure and returns how often it has happened.
func (r *repeats) add(err error) int {
	if r.seen == nil {
		r.seen = make(map[string]int)
	}
	key := signature(err.Error())
	if _, known := r.seen[key]; !known && len(r.seen) >= maxSeen {
		key = ""
	}
	r.seen[key]++
	return r.seen[key]
}

// worthALine says whether the nth occurrence of one failure is logged: the first, then at every doubling.
func worthALine(n int) bool { return n&(n-1) == 0 }

// signature is the message without what differs between two occurrences of one failure: numbers (durations, ports, process
// ids, times) count as equal.
func signature(msg string) string { return numbers.ReplaceAllLiteralString(msg, "0") }

var numbers = regexp.MustCompile(`[0-9]+`)
