//go:build !wasip1

package guest

import (
	"context"
	"log/slog"
)

func send(level Level, message string, fields []any) {
	slog.Log(context.Background(), slog.Level(level), message, fields...)
}
