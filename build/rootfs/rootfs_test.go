package main

import (
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// sysroot makes one with every program of the table, each a small script of one package, so that no library is needed.
func sysroot(t *testing.T) options {
	t.Helper()
	dir := t.TempDir()
	var list strings.Builder
	put := func(rel, content string, mode fs.FileMode) {
		path := filepath.Join(dir, "sysroot", rel)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), mode); err != nil {
			t.Fatal(err)
		}
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		list.WriteString("./" + rel + "\n")
	}
	for _, pattern := range append(programs(), lfsProgram) {
		put(strings.TrimSuffix(strings.ReplaceAll(pattern, "/*/", "/x86_64-linux-gnu/"), "*"), "#!/bin/sh\n", 0o755)
	}
	put("usr/share/ca-certificates/mozilla/A.crt", "one\n\n", 0o644)
	put("usr/share/ca-certificates/mozilla/B_ő.crt", "two", 0o644)
	put("usr/share/doc/all/copyright", "free\n", 0o644)
	put("packages/all/control", "Package: all\nVersion: 1:2+b1\nArchitecture: amd64\nSource: whole (3)\n", 0o644)
	put("packages/all/list", list.String(), 0o644)

	binary := filepath.Join(dir, "git-sync")
	source := filepath.Join(dir, "main.go")
	if err := os.WriteFile(source, []byte("package main\nfunc main() {}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("go", "build", "-buildvcs=false", "-o", binary, source).CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return options{sysroot: filepath.Join(dir, "sysroot"), binary: binary, out: filepath.Join(dir, "out"), version: "v1", epoch: "86400"}
}

func read(t *testing.T, path ...string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

func TestBuild(t *testing.T) {
	t.Parallel()
	o := sysroot(t)
	if err := os.Chmod(filepath.Join(o.sysroot, "usr/bin/ssh"), 0o755|fs.ModeSetuid|fs.ModeSetgid); err != nil {
		t.Fatal(err)
	}
	if err := build(o); err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Join(o.out, "usr/bin/ssh")); err != nil || info.Mode() != 0o755 {
		t.Errorf("what was setuid has mode %v, %v", info.Mode(), err)
	}
	if got, want := read(t, o.out, "etc/ssl/certs/ca-certificates.crt"), "one\ntwo\n"; got != want {
		t.Errorf("the certificates are %q, should be %q", got, want)
	}
	if target, err := os.Readlink(filepath.Join(o.out, "bin")); err != nil || target != "usr/bin" {
		t.Errorf("/bin leads to %q, %v", target, err)
	}
	if _, err := os.Stat(filepath.Join(o.out, "usr/bin/git-lfs")); !os.IsNotExist(err) {
		t.Errorf("git-lfs is in the first flavour: %v", err)
	}
	var bill spdxDocument
	if err := json.Unmarshal([]byte(read(t, o.out, "usr/share/sbom/git-sync.spdx.json")), &bill); err != nil {
		t.Fatal(err)
	}
	if bill.Creation.Created != "1970-01-02T00:00:00Z" {
		t.Errorf("made at %s", bill.Creation.Created)
	}
	last := bill.Packages[len(bill.Packages)-1]
	if last.External[0].Locator != "pkg:deb/debian/all@1%3A2%2Bb1?arch=amd64" || !strings.Contains(last.Source, "source package whole") {
		t.Errorf("the package is listed as %+v", last)
	}

	lfs := o
	lfs.lfs, lfs.base, lfs.out = true, o.out, o.out+"-lfs"
	if err := build(lfs); err != nil {
		t.Fatal(err)
	}
	read(t, lfs.out, "usr/bin/git-lfs")
	if _, err := os.Stat(filepath.Join(lfs.out, "usr/bin/git")); !os.IsNotExist(err) {
		t.Errorf("git is there twice: %v", err)
	}
	if err := build(o); err == nil {
		t.Error("overwrote what was there")
	}
}

func TestBuildRefuses(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(o options) error{
		"a writable program":  func(o options) error { return os.Chmod(filepath.Join(o.sysroot, "usr/bin/ssh"), 0o777) },
		"a missing program":   func(o options) error { return os.Remove(filepath.Join(o.sysroot, "usr/bin/ssh")) },
		"a missing licence":   func(o options) error { return os.Remove(filepath.Join(o.sysroot, "usr/share/doc/all/copyright")) },
		"a file of no origin": func(o options) error { return os.WriteFile(filepath.Join(o.sysroot, "packages/all/list"), nil, 0o600) },
		"no certificates":     func(o options) error { return os.RemoveAll(filepath.Join(o.sysroot, "usr/share/ca-certificates")) },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := sysroot(t)
			if err := spoil(o); err != nil {
				t.Fatal(err)
			}
			if err := build(o); err == nil {
				t.Error("accepted")
			}
		})
	}
}
