package config

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"git-sync/pkg/auth"
)

// file is a configuration file, taken apart. Its values are texts, as those of flags are.
type file struct {
	defaults map[string]given // by the name of the option
	syncs    []fileSync
	problemList
}

// fileSync is one entry of syncs.
type fileSync struct {
	name   string
	at     string // where it stands: FILE:LINE:COLUMN
	values map[string]given
}

// fileReader reads one file.
type fileReader struct {
	file
	path    string
	rows    map[string]option // by each name that a key may have
	known   []string
	anchors map[string]ast.Node
}

// readFile reads the YAML of --config. path is for the problems only.
func readFile(path string, content []byte, rows []option) file {
	r := &fileReader{path: path, rows: map[string]option{}, anchors: map[string]ast.Node{}}
	for _, o := range rows {
		for _, f := range o.flags {
			r.rows[f.name] = o
			if o.scope == perSync {
				r.known = append(r.known, f.name)
			}
		}
	}
	tree, err := parser.ParseBytes(content, 0)
	var wrongSyntax yaml.Error
	switch {
	case errors.As(err, &wrongSyntax):
		r.problem(r.at(wrongSyntax.GetToken()), wrongSyntax.GetMessage(), "")
	case err != nil:
		r.problem(path, "is not valid YAML", "")
	case len(tree.Docs) == 0 || tree.Docs[0].Body == nil:
		r.problem(path, "is empty", "list the repositories under syncs")
	case len(tree.Docs) > 1:
		r.problem(path, "holds several documents", "put all into one")
	default:
		r.top(tree.Docs[0].Body)
	}
	return r.file
}

// top reads the outermost mapping.
func (r *fileReader) top(n ast.Node) {
	hasSyncs := false
	for _, kv := range r.mapping(n, r.path) {
		switch key := kv.Key.GetToken().Value; key {
		case "defaults":
			r.defaults = r.options(r.mapping(kv.Value, r.at(kv.Key.GetToken())+": defaults"))
		case "syncs":
			hasSyncs = true
			r.list(kv)
		default:
			r.unknown(kv, []string{"defaults", "syncs"})
		}
	}
	if !hasSyncs && len(r.problems) == 0 {
		r.problem(r.path, "has no syncs", "list the repositories under syncs")
	}
}

// dnsLabel is what the name of a sync looks like.
const dnsLabel = `^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$`

// list reads the value of syncs.
func (r *fileReader) list(kv *ast.MappingValueNode) {
	at := r.at(kv.Key.GetToken())
	seq, ok := r.resolve(kv.Value).(*ast.SequenceNode)
	if !ok || len(seq.Values) == 0 {
		r.problem(at+": syncs", "is not a list with at least one entry", "each entry begins with - name: NAME")
		return
	}
	names := map[string]bool{}
	for _, n := range seq.Values {
		entry := r.mapping(n, r.at(n.GetToken()))
		s := fileSync{at: r.at(n.GetToken())}
		if len(entry) > 0 {
			s.at = r.at(entry[0].Key.GetToken())
		}
		entry = slices.DeleteFunc(entry, func(kv *ast.MappingValueNode) bool {
			isName := kv.Key.GetToken().Value == "name"
			if isName {
				s.name, _ = r.scalar(kv.Value)
				s.at = r.at(kv.Key.GetToken())
			}
			return isName
		})
		switch {
		case !regexp.MustCompile(dnsLabel).MatchString(s.name):
			r.problem(s.at+": name", quoted(s.name)+" is not a DNS label", "use at most 63 lower-case letters, digits and dashes")
		case names[s.name]:
			r.problem(s.at+": name", quoted(s.name)+" is used twice", "give each sync a name of its own")
		}
		names[s.name] = true
		s.values = r.options(entry)
		r.syncs = append(r.syncs, s)
	}
}

// options reads the options of one sync, or the defaults.
func (r *fileReader) options(entry []*ast.MappingValueNode) map[string]given {
	values := map[string]given{}
	for _, kv := range entry {
		key := kv.Key.GetToken().Value
		at := r.at(kv.Key.GetToken()) + ": " + key
		o, ok := r.rows[key]
		switch {
		case !ok:
			r.unknown(kv, append([]string{"name"}, r.known...))
		case o.scope == perProcess:
			r.problem(at, "is an option of the process, not of one sync", "give it as a flag or a variable")
		case key == "password":
			r.problem(at, "a secret may not be in the file", "use password-file")
		default:
			texts, ok := r.texts(kv, o)
			if !ok || last(texts) == "" {
				continue
			}
			i := slices.IndexFunc(o.flags, func(s spelling) bool { return s.name == key })
			in := given{spelling: o.flags[i], label: at, origin: fromFile, values: texts}
			if key == "credential" && slices.ContainsFunc(texts, holdsSecret) {
				r.problem(at, "a secret may not be in the file", "use password-file")
				continue
			}
			if strings.HasPrefix(key, "git-config") && slices.ContainsFunc(texts, holdsLogin) {
				r.problem(at, "a secret may not be in the file", "use $GITSYNC_GIT_CONFIG, or an option for credentials")
				continue
			}
			if holdsPassword(in) {
				r.problem(at, "a URL in the file may not hold a password", "use username and password-file, or a variable")
				continue
			}
			values[key] = in
		}
	}
	return values
}

