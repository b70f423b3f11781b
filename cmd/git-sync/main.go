// Command git-sync keeps a directory equal to a ref of a remote git repository.
//
// This package connects the others. It is the only one that uses the process: its arguments, environment, signals and
// exit code. The program is in run.go; each other file has one part of it.
package main

import "os"

func main() {
	os.Exit(run(process{args: os.Args[1:], environ: os.Environ(), stdin: os.Stdin, stdout: os.Stdout, stderr: os.Stderr}))
}
