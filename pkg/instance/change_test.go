package instance

import (
	"context"
	"testing"

	"git-sync/pkg/config"
	"git-sync/pkg/logging"
)

// TestChangeWhileStopping: a change that the end of the process interrupts opens nothing more, which nobody would close.
func TestChangeWhileStopping(t *testing.T) {
	g := Group{Log: logging.New(t.Output(), logging.Options{})}
	g.Open = func(s config.Sync) *Instance {
		t.Errorf("%s was opened", s.Name)
		return nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	g.change(ctx, []config.Sync{{Name: "late"}}, func() {})
}
