package storagetest

import (
	"os"

	"github.com/nacredb/nacre"
)

var undeclaredCases = []testCase{
	{"FeaturesAreUnsupported", undeclaredFeatures},
}

// undeclaredFeatures asks for what the driver does not declare.
func undeclaredFeatures(x *trial) {
	x.append("s-1", nacre.Any, fact("t", 1))
	f := &x.h.Features
	if !f.Companion && x.s.System() != nil {
		x.Errorf("the store has a companion log, and the driver does not declare one")
	}
	if !f.Lines {
		for _, err := range x.s.ReadLines(x.ctx, nil, nil) {
			expectCode(x, "ReadLines", err, nacre.CodeUnsupported)
		}
	}
	if !f.Listing {
		for _, err := range x.s.Streams(x.ctx, nacre.StreamQuery{}) {
			expectCode(x, "Streams", err, nacre.CodeUnsupported)
		}
	}
	if !f.Stats {
		_, err := x.s.Stats(x.ctx)
		expectCode(x, "Stats", err, nacre.CodeUnsupported)
	}
	if !f.Blobs {
		if b, err := x.s.Blobs(); err != nil {
			expectCode(x, "Blobs", err, nacre.CodeUnsupported)
		} else {
			expectCode(x, "PutBlob", b.PutBlob(x.ctx, "a", nil), nacre.CodeUnsupported)
		}
	}
	if !f.Backup {
		dir := x.TempDir() + "/backup"
		expectCode(x, "Backup", x.s.Backup(x.ctx, dir), nacre.CodeUnsupported)
		if _, err := os.Stat(dir); err == nil {
			x.Errorf("a backup that is unsupported made its directory")
		}
	}
}
