package main

import (
	"bytes"
	"debug/elf"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// options says what to lay out.
type options struct {
	sysroot, binary, out, base, version, epoch string

	lfs bool
}

// programs is what the image has of Debian's, with the reason for each.
func programs() []string {
	return []string{
		"usr/bin/git",
		"usr/lib/git-core/git-remote-http",  // http
		"usr/lib/git-core/git-remote-https", // a link to it
		"usr/bin/git-upload-pack",           // a repository on a mounted volume is served by this one
		"usr/bin/ssh",
		"usr/bin/ssh-keygen", // --verify-allowed-signers
		"usr/bin/gpg",        // --verify-keyring
		"usr/bin/gpgv",
		"usr/bin/dash", // docs/decisions/0005: git's local transport and its filters, hooks of users
		"usr/bin/sh",
		"usr/lib/*/libnss_wrapper.so*", // a name for a UID without one, for ssh
		// working-tree-encoding (gitattributes(5)) in what people use.
		"usr/lib/*/gconv/gconv-modules",
		"usr/lib/*/gconv/gconv-modules.d",
		"usr/lib/*/gconv/UTF-16.so", "usr/lib/*/gconv/UTF-32.so", "usr/lib/*/gconv/UTF-7.so", "usr/lib/*/gconv/UNICODE.so",
		"usr/lib/*/gconv/ISO8859-1.so", "usr/lib/*/gconv/ISO8859-15.so", "usr/lib/*/gconv/CP1252.so",
	}
}

// lfsProgram is what the second flavour has more.
const lfsProgram = "usr/bin/git-lfs"

// accounts are the users whom programs can look up. Any other UID works too.
const (
	passwd = "root:x:0:0:root:/tmp:/bin/false\n" +
		"git-sync:x:65533:65533:git-sync:/tmp:/bin/false\n" +
		"nobody:x:65534:65534:nobody:/tmp:/bin/false\n"
	group    = "root:x:0:\ngit-sync:x:65533:\nnogroup:x:65534:\n"
	nsswitch = "passwd: files\ngroup: files\nhosts: files dns\n"
)

// staging is an image in the making.
type staging struct {
	options
	staged []string // paths of Debian's files, without leading slash, links resolved away from their directory
}

// build lays the image out.
func build(o options) error {
	if _, err := os.Lstat(o.out); !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("%s is in the way: %w", o.out, fs.ErrExist)
	}
	s := &staging{options: o}
	for _, step := range []func() error{s.skeleton, s.copyPrograms, s.certificates, s.provenance, s.refuseSetuid, s.subtractBase} {
		if err := step(); err != nil {
			return err
		}
	}
	return nil
}

// skeleton makes directories, links and the few files that are nobody's.
func (s *staging) skeleton() error {
	for _, dir := range []string{"bin", "lib", "lib64"} {
		if err := os.MkdirAll(filepath.Join(s.out, "usr", dir), 0o755); err != nil {
			return err
		}
		if err := os.Symlink("usr/"+dir, filepath.Join(s.out, dir)); err != nil {
			return err
		}
	}
	content, err := os.ReadFile(s.binary)
	if err != nil {
		return err
	}
	if err := s.write("git-sync", content, 0o755); err != nil {
		return err
	}
	for name, content := range map[string]string{"etc/passwd": passwd, "etc/group": group, "etc/nsswitch.conf": nsswitch} {
		if err := s.write(name, []byte(content), 0o644); err != nil {
			return err
		}
	}
	return nil
}

