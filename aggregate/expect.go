package aggregate

import (
	"context"

	"github.com/nacredb/nacre"
)

// Expecting lets commands that are executed under the returned context take place only where their instance's stream is
// at a version as expected when they are decided; otherwise they fail with a nacre.ConflictError. A command that took
// place already has its first result all the same.
func Expecting(ctx context.Context, v nacre.ExpectedVersion) context.Context {
	return context.WithValue(ctx, expectedKey{}, v)
}

func expectedBy(ctx context.Context) nacre.ExpectedVersion {
	v, _ := ctx.Value(expectedKey{}).(nacre.ExpectedVersion)
	return v
}

type expectedKey struct{}
