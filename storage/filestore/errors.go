package filestore

import (
	"errors"
	"io/fs"
	"maps"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/index"
	"github.com/nacredb/nacre/internal/vfs"
)

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

func asBadBlock(err error) (*index.BadBlockError, bool) {
	return errors.AsType[*index.BadBlockError](err)
}

func isBadBlock(err error) bool {
	_, bad := asBadBlock(err)
	return bad
}

func asDamage(err error) (*nacre.DamageError, bool) { return errors.AsType[*nacre.DamageError](err) }

func isDamage(err error) bool { return nacre.CodeOf(err) == nacre.CodeDamaged }

func asLocked(err error) (*vfs.LockedError, bool) { return errors.AsType[*vfs.LockedError](err) }

func sortedNames(files map[string]int64) []string { return slices.Sorted(maps.Keys(files)) }

// missing tells of a listed file that is not there.
func missing(err error) bool {
	d, ok := asDamage(err)
	return ok && d.Reason == fileMissing
}
