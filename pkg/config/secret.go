package config

import "git-sync/pkg/secret"

// Secret is the type of every secret in the configuration.
type Secret = secret.Text

const redacted = secret.Redacted
