package index

import (
	"bytes"
	"strings"
	"testing"
)

func FuzzIndex(f *testing.F) {
	f.Add([]byte("DIRC\x00\x00\x00\x02\x00\x00\x02\x58"))
	f.Add([]byte("DIRC"))
	f.Add([]byte("DIRC\x00\x00\x00\x04\x00\x00\x00\x01" + strings.Repeat("0", 62) + "\x00a\x00TREE\x00\x00\x00\x00" + strings.Repeat("0", 20)))
	f.Fuzz(func(t *testing.T, index []byte) {
		for _, hash := range []int{20, 32} {
			n := 0
			err := each(index, hash, func(e Entry) error {
				if n++; bytes.IndexByte(e.Path, 0) >= 0 {
					t.Errorf("%q: the path %q", index, e.Path)
				}
				return nil
			})
			if err == nil && !bytes.HasPrefix(index, []byte("DIRC")) {
				t.Errorf("%q: %d entries", index, n)
			}
		}
	})
}
