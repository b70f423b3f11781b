package server

import (
	"slices"
	"sync"
	"time"

	"git-sync/pkg/receiver"
)

// delivery is one kind of delivery: the newest one, and the number of them.
type delivery struct {
	receiver.Delivery
	Count int `json:"count"`
}

// maxDeliveries limits the number of kinds that are kept. Strangers, whose deliveries are refused, cannot make that
// many kinds.
const maxDeliveries = 50

// deliveries are the newest ones. Those that differ only in time and sender are kept as one, so that a flood of one
// kind does not replace the others. Without a receiver, there is no list: it is nil.
type deliveries struct {
	mu   sync.Mutex
	kept []delivery // oldest first
}

func (l *deliveries) add(d receiver.Delivery) {
	kind := func(d receiver.Delivery) receiver.Delivery { d.Time, d.From = time.Time{}, ""; return d }
	l.mu.Lock()
	defer l.mu.Unlock()
	count := 1
	if i := slices.IndexFunc(l.kept, func(old delivery) bool { return kind(old.Delivery) == kind(d) }); i >= 0 {
		count += l.kept[i].Count
		l.kept = slices.Delete(l.kept, i, i+1)
	}
	l.kept = append(l.kept, delivery{d, count})
	l.kept = l.kept[max(len(l.kept)-maxDeliveries, 0):]
}

// list returns those that triggered the sync with that name, or all if the name is "".
func (l *deliveries) list(name string, scrub func(string) string) []delivery {
	if l == nil {
		return nil
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	out := []delivery{}
	for _, d := range l.kept {
		if name != "" && name != d.Sync {
			continue
		}
		for _, text := range []*string{&d.Event, &d.Repository, &d.Ref, &d.Reason} {
			*text = scrub(*text)
		}
		d.Time = d.Time.UTC()
		out = append(out, d)
	}
	return out
}
