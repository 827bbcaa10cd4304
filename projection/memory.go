package projection

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

// MemoryOptions: nil is the defaults.
type MemoryOptions struct {
	// SnapshotEvery is after how many positions a snapshot is kept beside the log, and one is when the runner
	// stops. Default 100,000; negative is never.
	SnapshotEvery int
}

// Memory is a read model in a Go value of type S, which each process has for itself. It is filled from a snapshot,
// where there is one, and the log behind it. S has to survive its JSON for that; otherwise set SnapshotEvery to
// -1. It keeps one projection. Its methods may be called from many goroutines.
type Memory[S any] struct {
	blobs nacre.BlobKeeper // nil where snapshots are not kept
	every nacre.Position

	mu     sync.RWMutex
	state  S
	cp     Checkpoint
	kept   Checkpoint // the last snapshot's
	name   string     // of its projection, once it has one
	loaded bool

	writing sync.Mutex // one snapshot at a time
}

// NewMemory makes an empty one, which keeps its snapshots beside the store's log.
func NewMemory[S any](store *nacre.Store, o *MemoryOptions) *Memory[S] {
	m := &Memory[S]{every: 100_000}
	if o != nil && o.SnapshotEvery != 0 {
		m.every = nacre.Position(max(0, o.SnapshotEvery))
	}
	if m.every > 0 {
		m.blobs, _ = store.Blobs() // a driver without blobs keeps no snapshots
	}
	return m
}

func (*Memory[S]) private() {}

// View lets look at the state, which does not change meanwhile. What is in it must not be kept, nor changed.
func (m *Memory[S]) View(look func(state *S)) {
	m.mu.RLock()
	defer m.mu.RUnlock()
	look(&m.state)
}

// snapshot is what stands in the blob: spec/projections.md.
type snapshot struct {
	Name string `json:"name"`
	Checkpoint
	State json.RawMessage `json:"state"`
	CRC   string          `json:"crc"` // of the state
}

func key(name string) string { return "projections/" + name + ".json" }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(state []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(state, castagnoli)) }

// Checkpoint implements [ReadModel].
func (m *Memory[S]) Checkpoint(ctx context.Context, name string) (Checkpoint, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.name != "" && m.name != name {
		return Checkpoint{}, invalid("name", "is %q, and this read model keeps %q: make one for each projection", name, m.name)
	}
	m.name = name
	if !m.loaded {
		if err := m.load(ctx); err != nil {
			return Checkpoint{}, err
		}
		m.loaded = true
	}
	return m.cp, nil
}

// load begins with the snapshot, or with nothing where there is none that can be believed. m.mu is held.
func (m *Memory[S]) load(ctx context.Context) error {
	var none S
	m.state, m.cp, m.kept = none, Checkpoint{}, Checkpoint{}
	if m.blobs == nil {
		return nil
	}
	data, err := m.blobs.GetBlob(ctx, key(m.name))
	switch nacre.CodeOf(err) {
	case "":
	case nacre.CodeNotFound, nacre.CodeDamaged:
		return nil
	default:
		return err
	}
	var s snapshot
	if codec.Unmarshal(data, &s) != nil || s.Name != m.name || s.CRC != checksum(s.State) {
		return nil //nolint:nilerr // it is derived: the log has it all
	}
	var state S
	if codec.Unmarshal(s.State, &state) != nil {
		return nil //nolint:nilerr // as above
	}
	m.state, m.cp, m.kept = state, s.Checkpoint, s.Checkpoint
	return nil
}

// Update implements [ReadModel]. Where write fails, the state is what the last snapshot says.
func (m *Memory[S]) Update(ctx context.Context, name string, from, to Checkpoint, write func(*S) error) error {
	if _, err := m.Checkpoint(ctx, name); err != nil {
		return err
	}
	m.mu.Lock()
	if m.cp != from {
		defer m.mu.Unlock()
		return Moved(name, m.cp, from)
	}
	err := write(&m.state)
	if err != nil {
		// Half of a batch must not count. Until it has been applied again, the state is an earlier one.
		m.loaded = m.load(context.WithoutCancel(ctx)) == nil
		m.mu.Unlock()
		return err
	}
	m.cp = to
	due := m.blobs != nil && to.Position >= m.kept.Position+m.every
	m.mu.Unlock()
	if due {
		_ = m.Flush(ctx, name) // a snapshot that cannot be kept is tried again later, and is not needed
	}
	return nil
}

// Flush keeps a snapshot, unless one of this position is there.
func (m *Memory[S]) Flush(ctx context.Context, name string) error {
	if m.blobs == nil {
		return nil
	}
	m.writing.Lock()
	defer m.writing.Unlock()
	m.mu.RLock()
	cp, same := m.cp, m.cp == m.kept || !m.loaded
	var state []byte
	var err error
	if !same {
		state, err = codec.Marshal(m.state)
	}
	m.mu.RUnlock()
	if same || err != nil {
		return err
	}
	data, err := codec.Marshal(snapshot{Name: name, Checkpoint: cp, State: state, CRC: checksum(state)})
	if err != nil {
		return err
	}
	if err := m.blobs.PutBlob(ctx, key(name), data); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.kept = cp
	return nil
}

// Reset implements [Resetter].
func (m *Memory[S]) Reset(ctx context.Context, name string) error {
	if m.blobs != nil {
		if err := m.blobs.DeleteBlob(ctx, key(name)); err != nil {
			return err
		}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var none S
	m.state, m.cp, m.kept, m.loaded, m.name = none, Checkpoint{}, Checkpoint{}, true, name
	return nil
}

// Fresh implements [Rebuilder].
func (*Memory[S]) Fresh(_ context.Context, name string) (ReadModel[*S], error) {
	return &Memory[S]{name: name, loaded: true}, nil
}

// Swap implements [Rebuilder].
func (m *Memory[S]) Swap(ctx context.Context, name string, fresh ReadModel[*S]) error {
	f, ok := fresh.(*Memory[S])
	if !ok {
		return invalid("fresh", "is a %T, which this read model did not make", fresh)
	}
	m.mu.Lock()
	m.state, m.cp, m.kept, m.loaded = f.state, f.cp, Checkpoint{}, true
	m.mu.Unlock()
	return m.Flush(ctx, name)
}

// Discard implements [Rebuilder].
func (*Memory[S]) Discard(context.Context, string, ReadModel[*S]) error { return nil }
