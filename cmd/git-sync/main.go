// Command git-sync keeps a directory equal to a ref of a remote git repository.
package main

func main() {}
