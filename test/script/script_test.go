package script_test

import (
	"os"
	"path/filepath"
	"testing"

	"git-sync/test/harness"
	"git-sync/test/script"
)

// TestScripts runs the scripts with git-sync first in the PATH.
func TestScripts(t *testing.T) {
	t.Setenv("PATH", filepath.Dir(harness.Binary(t))+string(os.PathListSeparator)+os.Getenv("PATH"))
	script.Run(t, ".")
}
