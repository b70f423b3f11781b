package main

import (
	"go/ast"
	"go/importer"
	"go/parser"
	"go/token"
	"go/types"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"git-sync/pkg/config"
)

// Every field that a row of the option table can set is read somewhere outside of pkg/config: this field of this type, not one of
// the same name.
func TestEveryOptionIsUsed(t *testing.T) {
	used := selectedFields(t)
	var check func(of reflect.Type)
	check = func(of reflect.Type) {
		for f := range of.Fields() {
			if name := of.PkgPath() + "." + of.Name() + "." + f.Name; f.IsExported() && !f.Anonymous && !used[name] {
				t.Errorf("%s is not used", name)
			}
			if f.Type.Kind() == reflect.Struct && strings.HasPrefix(f.Type.PkgPath(), "git-sync/") {
				check(f.Type)
			}
		}
	}
	check(reflect.TypeFor[config.Sync]())
	check(reflect.TypeFor[config.Process]())
}

// selectedFields are the fields, as PACKAGE.TYPE.FIELD, that the program selects outside of pkg/config.
func selectedFields(t *testing.T) map[string]bool {
	t.Helper()
	list := exec.CommandContext(t.Context(), "go", "list", "-export", "-deps", "-f", "{{.ImportPath}}|{{.Export}}|{{.Dir}}|{{range .GoFiles}}{{.}} {{end}}", ".")
	list.Stderr = os.Stderr
	out, err := list.Output()
	if err != nil {
		t.Fatal(err)
	}
	exports := map[string]string{}
	fset := token.NewFileSet()
	imports := importer.ForCompiler(fset, "gc", func(path string) (io.ReadCloser, error) { return os.Open(exports[path]) })
	used := map[string]bool{}
	for line := range strings.Lines(string(out)) { // dependencies come first
		part := strings.Split(strings.TrimSpace(line), "|")
		exports[part[0]] = part[1]
		if !strings.HasPrefix(part[0], "git-sync/") || part[0] == "git-sync/pkg/config" {
			continue
		}
		var files []*ast.File
		for name := range strings.FieldsSeq(part[3]) {
			file, err := parser.ParseFile(fset, filepath.Join(part[2], name), nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, file)
		}
		info := &types.Info{Selections: map[*ast.SelectorExpr]*types.Selection{}}
		if _, err := (&types.Config{Importer: imports}).Check(part[0], fset, files, info); err != nil {
			t.Fatal(err)
		}
		for _, s := range info.Selections {
			if s.Kind() == types.FieldVal {
				used[fieldName(s)] = true
			}
		}
	}
	return used
}

// fieldName is the field that a selection ends at, by way of embedded ones.
func fieldName(s *types.Selection) string {
	of := s.Recv()
	for i, index := range s.Index() {
		if p, ok := of.Underlying().(*types.Pointer); ok {
			of = p.Elem()
		}
		field := of.Underlying().(*types.Struct).Field(index)
		if i == len(s.Index())-1 {
			return of.String() + "." + field.Name()
		}
		of = field.Type()
	}
	return ""
}
