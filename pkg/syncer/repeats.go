package syncer

import "regexp"

// repeats counts failures by their message, so that repetitions of a failure are logged more and more rarely, also if
// two failures alternate.
type repeats map[string]int

// maxMessages limits the number of messages that are distinguished. Further ones are counted together.
const maxMessages = 64

// add counts the failure and returns how often it has occurred.
func (r repeats) add(err error) int {
	key := signature(err.Error())
	if _, known := r[key]; !known && len(r) >= maxMessages {
		key = ""
	}
	r[key]++
	return r[key]
}

// shouldLog reports whether the nth occurrence of a failure is logged: the first, then each time the number has
// doubled.
func shouldLog(n int) bool { return n&(n-1) == 0 }

// signature returns the message without what may differ between two occurrences of a failure: all numbers are
// replaced, such as durations, ports, process IDs and times.
func signature(msg string) string { return numbers.ReplaceAllLiteralString(msg, "0") }

var numbers = regexp.MustCompile(`[0-9]+`)
