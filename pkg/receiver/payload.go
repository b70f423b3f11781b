package receiver

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/url"
	"slices"
	"strings"
)

// maxDepth is how deeply a body may be nested; real ones stay below ten.
const maxDepth = 64

// update is one ref that a delivery says was updated.
type update struct{ ref, before, after string }

// deleted says that the ref is gone: there is no commit after the push, or the zero one.
func (u update) deleted() bool {
	return u.before != "" && u.after == "" || u.after != "" && strings.Trim(u.after, "0") == ""
}

// payload is what is wanted of a body.
type payload struct {
	event   string // "" when it is not in the body
	repos   []string
	branch  string // default branch, short; "" if not given
	updates []update
	more    bool // there were more than maxUpdates
}

// maxUpdates and maxRepos bound what is kept of a body.
const (
	maxUpdates = 1000
	maxRepos   = 50
)

// reader looks a body through, one token at a time, keeping nothing but the values that the row names.
type reader struct {
	forge   *forge
	dec     *json.Decoder
	wanted  map[string]bool
	once    map[string]string // values outside of updates, the first of each path
	current map[string]string // values of the update that is being read
	payload payload
}

// parse reads the body of a verified delivery.
func (f *forge) parse(contentType string, body []byte) (payload, error) {
	body, err := unwrap(contentType, body)
	if err != nil {
		return payload{}, err
	}
	r := &reader{forge: f, dec: json.NewDecoder(bytes.NewReader(body)), wanted: f.wanted(), once: map[string]string{}, current: map[string]string{}}
	if len(bytes.TrimSpace(body)) == 0 && f.name == generic {
		return payload{}, nil
	}
	if err := r.value("", 0); err != nil {
		return payload{}, fmt.Errorf("body is not the JSON that %s sends: %w", f.name, clean(err))
	}
	if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
		return payload{}, errors.New("body goes on after the JSON")
	}
	r.finish()
	return r.payload, nil
}

// unwrap takes the JSON out of a form, as which some forges can send it.
func unwrap(contentType string, body []byte) ([]byte, error) {
	const field = "payload="
	kind, _, _ := mime.ParseMediaType(contentType) // what it cannot parse is no form
	if kind != "application/x-www-form-urlencoded" || !bytes.HasPrefix(body, []byte(field)) {
		return body, nil // curl says "form" of whatever it posts
	}
	value, _, _ := bytes.Cut(body[len(field):], []byte("&"))
	decoded, err := url.QueryUnescape(string(value))
	if err != nil {
		return nil, errors.New("body is not a form")
	}
	return []byte(decoded), nil
}

// clean makes the end of a truncated body readable.
func clean(err error) error {
	if errors.Is(err, io.EOF) {
		return io.ErrUnexpectedEOF
	}
	return err
}

func (f *forge) wanted() map[string]bool {
	paths := make(map[string]bool)
	for _, list := range [][]string{f.eventAt, f.ref, f.kind, f.before, f.after, {f.branch}} {
		for _, path := range list {
			paths[path] = true
		}
	}
	for _, repo := range f.repos {
		for path := range strings.SplitSeq(repo, "/") {
			paths[path] = true
		}
	}
	delete(paths, "")
	return paths
}

// value reads whatever is next, at path.
func (r *reader) value(path string, depth int) error {
	tok, err := r.dec.Token()
	if err != nil {
		return err
	}
	return r.after(tok, path, depth)
}

// after reads the rest of the value that tok begins.
func (r *reader) after(tok json.Token, path string, depth int) error {
	if depth > maxDepth {
		return errors.New("it is nested too deeply")
	}
	switch tok := tok.(type) {
	case json.Delim:
		if tok == '[' {
			return r.array(path, depth)
		}
		return r.object(path, depth)
	case string:
		r.keep(path, tok)
		return nil
	case nil:
		return nil // as good as not there
	default:
		if r.wanted[path] {
			return fmt.Errorf("%s is not a string", path)
		}
		return nil
	}
}

func (r *reader) array(path string, depth int) error {
	for r.dec.More() {
		if err := r.value(path, depth+1); err != nil {
			return err
		}
	}
	_, err := r.dec.Token()
	return err
}

func (r *reader) object(path string, depth int) error {
	for r.dec.More() {
		tok, err := r.dec.Token()
		if err != nil {
			return err
		}
		name, _ := tok.(string) // the decoder accepts nothing else here
		if path != "" {
			name = path + "." + name
		}
		if err := r.value(name, depth+1); err != nil {
			return err
		}
	}
	if r.forge.each != "" && path == r.forge.each {
		r.endUpdate()
	}
	_, err := r.dec.Token()
	return err
}

// keep remembers a string if the row wants it.
func (r *reader) keep(path, value string) {
	if !r.wanted[path] || value == "" {
		return
	}
	into := r.once
	if r.forge.each == "" || strings.HasPrefix(path, r.forge.each+".") {
		into = r.current
	}
	if slices.Contains(r.forge.repos, path) && len(r.payload.repos) < maxRepos {
		r.payload.repos = append(r.payload.repos, value)
	}
	if _, seen := into[path]; !seen {
		into[path] = value
	}
}

// endUpdate turns the values of one updated ref into an update.
func (r *reader) endUpdate() {
	u := update{
		ref:    first(r.current, r.forge.ref),
		before: first(r.current, r.forge.before),
		after:  first(r.current, r.forge.after),
	}
	if !strings.HasPrefix(u.ref, "refs/") {
		u.ref = refPrefix(first(r.current, r.forge.kind)) + u.ref
	}
	if r.forge.each != "" {
		clear(r.current)
	}
	switch {
	case u.ref == "":
	case len(r.payload.updates) == maxUpdates:
		r.payload.more = true
	default:
		r.payload.updates = append(r.payload.updates, u)
	}
}

// finish takes what stands once in a body.
func (r *reader) finish() {
	values := r.once
	if r.forge.each == "" {
		r.endUpdate()
		values = r.current
	}
	r.payload.event = first(values, r.forge.eventAt)
	r.payload.branch = strings.TrimPrefix(values[r.forge.branch], "refs/heads/")
	for _, repo := range r.forge.repos {
		a, b, joined := strings.Cut(repo, "/")
		if joined && values[a] != "" && values[b] != "" {
			r.payload.repos = append(r.payload.repos, values[a]+"/"+values[b])
		}
	}
}

func first(values map[string]string, paths []string) string {
	for _, path := range paths {
		if value := values[path]; value != "" {
			return value
		}
	}
	return ""
}
