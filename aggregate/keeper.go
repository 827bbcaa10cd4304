package aggregate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"reflect"
	"slices"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

// keeper keeps snapshots in the store's blobs: spec/aggregates.md is their format. One goroutine writes them,
// while there are any to be written.
type keeper[S any] struct {
	store    *nacre.Store
	blobs    nacre.BlobKeeper // nil where snapshots are not kept
	category string
	schema   int
	o        *Options

	mu      sync.Mutex
	waiting map[nacre.StreamID]snapshot[S] // the latest of each
	writing nacre.StreamID                 // whose is being written, until it is dropped
	running bool
	off     bool // states do not survive their encoding
	told    bool // a failure
	working sync.WaitGroup

	hurry    chan struct{} // closed when the repository closes
	hurrying sync.Once
}

// snapshot is a state with what it stands for.
type snapshot[S any] struct {
	state S
	at    place
}

// kept is a snapshot as it is written.
type kept struct {
	Stream        nacre.StreamID  `json:"stream"`
	Version       int64           `json:"version"`
	EventID       string          `json:"eventId"`
	Position      nacre.Position  `json:"position"`
	SchemaVersion int             `json:"schemaVersion"`
	State         json.RawMessage `json:"state"`
	CRC           string          `json:"crc"` // of the state
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func newKeeper[S any](store *nacre.Store, category string, schema int, o *Options) *keeper[S] {
	k := &keeper[S]{store: store, category: category, schema: schema, o: o, waiting: map[nacre.StreamID]snapshot[S]{}, hurry: make(chan struct{})}
	if o.SnapshotEvery < 0 && o.SnapshotAfter < 0 {
		return k
	}
	blobs, err := store.Blobs()
	if err != nil {
		return k // a driver without blobs
	}
	if hidden := lostByJSON(reflect.TypeFor[S](), nil); hidden != "" {
		o.Logger.Warn("snapshots are not kept: JSON would lose a part of the state; export it, or give the state MarshalJSON and UnmarshalJSON",
			"category", category, "field", hidden)
		return k
	}
	k.blobs = blobs
	return k
}

// lostByJSON is the path of a field that encoding would leave out, "" where there is none.
func lostByJSON(t reflect.Type, within []reflect.Type) string {
	if slices.Contains(within, t) {
		return ""
	}
	within = append(within, t)
	if encodesItself(t) {
		return ""
	}
	switch t.Kind() {
	case reflect.Pointer, reflect.Slice, reflect.Array, reflect.Map:
		return lostByJSON(t.Elem(), within)
	case reflect.Struct:
		for f := range t.Fields() {
			hidden := !f.IsExported() && (!f.Anonymous || f.Type.Kind() != reflect.Struct)
			if hidden || f.Tag.Get("json") == "-" {
				return t.String() + "." + f.Name
			}
			if inner := lostByJSON(f.Type, within); inner != "" {
				return inner
			}
		}
	case reflect.Func, reflect.Chan, reflect.Interface:
		return t.String() // what comes back from JSON is another type
	}
	return ""
}

func key(stream nacre.StreamID) string {
	sum := sha256.Sum256([]byte(stream))
	name := hex.EncodeToString(sum[:])
	return "snapshots/" + name[:2] + "/" + name
}

// keep has a snapshot written, sometime.
func (k *keeper[S]) keep(stream nacre.StreamID, state S, at place) {
	if k.blobs == nil {
		return
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.off {
		return
	}
	k.waiting[stream] = snapshot[S]{state: state, at: at}
	if !k.running {
		k.running = true
		k.working.Add(1)
		go k.work()
	}
}

// drop sees to it that no snapshot is written of what was given to keep so far, unless it is encoded already.
func (k *keeper[S]) drop(stream nacre.StreamID) {
	k.mu.Lock()
	defer k.mu.Unlock()
	delete(k.waiting, stream)
	if k.writing == stream {
		k.writing = ""
	}
}

func (k *keeper[S]) work() {
	over := false
	defer func() {
		defer k.working.Done()
		if over {
			return
		}
		// The encoding of a state ended the goroutine, as FailNow of a test does.
		k.mu.Lock()
		k.off, k.running = true, false
		clear(k.waiting)
		k.mu.Unlock()
		k.o.Logger.Warn("snapshots are not kept any more: the encoding of a state ended its goroutine", "category", k.category)
	}()
	for {
		k.mu.Lock()
		var stream nacre.StreamID
		var s snapshot[S]
		for stream, s = range k.waiting {
			break
		}
		if stream == "" || k.off {
			k.running, over = false, true
			clear(k.waiting)
			k.mu.Unlock()
			return
		}
		delete(k.waiting, stream)
		k.writing = stream
		k.mu.Unlock()
		begun := time.Now()
		if err := k.write(stream, &s); err != nil {
			k.failed(stream, err)
		}
		// A snapshot has syncs of its own, which the log's wait for.
		select {
		case <-time.After(rest * time.Since(begun)):
		case <-k.hurry:
		}
	}
}

// failed tells of the first snapshot that could not be kept. The log may be slow, so nothing is locked meanwhile.
func (k *keeper[S]) failed(stream nacre.StreamID, err error) {
	k.mu.Lock()
	told := k.told
	k.told = true
	k.mu.Unlock()
	if !told {
		k.o.Logger.Warn("a snapshot could not be kept; loading takes longer", "stream", string(stream), "error", err)
	}
}

// rest is how many times as long as a snapshot took the next one waits. Meanwhile a newer state of a stream
// takes the place of an older one.
const rest = 9

// wait returns when nothing is being written.
func (k *keeper[S]) wait() {
	k.hurrying.Do(func() { close(k.hurry) })
	k.working.Wait()
}

// writeWithin bounds how long a snapshot's write may take, which nobody waits for.
const writeWithin = time.Minute

func (k *keeper[S]) write(stream nacre.StreamID, s *snapshot[S]) error {
	state, err := k.encode(stream, s.state)
	k.mu.Lock()
	dropped := k.writing != stream
	k.off = k.off || err != nil && !dropped && !passes(err)
	k.mu.Unlock()
	if err != nil || dropped {
		return err
	}
	blob, err := codec.Marshal(kept{
		Stream: stream, Version: s.at.version, EventID: s.at.eventID, Position: s.at.position,
		SchemaVersion: k.schema, State: state, CRC: checksum(state),
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), writeWithin)
	defer cancel()
	return k.blobs.PutBlob(ctx, key(stream), blob)
}

// errNull is why a single state is not kept: it is another one than that before the first event, and its JSON is null.
var errNull = errors.New("the state is null as JSON, which comes back as the state before the first event")

// passes tells whether a state may well encode the next time, or another one: an error with a code is about what went
// wrong at the moment, as a guest's deadline, and not about what states are.
func passes(err error) bool {
	code := nacre.CodeOf(err)
	return code != "" && code != CodePanicked || errors.Is(err, errNull)
}

// encode gives a state's JSON, and makes sure that it comes back.
func (k *keeper[S]) encode(stream nacre.StreamID, state S) (text []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(context.Background(), k.o.Logger, stream, "the encoding of the state", v)
		}
	}()
	text, err = codec.Marshal(state)
	if err != nil {
		return nil, fmt.Errorf("the state does not encode as JSON: %w", err)
	}
	var back S
	if err := codec.Unmarshal(text, &back); err != nil {
		return nil, fmt.Errorf("the state does not come back from its JSON: %w", err)
	}
	again, err := codec.Marshal(back)
	if err != nil {
		return nil, fmt.Errorf("the state does not come back from its JSON: %w", err)
	}
	if !bytes.Equal(text, again) {
		return nil, fmt.Errorf("the state does not come back from its JSON: it was %.200s, and is %.200s", text, again)
	}
	// The text cannot tell of what never was in it: a field with the name of an embedding's, or all that is beside an
	// embedded type which encodes itself, and with that the whole.
	path, differ := unlike(&state, &back)
	if differ && string(text) == "null" {
		return nil, errNull
	}
	if differ {
		return nil, fmt.Errorf("the state does not come back from its JSON: %s is another one afterwards; "+
			"give it a JSON name of its own, or its type MarshalJSON and UnmarshalJSON, and Equal where what differs does not matter", path)
	}
	return text, nil
}

