package repo

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/advice"
	"git-sync/pkg/git"
	"git-sync/test/signing"
)

func TestVerify(t *testing.T) {
	for kind, make := range map[string]func(testing.TB) signing.Signer{"ssh": signing.SSH, "pgp": signing.PGP} {
		trust := func(o *Options, s signing.Signer) {
			o.Trust = git.Trust{}
			if kind == "ssh" {
				o.Trust.AllowedSigners = s.Public
			} else {
				o.Trust.Keyring = s.Public
			}
		}
		refused := func(t *testing.T, f *fixture, last string) {
			t.Helper()
			_, err := f.try()
			if !errors.Is(err, errUnverified) || advice.Hint(err) == "" {
				t.Fatalf("not refused: %v", err)
			}
			if last != "" {
				f.published(last)
			}
		}
		t.Run(kind+" commits", func(t *testing.T) {
			listed, stranger := make(t), make(t)
			f := newFixture(t, func(o *Options) {
				o.Verify = VerifyCommit
				trust(o, listed)
				// Longer than the name of a socket may be.
				o.Root = filepath.Join(o.Root, strings.Repeat("r", 120))
			})
			f.up.Commit(map[string]string{"a": "unsigned"})
			refused(t, f, "")
			good := listed.Commit(f.up, map[string]string{"a": "1"})
			f.sync(good)
			f.up.Commit(map[string]string{"a": "unsigned"})
			refused(t, f, good)
			stranger.Commit(f.up, map[string]string{"a": "by somebody else"})
			refused(t, f, good)
			if f.repo.Stats().Unverified != 3 {
				t.Errorf("Stats().Unverified = %d, want 3", f.repo.Stats().Unverified)
			}
			again := listed.Commit(f.up, map[string]string{"a": "2"})
			f.sync(again)
			if tree := f.sync(again); tree.New {
				t.Error("an unchanged remote gives a new tree")
			}
			// A root that was published without verifying is checked as well.
			if err := f.restart(func(o *Options) { trust(o, stranger) }); err != nil {
				t.Fatal(err)
			}
			refused(t, f, again)
			if err := f.restart(func(o *Options) { o.Trust = git.Trust{AllowedSigners: "/nope"} }); err != nil {
				t.Fatal(err)
			}
			if _, err := f.try(); !strings.Contains(advice.Hint(err), "mount the file") {
				t.Errorf("%v; hint: %s", err, advice.Hint(err))
			}
		})
		t.Run(kind+" tags", func(t *testing.T) {
			listed := make(t)
			f := newFixture(t, func(o *Options) { o.Verify, o.Ref = VerifyTag, "v1"; trust(o, listed) })
			first := f.up.Commit(map[string]string{"a": "1"})
			f.up.Tag("v1", first)
			refused(t, f, "")
			f.up.AnnotatedTag("v1", first)
			refused(t, f, "")
			listed.Tag(f.up, "v1", first)
			f.sync(first)
			if err := f.restart(func(o *Options) { o.Verify = VerifyAny }); err != nil {
				t.Fatal(err)
			}
			f.sync(first)
			f.up.Tag("v1", listed.Commit(f.up, map[string]string{"a": "2"}))
			f.sync(f.up.Rev("refs/tags/v1"))
		})
	}
}

// TestSignersFileWithoutAddress: a .pub file is not a file of allowed signers, though it looks like one.
func TestSignersFileWithoutAddress(t *testing.T) {
	signer := signing.SSH(t)
	f := newFixture(t, func(o *Options) { o.Verify, o.Trust = VerifyCommit, git.Trust{AllowedSigners: signer.Key} })
	f.up.Commit(map[string]string{"a": "1"})
	signer.Commit(f.up, map[string]string{"a": "2"})
	f.explains("has no good signature: "+signer.Key+":1 is not 'EMAIL KEYTYPE KEY'", "hint: write an e-mail address before the key")
}
