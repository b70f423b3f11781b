package logging

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.uber.org/zap/zapcore"

	"git-sync/pkg/advice"
)

// pair is a field on its way out: its value is scrubbed and one of nil, bool, a number, string, []any, map[string]any.
type pair struct {
	key   string
	value any
}

// entry is a log entry on its way out.
type entry struct {
	time  time.Time
	level int // the V level; below zero for a warning or an error
	name  string
	msg   string
	pairs []pair
}

// warning is the level of an entry between info and error.
const warning = -int(zapcore.WarnLevel)

// encoder turns an entry into the bytes of its line or lines.
type encoder interface {
	encode(e entry) []byte
}

// core is the zap core: it decides, scrubs, encodes and writes. It keeps the fields of With unencoded, because a secret may
// be registered after them.
type core struct {
	level   zapcore.Level
	secrets *secrets
	enc     encoder
	out     *screen
	with    []zapcore.Field
}

// Enabled says whether a level is logged.
func (c *core) Enabled(l zapcore.Level) bool { return l >= c.level }

// With returns a core that adds the fields to each entry.
func (c *core) With(fields []zapcore.Field) zapcore.Core {
	cc := *c
	cc.with = append(append([]zapcore.Field(nil), c.with...), fields...)
	return &cc
}

// Check adds this core to those that write the entry.
func (c *core) Check(e zapcore.Entry, ce *zapcore.CheckedEntry) *zapcore.CheckedEntry {
	if c.Enabled(e.Level) {
		return ce.AddCore(e, c)
	}
	return ce
}

// Write scrubs the entry and its fields and writes them out.
func (c *core) Write(ze zapcore.Entry, fields []zapcore.Field) error {
	e := entry{time: ze.Time, level: -int(ze.Level), name: ze.LoggerName, msg: c.secrets.scrub(ze.Message)}
	given := map[string]bool{}
	var carried []pair
	for _, f := range append(append([]zapcore.Field(nil), c.with...), fields...) {
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
	c.out.line(c.enc.encode(e))
	return nil
}

// Sync does nothing: every entry has been written when Write returns.
func (c *core) Sync() error { return nil }

// adviceOf is what an error carries beside its text.
func adviceOf(err error) []pair {
	remote, helper := advice.Said(err)
	pairs := []pair{{"hint", advice.Hint(err)}, {"remote", remote}, {"helper", helper}}
	return slices.DeleteFunc(pairs, func(p pair) bool { return p.value == "" })
}

// valueOf takes the value out of a field; values that panic when printed become the panic's text, as zap has it.
func valueOf(f zapcore.Field) any {
	m := zapcore.NewMapObjectEncoder()
	f.AddTo(m)
	if v, ok := m.Fields[f.Key]; ok {
		return v
	}
	return m.Fields[f.Key+"Error"]
}

// clean brings a value into the few types of a pair, with every string in it scrubbed.
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
	case error:
		return s.scrub(v.Error())
	case fmt.Stringer:
		return s.scrub(v.String())
	default:
		return s.clean(generic(v))
	}
}

// generic takes a value of any type apart into the types of JSON, or into its text if that fails.
func generic(v any) any {
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	d := json.NewDecoder(strings.NewReader(string(b)))
	d.UseNumber()
	var out any
	if err := d.Decode(&out); err != nil {
		return fmt.Sprint(v)
	}
	return out
}
