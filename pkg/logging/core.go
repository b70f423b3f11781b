package logging

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"go.uber.org/zap/zapcore"

	"git-sync/pkg/advice"
)

// pair is a field to be written: its value is scrubbed and one of nil, bool, a number, string, []any, map[string]any.
type pair struct {
	key   string
	value any
}

// entry is a log entry to be written. Its level is zap's: minus the V level, or WarnLevel or ErrorLevel.
type entry struct {
	zapcore.Entry
	pairs []pair
}

// encoder encodes an entry as one or more lines.
type encoder func(e entry) []byte

// core is the zap core, which scrubs, encodes and writes entries. It keeps the fields of With unencoded, because a
// secret may be registered later.
type core struct {
	zapcore.LevelEnabler
	secrets *secrets
	encode  encoder
	out     *screen
	with    []zapcore.Field
}

// With returns a core that adds the fields to each entry.
func (c *core) With(fields []zapcore.Field) zapcore.Core {
	cc := *c
	cc.with = slices.Concat(c.with, fields)
	return &cc
}

// Check adds this core to those that write the entry, if its level is enabled.
func (c *core) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write scrubs the entry and its fields, and writes them.
func (c *core) Write(ze zapcore.Entry, fields []zapcore.Field) error {
	e := entry{Entry: ze}
	e.Message = c.secrets.scrub(ze.Message)
	given := map[string]bool{}
	var carried []pair
	for _, f := range slices.Concat(c.with, fields) {
		if f.Type == zapcore.SkipType || f.Type == zapcore.NamespaceType {
			continue
		}
		given[f.Key] = true
		if err, ok := f.Interface.(error); ok {
			carried = append(carried, adviceOf(err)...)
		}
		e.pairs = append(e.pairs, pair{f.Key, c.secrets.clean(valueOf(f))})
	}
	for _, p := range carried {
		if !given[p.key] {
			given[p.key] = true
			e.pairs = append(e.pairs, pair{p.key, c.secrets.clean(p.value)})
		}
	}
	c.out.line(c.encode(e))
	return nil
}

// Sync does nothing, because Write does not buffer.
func (c *core) Sync() error { return nil }

// adviceOf returns the additional information of an error.
func adviceOf(err error) []pair {
	remote, helper := advice.Output(err)
	pairs := []pair{{"hint", advice.Hint(err)}, {"remote", remote}, {"helper", helper}}
	return slices.DeleteFunc(pairs, func(p pair) bool { return p.value == "" })
}

// valueOf returns the value of a field. If formatting it panics, the result is the panic's text, as in zap.
func valueOf(f zapcore.Field) any {
	m := zapcore.NewMapObjectEncoder()
	f.AddTo(m)
	if v, ok := m.Fields[f.Key]; ok {
		return v
	}
	return m.Fields[f.Key+"Error"]
}

// clean converts a value to one of the types of a pair, and scrubs all strings in it.
func (s *secrets) clean(v any) any {
	switch v := v.(type) {
	case nil, bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, uintptr, float32, float64, json.Number:
		return v
	case string:
		return s.scrub(v)
	case []byte:
		return s.scrub(string(v))
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = s.clean(v[i])
		}
		return out
	case map[string]any:
		out := make(map[string]any, len(v))
		for k := range v {
			out[s.scrub(k)] = s.clean(v[k])
		}
		return out
	case error, fmt.Stringer:
		return s.scrub(fmt.Sprint(v))
	default:
		return s.clean(generic(v))
	}
}

// generic converts a value of any type to the types of JSON, or to its text if that fails.
func generic(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var out any
	_ = d.Decode(&out) // cannot fail: b is JSON
	return out
}
