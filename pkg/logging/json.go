package logging

import (
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// newJSONEncoder encodes an entry as one JSON object: ts, level ("info", "debug" from V(1) on, "warn", "error"), v,
// logger, msg, then the pairs in their order.
func newJSONEncoder() encoder {
	enc := zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey:    "ts",
		LevelKey:   "level",
		NameKey:    "logger",
		MessageKey: "msg",
		LineEnding: "\n",
		EncodeTime: func(t time.Time, a zapcore.PrimitiveArrayEncoder) {
			a.AppendString(t.UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
		},
		EncodeLevel: func(l zapcore.Level, a zapcore.PrimitiveArrayEncoder) {
			a.AppendString(max(l, zapcore.DebugLevel).String())
		},
	})
	return func(e entry) []byte {
		var fields []zapcore.Field
		if e.Level < 0 {
			fields = append(fields, zap.Int8("v", -int8(e.Level)))
		}
		for _, p := range e.pairs {
			fields = append(fields, zap.Any(p.key, p.value))
		}
		buf, err := enc.EncodeEntry(e.Entry, fields)
		if err != nil {
			return nil
		}
		defer buf.Free()
		return append([]byte(nil), buf.Bytes()...)
	}
}
