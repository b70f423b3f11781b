package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"git-sync/pkg/auth"
)

// file is a parsed configuration file. Its values are strings, like those of flags.
type file struct {
	*findings
	path     string
	rows     []option
	anchors  map[string]ast.Node
	defaults map[string]given // by the name of the option
	syncs    []fileSync
}

// fileSync is one entry of syncs.
type fileSync struct {
	name   string
	at     string // its position: FILE:LINE:COLUMN
	values map[string]given
}

// parseFile parses the YAML of --config.
func parseFile(path string, content []byte, rows []option, found *findings) *file {
	f := &file{findings: found, path: path, rows: rows, anchors: map[string]ast.Node{}, defaults: map[string]given{}}
	tree, err := parser.ParseBytes(content, 0)
	var wrongSyntax yaml.Error
	switch {
	case errors.As(err, &wrongSyntax):
		hint := ""
		switch text := wrongSyntax.GetMessage(); {
		case strings.Contains(text, "not allowed in this context"):
			hint = "check the indentation: all keys of one entry begin in the same column; quote a value that contains a colon and a space"
		case strings.Contains(text, "character '\t'"):
			hint = "indent with spaces, not with tabs"
		}
		f.problem(f.at(wrongSyntax.GetToken()), wrongSyntax.GetMessage(), hint)
	case err != nil:
		f.problem(path, "is not valid YAML", "")
	case len(tree.Docs) == 0 || tree.Docs[0].Body == nil:
		f.problem(path, "is empty", "list the repositories under syncs")
	case len(tree.Docs) > 1:
		f.problem(path, "contains several documents", "put all into one")
	default:
		f.top(tree.Docs[0].Body)
	}
	return f
}

// top parses the outermost mapping.
func (f *file) top(n ast.Node) {
	hasSyncs, before := false, len(f.problems)
	for _, kv := range f.mapping(n, f.path) {
		switch kv.Key.GetToken().Value {
		case "defaults":
			for _, kv := range f.mapping(kv.Value, f.label(kv)) {
				f.option(kv, f.defaults)
			}
		case "syncs":
			hasSyncs = true
			f.list(kv)
		default:
			f.unknown(kv, []string{"defaults", "syncs"}, "the keys are defaults and syncs")
		}
	}
	if !hasSyncs && len(f.problems) == before {
		f.problem(f.path, "has no syncs", "list the repositories under syncs")
	}
}

// dnsLabel matches the name of a sync.
const dnsLabel = `^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`

// list parses the value of syncs.
func (f *file) list(kv *ast.MappingValueNode) {
	seq, ok := f.resolve(kv.Value).(*ast.SequenceNode)
	if !ok || len(seq.Values) == 0 {
		f.problem(f.label(kv), "is not a list with at least one entry", "each entry begins with - name: NAME")
		return
	}
	names := map[string]bool{}
	for _, n := range seq.Values {
		s := f.entry(n)
		switch {
		case !regexp.MustCompile(dnsLabel).MatchString(s.name):
			f.problem(s.at+": name", quoted(s.name)+" is not a DNS label", "use at most 63 lower-case letters, digits and dashes")
		case names[s.name]:
			f.problem(s.at+": name", quoted(s.name)+" is used twice", "give each sync a name of its own")
		}
		names[s.name] = true
		f.syncs = append(f.syncs, s)
	}
}

// entry parses one entry of syncs.
func (f *file) entry(n ast.Node) fileSync {
	s := fileSync{at: f.at(n.GetToken()), values: map[string]given{}}
	for i, kv := range f.mapping(n, s.at) {
		isName := kv.Key.GetToken().Value == "name"
		if isName || i == 0 {
			s.at = f.at(kv.Key.GetToken())
		}
		if isName {
			s.name, _ = f.scalar(kv.Value)
		} else {
			f.option(kv, s.values)
		}
	}
	return s
}

// option parses an option of one sync, or of the defaults.
func (f *file) option(kv *ast.MappingValueNode, values map[string]given) {
	key := kv.Key.GetToken().Value
	o, name := find(f.rows, key)
	switch {
	case name == nil:
		known := []string{"name"}
		for _, o := range f.rows {
			for _, s := range o.flags {
				if o.scope == perSync {
					known = append(known, s.name)
				}
			}
		}
		f.unknown(kv, known, "the keys are the long names of the options of a repository")
	case o.scope == perProcess:
		f.problem(f.label(kv), "applies to the whole process, not to one sync", "give it as a flag or a variable")
	default:
		texts := f.texts(kv, o)
		if last(texts) == "" {
			return
		}
		if hint := insteadOfSecret(o, texts); hint != "" {
			f.problem(f.label(kv), "a secret may not be in the file", hint)
		}
		values[key] = given{spelling: *name, label: f.label(kv), values: texts}
	}
}

