// Package examples reads the examples in the documents, so that tests can run them as they are printed.
package examples

import (
	"os"
	"strings"
)

// Example is a block of code in a document.
type Example struct {
	Section string // the heading above it
	Lang    string // what follows the fence, such as sh
	Code    string
}

// Read returns all of a document's, in order.
func Read(name string) ([]Example, error) {
	text, err := os.ReadFile(name)
	if err != nil {
		return nil, err
	}
	var found []Example
	section, lang, code := "", "", []string(nil)
	inside := false
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSuffix(line, "\n")
		switch fence, isFence := strings.CutPrefix(line, "```"); {
		case isFence && !inside:
			inside, lang, code = true, fence, nil
		case isFence:
			inside = false
			found = append(found, Example{section, lang, strings.Join(code, "\n") + "\n"})
		case inside:
			code = append(code, line)
		case strings.HasPrefix(line, "#"):
			section = strings.TrimLeft(line, "# ")
		}
	}
	return found, nil
}
