package guest

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre/wasm/guest/jsontext"
)

// Level is how much a record of the log matters; the numbers are those of log/slog.
type Level int32

// The levels.
const (
	Debug Level = -4
	Info  Level = 0
	Warn  Level = 4
	Error Level = 8
)

// Log tells operators something; callers of commands never see it. Fields are names and values in turn. Values are
// texts, numbers, truth values, errors, times, or have a String method. On other platforms than WebAssembly, the
// record goes to log/slog's default logger.
func Log(level Level, message string, fields ...any) { send(level, message, fields) }

// record is a record as the host takes it.
func record(message string, fields []any) []byte {
	var w jsontext.Writer
	w.Raw(`{"message":`)
	w.String(valid(message))
	for i := 0; i < len(fields); i += 2 {
		name, ok := fields[i].(string)
		if !ok || i+1 == len(fields) {
			name = "!BADKEY"
			i--
		}
		w.Byte(',')
		w.String(valid(name))
		w.Byte(':')
		writeField(&w, fields[i+1])
	}
	w.Byte('}')
	return w.Bytes()
}

// valid is a text as JSON can have it.
func valid(text string) string { return strings.ToValidUTF8(text, "\uFFFD") }

func writeField(w *jsontext.Writer, v any) {
	switch v := v.(type) {
	case nil:
		w.Raw("null")
	case string:
		w.String(valid(v))
	case bool:
		w.Bool(v)
	case int:
		w.Int(int64(v))
	case int64:
		w.Int(v)
	case int32:
		w.Int(int64(v))
	case uint:
		w.Uint(uint64(v))
	case uint64:
		w.Uint(v)
	case uint32:
		w.Uint(uint64(v))
	case float64:
		if math.IsNaN(v) || math.IsInf(v, 0) {
			w.String(strconv.FormatFloat(v, 'g', -1, 64))
			return
		}
		w.Float(v, 64)
	case time.Time:
		w.String(v.Format(time.RFC3339Nano))
	case error:
		w.String(valid(v.Error()))
	case fmt.Stringer:
		w.String(valid(v.String()))
	default:
		w.String(fmt.Sprintf("%v", v))
	}
}
