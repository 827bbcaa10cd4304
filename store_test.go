package nacre

import (
	"context"
	"errors"
	"strings"
	"testing"
)

func newFull() *fullDriver {
	return &fullDriver{fakeDriver: newFake(numbered(1, 3)...), system: newFake()}
}

// everything asks a store for all that it can do, and gives each answer's error.
func everything(ctx context.Context, s *Store) map[string]error {
	out := map[string]error{}
	_, out["Append"] = s.Append(ctx, "s-1", Any, plain(1))
	_, out["Commit"] = s.Commit(ctx, nil, Append{Stream: "s-1", Events: []Event{plain(1)}})
	_, out["Import"] = s.Import(ctx, Append{Stream: "s-1", Events: []Event{plain(1)}})
	for _, err := range s.Read(ctx, nil, nil) {
		out["Read"] = err
	}
	for _, err := range s.ReadStream(ctx, "s-1", nil) {
		out["ReadStream"] = err
	}
	for _, err := range s.ReadLines(ctx, nil, nil) {
		out["ReadLines"] = err
	}
	_, out["Version"] = s.Version(ctx, "s-1")
	_, _, out["FindEvent"] = s.FindEvent(ctx, "s-1", "a")
	_, out["Head"] = s.Head(ctx)
	out["Wait"] = s.Wait(ctx, 0)
	for _, err := range s.Streams(ctx, StreamQuery{}) {
		out["Streams"] = err
	}
	_, out["Stats"] = s.Stats(ctx)
	out["Backup"] = s.Backup(ctx, "dir")
	blobs, err := s.Blobs()
	if err != nil {
		out["Blobs"] = err
		return out
	}
	out["PutBlob"] = blobs.PutBlob(ctx, "a", nil)
	_, out["GetBlob"] = blobs.GetBlob(ctx, "a")
	out["DeleteBlob"] = blobs.DeleteBlob(ctx, "a")
	for _, err := range blobs.ListBlobs(ctx, "") {
		out["ListBlobs"] = err
	}
	return out
}

func TestStoreAnswers(t *testing.T) {
	for what, err := range everything(t.Context(), NewStore(newFull(), nil)) {
		if err != nil {
			t.Errorf("%s: %v", what, err)
		}
	}
}

func TestStoreGivesEveryErrorACode(t *testing.T) {
	d := newFull()
	d.err = errDisk
	for what, err := range everything(t.Context(), NewStore(d, nil)) {
		if CodeOf(err) != CodeInternal || !errors.Is(err, errDisk) {
			t.Errorf("%s, on a disk that fails: %v", what, err)
		}
	}
	d.err = &ConflictError{Stream: "s-1"}
	for what, err := range everything(t.Context(), NewStore(d, nil)) {
		if err != d.err {
			t.Errorf("%s, where the driver's error has a code: %v", what, err)
		}
	}
}

func TestStoreChecksTheContextFirst(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	d := newFull()
	for what, err := range everything(ctx, NewStore(d, nil)) {
		if CodeOf(err) != CodeCanceled {
			t.Errorf("%s with an ended context: %v", what, err)
		}
	}
	if len(d.calls) > 0 {
		t.Errorf("the driver was called: %v", d.calls)
	}
}

func TestStoreWithoutExtras(t *testing.T) {
	s := NewStore(newFake(), nil)
	if s.System() != nil {
		t.Error("a store has a companion log that its driver does not have")
	}
	got := everything(t.Context(), s)
	for _, what := range []string{"ReadLines", "Streams", "Stats", "Backup", "Blobs"} {
		if CodeOf(got[what]) != CodeUnsupported || !strings.Contains(got[what].Error(), "fakeDriver") {
			t.Errorf("%s of a driver without it: %v", what, got[what])
		}
	}
}

func TestStoreClose(t *testing.T) {
	d := newFull()
	s := NewStore(d, nil)
	system := s.System()
	for range 3 {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	}
	if d.count("Close") != 1 {
		t.Errorf("the driver was closed %d times", d.count("Close"))
	}
	for name, s := range map[string]*Store{"the store": s, "its companion": system} {
		for what, err := range everything(t.Context(), s) {
			if s == system && CodeOf(err) == CodeUnsupported {
				continue // what the fake companion never had
			}
			if CodeOf(err) != CodeClosed {
				t.Errorf("%s of %s after Close: %v", what, name, err)
			}
		}
	}
	d = newFull()
	d.err = errDisk
	if err := NewStore(d, nil).Close(); CodeOf(err) != CodeInternal {
		t.Errorf("a Close that fails: %v", err)
	}
}

