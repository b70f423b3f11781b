package store

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"

	"git-sync/pkg/git"
	"git-sync/pkg/repo/internal/disk"
)

// pinsName is where a store remembers what its published tags held.
const pinsName = "pins.json"

// pins returns, by tag, what the published ones held. It fails when that cannot
// be read: a tag that is not known to be pinned could move.
func (st *Store) pins() (map[string]string, error) {
	data, err := os.ReadFile(st.Own(pinsName))
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("reading the pinned tags: %w", err)
	}
	var pins map[string]string
	if json.Unmarshal(data, &pins) != nil || pins == nil {
		pins = map[string]string{} // absent, or not written whole: nothing is pinned yet
	}
	return pins, nil
}

func (st *Store) savePins(pins map[string]string) error {
	if len(pins) == 0 {
		return nil
	}
	if err := st.ReplaceJSON(st.Own(pinsName), pins); err != nil {
		return err
	}
	return disk.Flush(st.Dir()) // a pin that a power cut takes would let a tag move
}

var errTagMoved = errors.New("the tag has moved")

// CheckPin refuses a tag that held something else than oid when it was published.
func (st *Store) CheckPin(tag, oid string) error {
	pins, err := st.pins()
	if err != nil {
		return err
	}
	if was, ok := pins[tag]; ok && was != oid {
		return &git.Error{
			Op: "ls-remote", Kind: git.KindRefused, Err: fmt.Errorf("%w: %s was published as %s and is now %s", errTagMoved, tag, was, oid),
			Hinted: "put the tag back, make a new one, or drop --ref-pinned to follow it",
		}
	}
	return nil
}

// Pin remembers what a tag held that was published.
func (st *Store) Pin(tag, oid string) error {
	pins, err := st.pins()
	if err != nil || pins[tag] == oid {
		return err
	}
	pins[tag] = oid
	return st.savePins(pins)
}
