package hook

import (
	"testing"

	"go.uber.org/goleak"
)

// TestMain: whatever a hook does, nothing of it goes on after its run.
func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }
