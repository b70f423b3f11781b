package config

import (
	"fmt"
	"io"
)

const redacted = "REDACTED"

// Secret is a text that does not print: whatever formats or encodes it gets REDACTED (or nothing when it is empty).
// Reveal is the one way to its value.
type Secret string

// Reveal is the text itself.
func (s Secret) Reveal() string { return string(s) }

// String implements fmt.Stringer.
func (s Secret) String() string {
	if s == "" {
		return ""
	}
	return redacted
}

// Format implements fmt.Formatter, so that no verb prints it.
func (s Secret) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, s.String()) // a fmt.State does not fail
}

// MarshalText implements encoding.TextMarshaler, and so JSON's as well.
func (s Secret) MarshalText() ([]byte, error) { return []byte(s.String()), nil }
