package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"git-sync/pkg/config"
)

// TestExampleFiles: the other files in the documents and in the examples are valid.
func TestExampleFiles(t *testing.T) {
	for path, from := range map[string]string{
		"../../docs/many-repositories.md": "```yaml\n# teams.yaml\n", "../../examples/many-repositories.yaml": "  sync.yaml: |\n",
	} {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		_, file, _ := strings.Cut(string(text), from)
		file, _, _ = strings.Cut(file, "```")
		file, _, _ = strings.Cut(file, "---\n")
		cfg, warnings, err := config.ParseFile([]string{"--config=sync.yaml", "--root=/git"}, nil, []byte(file))
		if err != nil || len(warnings) > 0 || len(cfg.Syncs) < 2 {
			t.Errorf("%s: %v, %v, %d syncs", path, err, warnings, len(cfg.Syncs))
		}
	}
}

// TestDocumentedFile: the file in docs/many-repositories.md is valid.
func TestDocumentedFile(t *testing.T) {
	page, err := os.ReadFile("../../docs/many-repositories.md")
	if err != nil {
		t.Fatal(err)
	}
	_, file, _ := strings.Cut(string(page), "```yaml\n# sync.yaml\n")
	file, _, _ = strings.Cut(file, "```")
	path := filepath.Join(t.TempDir(), "sync.yaml")
	cfg, warnings, err := config.ParseFile([]string{"--config=" + path, "--root=/git", "--link=current"}, nil, []byte(file))
	if err != nil || len(warnings) > 0 || len(cfg.Syncs) != 3 || cfg.Syncs[0].Root != "/git/dags" {
		t.Errorf("%v, %v, %+v", err, warnings, cfg.Syncs)
	}
	for more, unlimited := range map[string]bool{"--add-user": true, "--max-failures=3": false, "--one-time": false} {
		cfg, _, err := config.ParseFile([]string{"--config=" + path, "--root=/git", "--link=current", more}, nil, []byte(file))
		if err != nil {
			t.Fatal(err)
		}
		if s := cfg.Syncs[0]; s.Loop.Budget.Unlimited != unlimited || s.Loop.InitBudget != nil {
			t.Errorf("%s: budgets %+v, %+v", more, s.Loop.Budget, s.Loop.InitBudget)
		}
	}
}
