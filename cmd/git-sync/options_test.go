package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"git-sync/pkg/config"
)

// Every field that a row of the option table can set is read by the package that defines the options, or, for options of
// pkg/config itself, by those that assemble the process.
func TestEveryOptionIsUsed(t *testing.T) {
	cache := map[string]map[string]bool{}
	usedIn := func(dir string) map[string]bool {
		if cache[dir] == nil {
			cache[dir] = selected(t, "../../"+dir)
		}
		return cache[dir]
	}
	var check func(of reflect.Type)
	check = func(of reflect.Type) {
		dirs := []string{strings.TrimPrefix(of.PkgPath(), "git-sync/")}
		if dirs[0] == "pkg/config" {
			dirs = []string{"cmd/git-sync", "pkg/instance"}
		}
		for f := range of.Fields() {
			used := false
			for _, dir := range dirs {
				used = used || usedIn(dir)[f.Name]
			}
			if f.IsExported() && !f.Anonymous && !used {
				t.Errorf("%s.%s is not used in %s", of, f.Name, strings.Join(dirs, ", "))
			}
			if f.Type.Kind() == reflect.Struct && strings.HasPrefix(f.Type.PkgPath(), "git-sync/") {
				check(f.Type)
			}
		}
	}
	check(reflect.TypeFor[config.Sync]())
	check(reflect.TypeFor[config.Process]())
}

// selected are the names of fields and methods that a package uses.
func selected(t *testing.T, dir string) map[string]bool {
	files, err := filepath.Glob(dir + "/*.go")
	if err != nil || len(files) == 0 {
		t.Fatal(dir, err)
	}
	names := map[string]bool{}
	for _, path := range files {
		if strings.HasSuffix(path, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				names[s.Sel.Name] = true
			}
			return true
		})
	}
	return names
}
