// Package secret has the type of all secrets in options. Secrets cannot be printed by mistake.
package secret

import (
	"fmt"
	"io"
)

// Redacted is printed instead of a secret.
const Redacted = "REDACTED"

// Text is a secret: formatting and encoding give REDACTED, or nothing if it is empty. Only Reveal returns its value.
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
	_, _ = io.WriteString(f, t.String()) // a fmt.State does not return errors
}

// MarshalText implements encoding.TextMarshaler, which encoding/json uses too.
func (t Text) MarshalText() ([]byte, error) { return []byte(t.String()), nil }
