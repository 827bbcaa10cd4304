package guest

import (
	"bytes"
	"errors"
	"log/slog"
	"math"
	"strings"
	"testing"
	"time"
)

func TestARecordIsJSON(t *testing.T) {
	got := string(record("a \xff\n", []any{
		"text", "x\xff", "int", -1, "int64", int64(2), "int32", int32(3), "uint", uint(4), "uint64", uint64(5), "uint32", uint32(6), "float", 1.5, "odd", math.Inf(1),
		"bool", true, "nil", nil, "err", errors.New("e"), "time", time.Unix(0, 5).UTC(), "duration", time.Second, "other",
		[]int{1},
		7, "last",
	}))
	want := `{"message":"a ` + "\uFFFD" + `\n","text":"x` + "\uFFFD" + `","int":-1,"int64":2,"int32":3,"uint":4,"uint64":5,"uint32":6,"float":1.5,"odd":"+Inf",` +
		`"bool":true,"nil":null,"err":"e","time":"1970-01-01T00:00:00.000000005Z","duration":"1s","other":"[1]","!BADKEY":7,"!BADKEY":"last"}`
	if got != want {
		t.Errorf("got\n%s, and not\n%s", got, want)
	}
}

func TestOnThisPlatformTheDefaultLoggerIsTold(t *testing.T) {
	var out bytes.Buffer
	was := slog.Default()
	slog.SetDefault(slog.New(slog.NewTextHandler(&out, nil)))
	defer slog.SetDefault(was)
	Log(Warn, "careful", "n", 1)
	if !strings.Contains(out.String(), `level=WARN msg=careful n=1`) {
		t.Errorf("got %s", out.String())
	}
}
