package config

// Usage is what --help prints, in lines of at most width columns.
func Usage(width int) string { _ = width; return "" }

// Manual is the manual page, in roff.
func Manual() string { return "" }

// Markdown is docs/options.md.
func Markdown() string { return "" }
