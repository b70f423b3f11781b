package server

import (
	"slices"
	"sync"
	"time"
)

// Delivery is a delivery of a forge to the webhook receiver. The receiver limits the length of texts from strangers.
type Delivery struct {
	Time       time.Time `json:"time"`
	Forge      string    `json:"forge"`
	Event      string    `json:"event,omitempty"`
	Repository string    `json:"repository,omitempty"`
	Ref        string    `json:"ref,omitempty"`
	Outcome    string    `json:"outcome"`
	Reason     string    `json:"reason,omitempty"` // why it did not trigger a sync
	Sync       string    `json:"sync,omitempty"`   // the name of the sync that it triggered
	From       string    `json:"from,omitempty"`
}

// delivery is one kind of delivery: the newest one, and the number of them.
type delivery struct {
	Delivery
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

func (l *deliveries) add(d Delivery) {
	kind := func(d Delivery) Delivery { d.Time, d.From = time.Time{}, ""; return d }
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