// holdsSecret says whether credentials have a password.
func holdsSecret(credentials string) bool {
	list, _ := parseCredentials(credentials) // what is wrong is reported later
	return slices.ContainsFunc(list, func(c auth.Credential) bool { return c.Password != "" })
}

// holdsLogin says whether git settings have a header that logs in.
func holdsLogin(settings string) bool {
	return regexp.MustCompile(`(?is)extraheader.*authorization`).MatchString(settings)
}

// holdsPassword says whether the value is a URL with a password.
func holdsPassword(in given) bool {
	u, err := url.Parse(in.value())
	if err != nil || u.Host == "" {
		return false
	}
	_, _, has := userinfo(u.User)
	return has
}

// texts reads the value of a key: a scalar, or for an option that may be given many times a list. None: the value is null.
func (r *fileReader) texts(kv *ast.MappingValueNode, o option) ([]string, bool) {
	at := r.at(kv.Key.GetToken()) + ": " + kv.Key.GetToken().Value
	nodes := []ast.Node{r.resolve(kv.Value)}
	if seq, ok := nodes[0].(*ast.SequenceNode); ok && o.kind == manyValues {
		nodes = seq.Values
	}
	var texts []string
	before := len(r.problems)
	for _, n := range nodes {
		n = r.resolve(n)
		if _, ok := n.(*ast.NullNode); ok {
			continue
		}
		text, ok := r.scalar(n)
		if m, isMap := n.(ast.MapNode); isMap && o.id() == "credential" {
			text, ok = r.object(m)
		}
		if !ok {
			if len(r.problems) == before {
				r.problem(at, "is not a single value", "")
			}
			return nil, false
		}
		texts = append(texts, text)
	}
	return texts, true
}

// object is a mapping as JSON, as --credential takes it.
func (r *fileReader) object(m ast.MapNode) (string, bool) {
	fields := map[string]string{}
	for iter := m.MapRange(); iter.Next(); {
		text, ok := r.scalar(iter.Value())
		if !ok {
			return "", false
		}
		fields[iter.Key().GetToken().Value] = text
	}
	out, err := json.Marshal(fields)
	return string(out), err == nil
}

// scalar is the text of a scalar as it was written.
func (r *fileReader) scalar(n ast.Node) (string, bool) {
	switch n := r.resolve(n).(type) {
	case *ast.StringNode:
		return n.Value, true
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.IntegerNode, *ast.FloatNode, *ast.BoolNode:
		return n.GetToken().Value, true
	}
	return "", false
}

// mapping is the keys and values of n.
func (r *fileReader) mapping(n ast.Node, what string) []*ast.MappingValueNode {
	switch n := r.resolve(n).(type) {
	case *ast.MappingNode:
		return slices.Clone(n.Values)
	case *ast.MappingValueNode:
		return []*ast.MappingValueNode{n}
	}
	r.problem(what, "is not a mapping", "write it as lines of key: value")
	return nil
}

// resolve follows anchors, aliases and tags.
func (r *fileReader) resolve(n ast.Node) ast.Node {
	for range 8 { // an alias may lead to itself
		switch t := n.(type) {
		case *ast.AnchorNode:
			r.anchors[t.Name.GetToken().Value] = t.Value
			n = t.Value
		case *ast.AliasNode:
			n = r.anchors[t.Value.GetToken().Value]
		case *ast.TagNode:
			n = t.Value
		default:
			return n
		}
	}
	return nil
}

func (r *fileReader) at(t *token.Token) string {
	if t == nil || t.Position == nil {
		return r.path
	}
	return fmt.Sprintf("%s:%d:%d", r.path, t.Position.Line, t.Position.Column)
}

func (r *fileReader) unknown(kv *ast.MappingValueNode, known []string) {
	key := kv.Key.GetToken()
	hint := "the keys are " + strings.Join(known, ", ")
	if len(known) > 5 {
		hint = "the keys are the long names of the options, see --help"
	}
	if near := nearest(key.Value, known); near != "" {
		hint = "did you mean " + near + "?"
	}
	r.problem(r.at(key)+": "+printable(key.Value), "unknown key", hint)
}
