// Command git-sync keeps a directory equal to a ref of a remote git repository.
//
// This package wires the others together and is the only one that knows the process: its arguments, environment, signals
// and exit code. What it does is in run.go; each other file is one concern of it.
package main

import "os"

func main() {
	os.Exit(run(process{args: os.Args[1:], environ: os.Environ(), stdout: os.Stdout, stderr: os.Stderr}))
}
