package repo

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// Publish flips the link to t, which Prepare returned, and returns t as it is
// published: where a tree of the same commit was published, only now t has its
// final path. The rename of the new link over the old one, or the exchange of
// the two trees, is the commit point: before it the old tree is published,
// after it the new one.
func (r *Repo) Publish(ctx context.Context, t Tree) (Tree, error) {
	if t.rel == "" {
		return t, errNotPrepared
	}
	if err := ctx.Err(); err != nil {
		return t, err
	}
	if err := r.work.enter(ctx, "publication"); err != nil {
		return t, err
	}
	defer r.work.Unlock()
	if !r.holds() {
		return t, fmt.Errorf("publishing: %w", errReplaced)
	}
	old, _, had := r.published()
	if err := r.noteIn(t); err != nil {
		return t, fmt.Errorf("publishing: %w", err)
	}
	if err := r.settle(&t); err != nil {
		return t, err
	}
	r.prepared = t.rel // settle may have given it another name than Prepare
	if err := r.flip(t.Path); err != nil {
		return t, err
	}
	if had && old != t.rel {
		if err := r.noteOut(old, r.opts.Now()); err != nil {
			r.log.Error(err, "remembering when a tree was replaced")
		}
	}
	r.observe(t.Ref)
	r.unflushed, r.tidied = true, !had && r.pure()
	if err := r.pin(t); err != nil {
		r.log.Error(err, "remembering where the tag is")
	}
	r.dropFormerLink()
	return t, nil
}

// dropFormerLink is unlinkFormer, the failure of which is no failure of the
// sync: it is tried again.
func (r *Repo) dropFormerLink() {
	if err := r.unlinkFormer(); err != nil {
		r.log.Error(err, "removing the link that was published before --link was changed")
	}
}

// linkName is the name of the published link in a store's marker: relative to
// the root where it is below it, for the volume may be mounted elsewhere next
// time.
func (r *Repo) linkName() string {
	if rel, err := filepath.Rel(r.root, r.link); err == nil && filepath.IsLocal(rel) {
		return rel
	}
	return r.link
}

// unlinkFormer removes the link that was published before the option for it
// was changed: its tree is about to go, and it would lead nowhere. The marker
// forgets it last, so that a crash leaves no link that nobody knows of.
func (r *Repo) unlinkFormer() error {
	name := r.linkName()
	former, meta := r.store.meta.Link, r.store.meta
	if former == name {
		return nil
	}
	if former != "" {
		if err := r.removeLink(former); err != nil {
			return err
		}
	}
	meta.Link = name
	return r.store.save(meta)
}

// removeLink removes a link of ours, named as the marker has it.
func (r *Repo) removeLink(name string) error {
	if !filepath.IsAbs(name) {
		name = filepath.Join(r.root, name)
	}
	// An empty target, of what is gone or no link, is not one of ours.
	target, _ := os.Readlink(name)
	if _, ok := hashOfTarget(target); !ok || !r.leadsHere(name, target) {
		return nil
	}
	return remove(name)
}

// leadsHere reports whether the link called name leads into the root: a link
// outside of it may by now be that of another root, of which ours is a copy.
func (r *Repo) leadsHere(name, target string) bool {
	dir, err := filepath.EvalSymlinks(filepath.Dir(name))
	if err != nil {
		return false
	}
	if !filepath.IsAbs(target) {
		target = filepath.Join(dir, target)
	}
	rel, err := filepath.Rel(r.root, target)
	return err == nil && filepath.IsLocal(rel)
}

// settle gives a tree its final place where a published tree of the same
// commit had it.
func (r *Repo) settle(t *Tree) error {
	final := filepath.Join(r.root, t.rel)
	if t.Path == final {
		return nil
	}
	err := r.swap(t.Path, final)
	if errors.Is(err, errors.ErrUnsupported) {
		return r.settleBeside(t)
	}
	if err != nil {
		return fmt.Errorf("exchanging the damaged tree for the new one: %w", err)
	}
	replaced := t.Path
	t.Path = final
	if err := r.discard(replaced); err != nil {
		r.log.Error(err, "removing the tree that was replaced") // the new one is published already
	}
	return nil
}

// settleBeside gives a tree the next free name beside the published tree of
// the same commit, and tells git where it is now.
func (r *Repo) settleBeside(t *Tree) error {
	for n := 2; ; n++ {
		rel := r.opts.Layout.treeRel(t.Hash) + "." + strconv.Itoa(n)
		final := filepath.Join(r.root, rel)
		if exists(final) {
			continue
		}
		t.rec.Place, t.rel = rel, rel
		if err := errors.Join(r.pointBack(t.rec), saveRecord(r.store, t.rec)); err != nil {
			return err
		}
		r.records[t.rec.id] = t.rec
		if err := os.Rename(t.Path, final); err != nil {
			return fmt.Errorf("putting the new tree in place: %w", err)
		}
		t.Path = final
		return nil
	}
}

// flip makes the link point to dir. The name of the new link is unique, so
// that nothing left behind can stand in its way.
func (r *Repo) flip(dir string) error {
	target, err := filepath.Rel(filepath.Dir(r.link), dir)
	if err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	if now, err := os.Readlink(r.link); err == nil && now == target {
		return nil
	}
	if err := r.checkLink(); err != nil {
		return err
	}
	tmp := filepath.Join(filepath.Dir(r.link), linkPrefix+unique())
	if err := os.Symlink(target, tmp); err != nil {
		return fmt.Errorf("publishing: %w", err)
	}
	if err := os.Rename(tmp, r.link); err != nil {
		return errors.Join(fmt.Errorf("publishing: %w", err), remove(tmp))
	}
	return nil
}

// healLinks removes the temporary links of interrupted publications.
func (r *Repo) healLinks() error {
	dir := filepath.Dir(r.link)
	entries, err := os.ReadDir(dir)
	if err != nil {
		return fmt.Errorf("looking for leftovers: %w", err)
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), linkPrefix) && e.Type()&os.ModeSymlink != 0 {
			err = errors.Join(err, remove(filepath.Join(dir, e.Name())))
		}
	}
	return err
}