// write makes one file.
func (s *staging) write(name string, content []byte, mode fs.FileMode) error {
	path := filepath.Join(s.out, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	if err := os.WriteFile(path, content, mode); err != nil {
		return err
	}
	return os.Chmod(path, mode) // whatever the umask is
}

// copyPrograms copies the table's files and their libraries.
func (s *staging) copyPrograms() error {
	patterns := programs()
	if s.lfs {
		patterns = append(patterns, lfsProgram)
	}
	for _, pattern := range patterns {
		found, err := filepath.Glob(filepath.Join(s.sysroot, pattern))
		if err != nil {
			return err
		}
		if len(found) == 0 {
			return fmt.Errorf("%s: not in the sysroot: %w", pattern, fs.ErrNotExist)
		}
		for _, path := range found {
			rel, err := filepath.Rel(s.sysroot, path)
			if err != nil {
				return err
			}
			if err := s.take(rel); err != nil {
				return fmt.Errorf("%s: %w", rel, err)
			}
		}
	}
	return nil
}

// take copies a file, directory or link, what a link leads to, and the libraries that a program needs.
func (s *staging) take(rel string) error {
	rel = s.real(rel)
	if slices.Contains(s.staged, rel) {
		return nil
	}
	src := filepath.Join(s.sysroot, rel)
	info, err := os.Lstat(src)
	if err != nil {
		return err
	}
	switch {
	case info.IsDir():
		entries, err := os.ReadDir(src)
		if err != nil {
			return err
		}
		for _, e := range entries {
			if err := s.take(filepath.Join(rel, e.Name())); err != nil {
				return err
			}
		}
		return nil
	case info.Mode()&fs.ModeSymlink != 0:
		return s.takeLink(rel)
	}
	content, err := os.ReadFile(src)
	if err != nil {
		return err
	}
	s.staged = append(s.staged, rel)
	if err := s.write(rel, content, info.Mode().Perm()); err != nil {
		return err
	}
	return s.takeLibraries(content)
}

func (s *staging) takeLink(rel string) error {
	target, err := os.Readlink(filepath.Join(s.sysroot, rel))
	if err != nil {
		return err
	}
	s.staged = append(s.staged, rel)
	dst := filepath.Join(s.out, rel)
	if err := os.MkdirAll(filepath.Dir(dst), 0o755); err != nil {
		return err
	}
	if err := os.Symlink(target, dst); err != nil {
		return err
	}
	if filepath.IsAbs(target) {
		return s.take(strings.TrimPrefix(target, "/"))
	}
	return s.take(filepath.Join(filepath.Dir(rel), target))
}

// real writes a path of before the merger of /bin and /lib into /usr as it is now.
func (s *staging) real(rel string) string {
	rel = filepath.Clean(strings.TrimPrefix(rel, "/"))
	first, _, _ := strings.Cut(rel, "/")
	if slices.Contains([]string{"bin", "sbin", "lib", "lib64"}, first) {
		return "usr/" + rel
	}
	return rel
}

// takeLibraries copies what a program or library needs, its dynamic linker included.
func (s *staging) takeLibraries(content []byte) error {
	if !bytes.HasPrefix(content, []byte(elf.ELFMAG)) {
		return nil
	}
	f, err := elf.NewFile(bytes.NewReader(content))
	if err != nil {
		return err
	}
	needed, err := f.ImportedLibraries()
	if err != nil {
		return fmt.Errorf("reading the needed libraries: %w", err)
	}
	if err := s.takeLinker(f); err != nil {
		return err
	}
	for _, name := range needed {
		found, err := filepath.Glob(filepath.Join(s.sysroot, "usr/lib/*", name))
		if err != nil {
			return err
		}
		if len(found) != 1 {
			return fmt.Errorf("library %s: found %d times: %w", name, len(found), fs.ErrNotExist)
		}
		rel, err := filepath.Rel(s.sysroot, found[0])
		if err != nil {
			return err
		}
		if err := s.take(rel); err != nil {
			return err
		}
	}
	return nil
}

// takeLinker copies the dynamic linker that a program names.
func (s *staging) takeLinker(f *elf.File) error {
	for _, p := range f.Progs {
		if p.Type != elf.PT_INTERP {
			continue
		}
		b := make([]byte, p.Filesz)
		if _, err := p.ReadAt(b, 0); err != nil {
			return fmt.Errorf("reading the dynamic linker's name: %w", err)
		}
		if err := s.take(strings.TrimRight(string(b), "\x00")); err != nil {
			return err
		}
	}
	return nil
}

// certificates writes the bundle of the authorities that Debian trusts, as update-ca-certificates does.
func (s *staging) certificates() error {
	const from = "usr/share/ca-certificates/mozilla"
	files, err := filepath.Glob(filepath.Join(s.sysroot, from, "*.crt"))
	if err != nil {
		return err
	}
	if len(files) == 0 {
		return fmt.Errorf("%s: no certificates: %w", from, fs.ErrNotExist)
	}
	var bundle bytes.Buffer
	for _, file := range files {
		pem, err := os.ReadFile(file)
		if err != nil {
			return err
		}
		bundle.Write(append(bytes.TrimRight(pem, "\n"), '\n'))
		s.staged = append(s.staged, filepath.Join(from, filepath.Base(file)))
	}
	return s.write("etc/ssl/certs/ca-certificates.crt", bundle.Bytes(), 0o644)
}

// refuseSetuid makes sure that nothing in the image lends its owner's rights, or can be changed by everybody.
func (s *staging) refuseSetuid() error {
	return filepath.WalkDir(s.out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.Type()&fs.ModeSymlink != 0 {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		if info.Mode()&(fs.ModeSetuid|fs.ModeSetgid) != 0 || info.Mode().Perm()&0o022 != 0 {
			return fmt.Errorf("%s has mode %v: %w", path, info.Mode(), fs.ErrPermission)
		}
		return nil
	})
}

// subtractBase removes the files that the base has just the same.
func (s *staging) subtractBase() error {
	if s.base == "" {
		return nil
	}
	return filepath.WalkDir(s.out, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		rel, err := filepath.Rel(s.out, path)
		if err != nil {
			return err
		}
		if same(path, filepath.Join(s.base, rel)) {
			return os.Remove(path)
		}
		return nil
	})
}

// same reports whether two paths are equal files or equal links.
func same(a, b string) bool {
	target, errA := os.Readlink(a)
	other, errB := os.Readlink(b)
	if errA == nil || errB == nil {
		return errA == nil && errB == nil && target == other
	}
	x, errA := os.ReadFile(a)
	y, errB := os.ReadFile(b)
	return errA == nil && errB == nil && bytes.Equal(x, y)
}
