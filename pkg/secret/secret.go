// Package secret has the type of every secret in options: it does not print.
package secret

import (
	"fmt"
	"io"
)

// Redacted is what is printed in place of a secret.
const Redacted = "REDACTED"

// Text is a secret: whatever formats or encodes it gets REDACTED, or nothing if
// it is empty. Reveal is the only way to its value.
type Text string

// Reveal returns the secret.
func (t Text) Reveal() string { return string(t) }

// String implements fmt.Stringer.
func (t Text) String() string {
	if t == "" {
		return ""
	}
	return Redacted
}

// Format implements fmt.Formatter, so that no verb prints it.
func (t Text) Format(f fmt.State, _ rune) {
	_, _ = io.WriteString(f, t.String()) // a fmt.State does not fail
}

// MarshalText implements encoding.TextMarshaler, and so JSON's as well.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
