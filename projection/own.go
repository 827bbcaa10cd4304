package projection

import (
	"context"
	"encoding/json"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

// own keeps the checkpoint of a writer of the user's.
type own[W any] struct {
	w     W
	blobs nacre.BlobKeeper

	mu sync.Mutex
}

// Own is a read model that the user writes: a search index, a file, another service. Its checkpoint stands beside
// the store's log and is written after w has been, so that after a crash w sees events again: it tells them by
// their GlobalPosition. A store without blobs is CodeUnsupported.
func Own[W any](store *nacre.Store, w W) (ReadModel[W], error) {
	blobs, err := store.Blobs()
	if err != nil {
		return nil, err
	}
	return &own[W]{w: w, blobs: blobs}, nil
}

func checkpointKey(name string) string { return "checkpoints/" + name + ".json" }

func (m *own[W]) Checkpoint(ctx context.Context, name string) (cp Checkpoint, err error) {
	data, err := m.blobs.GetBlob(ctx, checkpointKey(name))
	switch nacre.CodeOf(err) {
	case "":
		return cp, json.Unmarshal(data, &cp)
	case nacre.CodeNotFound, nacre.CodeDamaged:
		return cp, nil // at least once: from the start
	default:
		return cp, err
	}
}

func (m *own[W]) Update(ctx context.Context, name string, from, to Checkpoint, write func(W) error) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	is, err := m.Checkpoint(ctx, name)
	if err != nil {
		return err
	}
	if is != from {
		return Moved(name, is, from)
	}
	if err := write(m.w); err != nil || from == to {
		return err
	}
	data, err := codec.Marshal(to)
	if err != nil {
		return err
	}
	return m.blobs.PutBlob(ctx, checkpointKey(name), data)
}