func TestStoreSystem(t *testing.T) {
	d := newFull()
	s := NewStore(d, &Limits{BatchEvents: 1})
	if s.Driver() != Driver(d) || s.System().Driver() != Driver(d.system) || s.System().System() != nil {
		t.Error("the drivers are not those that were given")
	}
	if _, err := s.System().Append(t.Context(), "s-1", Any, plain(1), plain(2)); CodeOf(err) != CodeTooLarge {
		t.Errorf("the companion log has other limits: %v", err)
	}
	d.system = nil
	if NewStore(d, nil).System() != nil {
		t.Error("a driver without a companion log gives a store with one")
	}
}

func TestStoreVersion(t *testing.T) {
	d := newFake()
	s := NewStore(d, nil)
	if v, err := s.Version(t.Context(), "s-1"); v != -1 || err != nil {
		t.Errorf("the version of an absent stream is %d, %v", v, err)
	}
	d.add(Event{StreamID: "s-1", StreamPosition: 41})
	if v, err := s.Version(t.Context(), "s-1"); v != 41 || err != nil {
		t.Errorf("the version is %d, %v, want 41", v, err)
	}
	if _, err := s.Version(t.Context(), ""); CodeOf(err) != CodeInvalid {
		t.Errorf("the version of no stream: %v", err)
	}
}

func TestStoreFindEvent(t *testing.T) {
	d := newFull()
	e, found, err := NewStore(d, nil).FindEvent(t.Context(), "s-1", "a")
	if err != nil || !found || e.StreamID != "s-1" || e.ID != "a" || e.GlobalPosition != 7 || d.count("Read") > 0 {
		t.Errorf("of a driver that finds: %+v, %t, %v, after %d reads", e, found, err, d.count("Read"))
	}
	d.err = errDisk
	if e, found, err = NewStore(d, nil).FindEvent(t.Context(), "s-1", "a"); e.ID != "" || found || err == nil {
		t.Errorf("beside an error: %+v, %t, %v", e, found, err)
	}

	// A driver that only reads lends its events.
	lent := []byte(`{"n":1}`)
	reader := newFake(
		Event{StreamID: "s-2", ID: "a", Data: []byte(`{"n":0}`)}, Event{StreamID: "s-1", ID: "b"},
		Event{StreamID: "s-1", ID: "a", Data: lent},
	)
	s := NewStore(reader, nil)
	e, found, err = s.FindEvent(t.Context(), "s-1", "a")
	lent[5] = '#'
	if err != nil || !found || e.GlobalPosition != 3 || string(e.Data) != `{"n":1}` {
		t.Errorf("of a driver that reads: %+v, %t, %v", e, found, err)
	}
	for stream, id := range map[StreamID]string{"s-1": "A", "s-2": "b", "s-3": "a"} {
		if e, found, err := s.FindEvent(t.Context(), stream, id); found || err != nil || e.GlobalPosition > 0 {
			t.Errorf("%q of %q, which is not there: %+v, %t, %v", id, stream, e, found, err)
		}
	}
	d, reader.calls = newFull(), map[string]int{}
	for _, s := range []*Store{s, NewStore(d, nil)} {
		for stream, field := range map[StreamID]string{"": "streamId", "-1": "streamId", "$s": "streamId", "s\n-1": "streamId"} {
			_, _, err := s.FindEvent(t.Context(), stream, "a")
			expectInvalid(t, err, field)
		}
		for _, id := range []string{"", "a b", `a"`, `a\`, "ä", strings.Repeat("i", maxEventID+1)} {
			_, _, err := s.FindEvent(t.Context(), "s-1", id)
			expectInvalid(t, err, "eventId")
		}
	}
	if len(d.calls)+len(reader.calls) > 0 {
		t.Errorf("the drivers were called: %v, %v", d.calls, reader.calls)
	}
}

func expectInvalid(t *testing.T, err error, field string) {
	t.Helper()
	if e, ok := errors.AsType[*Error](err); !ok || e.Code != CodeInvalid || e.Field != field {
		t.Errorf("the error is %v, want it to be about %s", err, field)
	}
}

func TestBlobKeys(t *testing.T) {
	d := newFull()
	blobs, err := NewStore(d, nil).Blobs()
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"a", "A/b_c.d-9/0", "...", ".a", "a.", strings.Repeat("k", 200)} {
		if err := blobs.PutBlob(t.Context(), key, nil); err != nil {
			t.Errorf("the key %q: %v", key, err)
		}
	}
	d.calls = map[string]int{}
	for _, key := range []string{"", "/", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", "a b", "ä", "a\x00", "a\\b", "a:b", strings.Repeat("k", 201)} {
		_, got := blobs.GetBlob(t.Context(), key)
		for what, err := range map[string]error{
			"put": blobs.PutBlob(t.Context(), key, nil), "get": got, "delete": blobs.DeleteBlob(t.Context(), key),
		} {
			if e, ok := err.(*Error); !ok || e.Code != CodeInvalid || e.Field != "key" {
				t.Errorf("%s of the key %q: %v", what, key, err)
			}
		}
	}
	if len(d.calls) > 0 {
		t.Errorf("the driver was called: %v", d.calls)
	}
}