func checksum(state []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(state, castagnoli)) }

// find gives the snapshot of a stream, where there is one that can be believed: of this schema version, whole,
// and behind an event that stands in the stream.
func (k *keeper[S]) find(ctx context.Context, stream nacre.StreamID) (snapshot[S], bool) {
	var s snapshot[S]
	if k.blobs == nil {
		return s, false
	}
	blob, err := k.blobs.GetBlob(ctx, key(stream))
	if nacre.CodeOf(err) == nacre.CodeNotFound {
		return s, false
	}
	if err != nil {
		return s, k.ignored(stream, err)
	}
	var was kept
	if err := codec.Unmarshal(blob, &was); err != nil {
		return s, k.ignored(stream, err)
	}
	if was.Stream != stream || was.SchemaVersion != k.schema || was.CRC != checksum(was.State) {
		return s, k.ignored(stream, nil)
	}
	if s.state, err = k.decode(ctx, stream, was.State); err != nil {
		return s, k.ignored(stream, err)
	}
	for e, err := range k.store.ReadStream(ctx, stream, &nacre.ReadOptions{From: was.Version, Limit: 1}) {
		if err != nil || e.ID != was.EventID {
			return s, k.ignored(stream, err)
		}
		s.at = place{e.StreamPosition, e.GlobalPosition, e.ID}
		return s, true
	}
	return s, k.ignored(stream, nil)
}

// decode reads a state's JSON; the state may do that itself.
func (k *keeper[S]) decode(ctx context.Context, stream nacre.StreamID, text []byte) (state S, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = panicked(ctx, k.o.Logger, stream, "the decoding of a snapshot's state", v)
		}
	}()
	err = codec.Unmarshal(text, &state)
	return state, err
}

// ignored tells why a snapshot is not used. It never is an error: the events are the truth.
func (k *keeper[S]) ignored(stream nacre.StreamID, err error) bool {
	k.o.Logger.Debug("a snapshot is outdated or damaged, and ignored", "stream", string(stream), "error", err)
	return false
}