// insteadOfSecret returns the hint about a secret in the values of a row; "" if there is none.
func insteadOfSecret(o option, texts []string) string {
	switch id := o.id(); {
	case id == "password", id == "credential" && slices.ContainsFunc(texts, holdsSecret):
		return "use password-file"
	case strings.HasPrefix(id, "git-config") && slices.ContainsFunc(texts, holdsLogin):
		return "use GITSYNC_GIT_CONFIG, or an option for credentials"
	case !slices.ContainsFunc(texts, holdsPassword):
		return ""
	case id == "repo":
		return "use username and password-file; for ssh, use ssh-key-file"
	case len(o.vars) > 0:
		return "set " + o.vars[len(o.vars)-1].name + " in the environment"
	}
	return "leave the password out"
}

// holdsSecret reports whether credentials have a password.
func holdsSecret(credentials string) bool {
	list, _ := parseCredentials(credentials) // errors are reported later
	return slices.ContainsFunc(list, func(c auth.Credential) bool { return c.Password != "" })
}

// holdsLogin reports whether git settings have a header with credentials.
func holdsLogin(settings string) bool {
	return regexp.MustCompile(`(?is)extraheader.*authorization`).MatchString(settings)
}

// holdsPassword reports whether the value is a URL with a password.
func holdsPassword(value string) bool {
	_, has := parsedURL(value).User.Password()
	return has
}

// texts returns the value of a key: a scalar, or a list for an option that may be given several times.
func (f *file) texts(kv *ast.MappingValueNode, o option) []string {
	nodes := []ast.Node{f.resolve(kv.Value)}
	if seq, ok := nodes[0].(*ast.SequenceNode); ok && o.kind == manyValues {
		nodes = seq.Values
	}
	var texts []string
	for _, n := range nodes {
		text, ok := f.scalar(n)
		if m, isMap := f.resolve(n).(ast.MapNode); isMap && o.id() == "credential" {
			text, ok = f.object(m)
		}
		if !ok {
			f.problem(f.label(kv), "is not a single value", "")
			return nil
		}
		if text != "" {
			texts = append(texts, text)
		}
	}
	return texts
}

// object returns a mapping as JSON, in the format of --credential.
func (f *file) object(m ast.MapNode) (string, bool) {
	fields := map[string]string{}
	for iter := m.MapRange(); iter.Next(); {
		text, ok := f.scalar(iter.Value())
		if !ok {
			return "", false
		}
		fields[iter.Key().GetToken().Value] = text
	}
	out, err := json.Marshal(fields)
	return string(out), err == nil
}

// scalar returns a scalar as it was written; "" for null.
func (f *file) scalar(n ast.Node) (string, bool) {
	switch n := f.resolve(n).(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	case *ast.NullNode:
		return "", true
	}
	return "", false
}

// mapping returns the keys and values of n.
func (f *file) mapping(n ast.Node, what string) []*ast.MappingValueNode {
	switch n := f.resolve(n).(type) {
	case *ast.MappingNode:
		return n.Values
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	f.problem(what, "is not a mapping", "write it as lines of key: value")
	return nil
}

// resolve follows anchors, aliases and tags.
func (f *file) resolve(n ast.Node) ast.Node {
	for range 8 { // an alias may refer to itself
		switch t := n.(type) {
		case *ast.AnchorNode:
			f.anchors[t.Name.GetToken().Value] = t.Value
			n = t.Value
		case *ast.AliasNode:
			n = f.anchors[t.Value.GetToken().Value]
		case *ast.TagNode:
			n = t.Value
		default:
			return n
		}
	}
	return nil
}

func (f *file) at(t *token.Token) string {
	if t == nil || t.Position == nil {
		return f.path
	}
	return fmt.Sprintf("%s:%d:%d", f.path, t.Position.Line, t.Position.Column)
}

// label returns a key with its position in the file.
func (f *file) label(kv *ast.MappingValueNode) string {
	key := kv.Key.GetToken()
	return f.at(key) + ": " + printable(key.Value)
}

func (f *file) unknown(kv *ast.MappingValueNode, known []string, hint string) {
	f.problem(f.label(kv), "unknown key", didYouMean(kv.Key.GetToken().Value, "", known, hint))
}
