package repo

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"slices"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/remote"
)

// pinsName is where a store remembers what its published tags held.
const pinsName = "pins.json"

// pins returns, by tag, what the published ones held. It fails when that cannot
// be read: a tag that is not known to be pinned could move.
func (st store) pins() (map[string]string, error) {
	data, err := os.ReadFile(st.own(pinsName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the pinned tags: %w", err)
	}
	var pins map[string]string
	if json.Unmarshal(data, &pins) != nil || pins == nil {
		pins = map[string]string{} // absent, or not written whole: nothing is pinned yet
	}
	return pins, nil
}

func (st store) savePins(pins map[string]string) error {
	if len(pins) == 0 {
		return nil
	}
	if err := writeJSON(st.own(pinsName), pins, 0o666); err != nil {
		return err
	}
	return flush(st.dir) // a pin that a power cut takes would let a tag move
}

var errTagMoved = errors.New("the tag has moved")

// checkPin refuses a tag that has moved since it was published, with
// --ref-pinned.
func (s session) checkPin(t remote.Target) error {
	if !s.opts.RefPinned || !t.IsTag() {
		return nil
	}
	pins, err := s.store.pins()
	if err != nil {
		return err
	}
	if was, ok := pins[t.Name]; ok && was != t.OID {
		return &git.Error{
			Op: "ls-remote", Kind: git.KindRefused, Err: fmt.Errorf("%w: %s was published as %s and is now %s", errTagMoved, t.Name, was, t.OID),
			Hinted: "put the tag back, make a new one, or drop --ref-pinned to follow it",
		}
	}
	return nil
}

// pin remembers what the tag held that t was published for.
func (r *Repo) pin(t Tree) error {
	if !r.opts.RefPinned || !(remote.Target{Name: t.Ref}).IsTag() || t.oid == "" {
		return nil
	}
	pins, err := r.store.pins()
	if err != nil || pins[t.Ref] == t.oid {
		return err
	}
	pins[t.Ref] = t.oid
	if len(pins) > maxPins {
		for _, name := range slices.Sorted(maps.Keys(pins))[:len(pins)-maxPins] {
			if name != t.Ref {
				delete(pins, name)
			}
		}
	}
	return r.store.savePins(pins)
}

// maxPins bounds the tags remembered; a root sees one for each release.
const maxPins = 10000
