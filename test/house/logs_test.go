package house

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// TestLogReference: docs/logs.md lists every message that is logged at -v 0, with its level, and no other.
func TestLogReference(t *testing.T) {
	page, err := os.ReadFile("../../docs/logs.md")
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\| `([^`]+)` \\| (info|warn|error) \\|").FindAllStringSubmatch(string(page), -1) {
		documented[m[2]+": "+m[1]] = true
	}
	logged := map[string]bool{}
	for _, dir := range []string{"../../cmd", "../../pkg"} {
		err := filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
			if err == nil && filepath.Dir(path) != "../../pkg/git" /* its messages are of level 5 and 6 */ && strings.HasSuffix(path, ".go") && !strings.HasSuffix(path, "_test.go") {
				for _, msg := range messages(t, path) {
					logged[msg] = true
				}
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(logged) < 40 {
		t.Errorf("only %d messages found in the code", len(logged))
	}
	for _, msg := range slices.Sorted(maps.Keys(logged)) {
		if !documented[msg] {
			t.Errorf("docs/logs.md lacks %s", msg)
		}
	}
	for _, msg := range slices.Sorted(maps.Keys(documented)) {
		if !logged[msg] {
			t.Errorf("docs/logs.md has %s, which is not logged at -v 0", msg)
		}
	}
}

// messages are the constant messages that a file logs at -v 0, after their level.
func messages(t *testing.T, path string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var all []string
	ast.Inspect(file, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return true
		}
		sel, ok := call.Fun.(*ast.SelectorExpr)
		if !ok || verbose(sel.X) {
			return true
		}
		level, position := "", 0
		switch sel.Sel.Name {
		case "Info":
			level = "info"
		case "Warn", "warn", "warnUseless":
			level = "warn"
		case "Error":
			level, position = "error", 1
		}
		if x, _ := sel.X.(*ast.Ident); level == "" || len(call.Args) <= position || x != nil && x.Name == "http" {
			return true
		}
		if lit, ok := call.Args[position].(*ast.BasicLit); ok && lit.Kind == token.STRING {
			msg, err := strconv.Unquote(lit.Value)
			if err != nil {
				t.Fatal(err)
			}
			all = append(all, level+": "+msg)
		}
		return true
	})
	return all
}

// verbose says whether a logger is one of a level above 0.
func verbose(logger ast.Expr) bool {
	found := false
	ast.Inspect(logger, func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		if !ok || len(call.Args) != 1 {
			return true
		}
		sel, isMethod := call.Fun.(*ast.SelectorExpr)
		level, isConstant := call.Args[0].(*ast.BasicLit)
		found = found || isMethod && isConstant && sel.Sel.Name == "V" && level.Value != "0"
		return true
	})
	return found
}
