//go:build !wasip1

package guest

import (
	"context"
	"log/slog"
)

func send(level Level, message string, fields []any) {
	//nolint:sloglint // a module has no logger of its own: its tests show what the default one shows
	slog.Log(context.Background(), slog.Level(level), message, fields...)
}
