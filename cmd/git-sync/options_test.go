package main

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"git-sync/pkg/config"
)

// Every field that a row of the option table can set is read by somebody else than the package that sets it.
func TestEveryOptionIsUsed(t *testing.T) {
	used := map[string]bool{}
	read := func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, "_test.go") || filepath.Ext(path) != ".go" || strings.Contains(path, "/config/") {
			return err
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
		if err != nil {
			return err
		}
		ast.Inspect(file, func(n ast.Node) bool {
			if s, ok := n.(*ast.SelectorExpr); ok {
				used[s.Sel.Name] = true
			}
			return true
		})
		return nil
	}
	for _, dir := range []string{".", "../../pkg"} {
		if err := filepath.WalkDir(dir, read); err != nil {
			t.Fatal(err)
		}
	}
	var check func(of reflect.Type)
	check = func(of reflect.Type) {
		for i := range of.NumField() {
			f := of.Field(i)
			if f.IsExported() && !f.Anonymous && !used[f.Name] {
				t.Errorf("%s.%s is used by nobody", of, f.Name)
			}
			if f.Type.Kind() == reflect.Struct && strings.HasPrefix(f.Type.PkgPath(), "git-sync/") {
				check(f.Type)
			}
		}
	}
	check(reflect.TypeFor[config.Sync]())
	check(reflect.TypeFor[config.Process]())
}
