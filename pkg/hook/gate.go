package hook

import "context"

// Gate runs a hook that decides whether a revision may be published. It adds the Report to its Runner; how often a
// revision is asked about, and what a refusal means for the schedule, is the caller's knowledge.
type Gate struct {
	runner Runner
	ledger *ledger
}

// NewGate makes a gate of a hook.
func NewGate(r Runner) *Gate { return &Gate{r, newLedger(r.Name())} }

// Check runs the hook once in the tree of the event and blocks until it is through: nil means that the revision may be
// published. When ctx has ended the error says nothing about the revision, and is not counted as a run.
func (g *Gate) Check(ctx context.Context, e Event) error {
	begun := g.ledger.begin()
	err := g.runner.Run(ctx, e)
	if err != nil && ctx.Err() != nil {
		g.ledger.abandon()
		return err
	}
	g.ledger.end(begun, e.Hash, err)
	return err
}

// Report returns what is known about the gate now.
func (g *Gate) Report() Report { return g.ledger.snapshot() }
