// Command rootfs lays out the file system of the container image: git-sync, the programs of Debian's that it runs, the
// shared libraries that those need, and nothing else.
//
//	rootfs -sysroot /sysroot -git-sync /git-sync -out /rootfs [-lfs] [-base /other/rootfs]
//
// The sysroot is what build/sysroot.sh unpacked. Nothing of it is run: libraries are found by reading the programs' own
// dynamic sections, so an image for another architecture is made on any machine. What is copied is decided by the table in
// [programs] alone. Beside the files, the image gets what Debian says of the packages they come from (var/lib/dpkg/status.d,
// where scanners look), their licences, and a bill of materials (SPDX 2.3) that lists these packages and the Go modules
// within the binary.
package main

import (
	"flag"
	"log"
)

func main() {
	log.SetFlags(0)
	log.SetPrefix("rootfs: ")
	var o options
	flag.StringVar(&o.sysroot, "sysroot", "", "where build/sysroot.sh unpacked the packages")
	flag.StringVar(&o.binary, "git-sync", "", "the git-sync binary")
	flag.StringVar(&o.out, "out", "", "where to write; must not exist")
	flag.StringVar(&o.base, "base", "", "leave out what is already in this one")
	flag.BoolVar(&o.lfs, "lfs", false, "with git-lfs")
	flag.StringVar(&o.version, "version", "unknown", "version of git-sync, for the bill of materials")
	flag.StringVar(&o.epoch, "epoch", "", "SOURCE_DATE_EPOCH: the time of the bill of materials, in seconds since 1970")
	flag.Parse()
	if o.sysroot == "" || o.binary == "" || o.out == "" || flag.NArg() > 0 {
		log.Fatal("-sysroot, -git-sync and -out are required, and nothing else")
	}
	if err := build(o); err != nil {
		log.Fatal(err)
	}
}
