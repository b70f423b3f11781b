package logging

import (
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"
)

// jsonEncoder writes an entry as one JSON object: ts, level ("info", "debug" from V(1) on, "warn", "error"), v, logger, msg, then
// the pairs in their order.
type jsonEncoder struct{ enc zapcore.Encoder }

func newJSONEncoder() jsonEncoder {
	return jsonEncoder{zapcore.NewJSONEncoder(zapcore.EncoderConfig{
		TimeKey:    "ts",
		LevelKey:   "level",
		NameKey:    "logger",
		MessageKey: "msg",
		LineEnding: "\n",
		EncodeTime: func(t time.Time, a zapcore.PrimitiveArrayEncoder) {
			a.AppendString(t.UTC().Format("2006-01-02T15:04:05.000000Z07:00"))
		},
		EncodeLevel: zapcore.LowercaseLevelEncoder,
	})}
}

func (j jsonEncoder) encode(e entry) []byte {
	ze := zapcore.Entry{Time: e.time, LoggerName: e.name, Message: e.msg}
	fields := make([]zapcore.Field, 0, len(e.pairs)+1)
	switch {
	case e.level == warning:
		ze.Level = zapcore.WarnLevel
	case e.level < 0:
		ze.Level = zapcore.ErrorLevel
	case e.level > 0:
		ze.Level = zapcore.DebugLevel
		fields = append(fields, zap.Int("v", e.level))
	}
	for _, p := range e.pairs {
		fields = append(fields, zap.Any(p.key, p.value))
	}
	buf, err := j.enc.EncodeEntry(ze, fields)
	if err != nil {
		return nil
	}
	defer buf.Free()
	return append([]byte(nil), buf.Bytes()...)
}
