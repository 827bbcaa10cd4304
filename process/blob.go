package process

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
)

// blobFormat is the version of the blob's format. A blob of another one is not read.
const blobFormat = 1

// blobBody is what a start need not read from the log.
type blobBody struct {
	Format    int            `json:"format"`
	Place     nacre.Position `json:"place"`
	ID        string         `json:"id"`
	Version   int64          `json:"version"`
	Position  nacre.Position `json:"position"`
	Epoch     string         `json:"epoch"`
	Seen      *place         `json:"seen,omitempty"`
	Known     nacre.Position `json:"known,omitempty"`
	Held      []held         `json:"held,omitempty"`
	Instances []blobInstance `json:"instances,omitempty"`
}

type blobInstance struct {
	ID      string `json:"id"`
	Version int64  `json:"version"`
	record
}

// blob is the envelope.
type blob struct {
	CRC32C string          `json:"crc32c"`
	Body   json.RawMessage `json:"body"`
}

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(body []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(body, castagnoli)) }

// sortedHeld are the keys of what is held, in the order of the log.
func sortedHeld(m map[string]held) []string {
	return slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		x, y := m[a], m[b]
		return cmp.Or(cmp.Compare(x.Position, y.Position), cmp.Compare(x.Index, y.Index), cmp.Compare(a, b))
	})
}

// blob is what the engine knows, as of its last commit.
func (e *engine) blob() ([]byte, error) {
	b := blobBody{
		Format: blobFormat, Place: e.last.Position, ID: e.last.ID, Version: e.version, Position: e.position, Epoch: e.epoch, Seen: e.lastSeen,
	}
	if e.careful > e.position {
		b.Known = e.careful
	}
	for _, key := range sortedHeld(e.heldNow) {
		b.Held = append(b.Held, e.heldNow[key])
	}
	for _, id := range slices.Sorted(maps.Keys(e.book.all)) {
		if in := e.book.all[id]; in.t.open() {
			r := in.t.record(nil)
			r.Outbox = nil
			for _, c := range in.t.outbox { // those that are dispatched, too, until a commit says so
				r.Outbox = append(r.Outbox, c.command)
			}
			b.Instances = append(b.Instances, blobInstance{ID: id, Version: in.t.version, record: *r})
		}
	}
	body, err := codec.Marshal(&b)
	if err != nil {
		return nil, err
	}
	return fmt.Appendf(nil, `{"crc32c":"%s","body":%s}`, checksum(body), body), nil
}

// wantsBlob tells whether so much has been written since the last blob that a new one is worth its while.
func (e *engine) wantsBlob(every int) bool {
	return e.records >= every && e.records >= len(e.book.all)-e.book.idle.Len()
}

// writeBlob keeps what the engine knows.
func (l *ledger) writeBlob(ctx context.Context, e *engine) error {
	data, err := e.blob()
	if err != nil {
		return err
	}
	if err := l.blobs.PutBlob(ctx, blobKey(l.name), data); err != nil {
		return err
	}
	e.records = 0
	return nil
}

// readBlob teaches an engine what the blob says, where there is one that is true.
func (l *ledger) readBlob(ctx context.Context, e *engine) error {
	data, err := l.blobs.GetBlob(ctx, blobKey(l.name))
	switch nacre.CodeOf(err) {
	case "":
	case nacre.CodeNotFound:
		return nil
	case nacre.CodeDamaged:
		l.log.Warn("what a process manager kept of itself is damaged, and is made again from the log", "manager", l.name, "error", err)
		return nil
	default:
		return err
	}
	var outer blob
	var b blobBody
	problem := ""
	switch {
	case codec.Unmarshal(data, &outer) != nil:
		problem = "it is no JSON"
	case checksum(outer.Body) != outer.CRC32C:
		problem = "its checksum is wrong"
	case codec.Unmarshal(outer.Body, &b) != nil:
		problem = "it has another shape"
	case b.Format != blobFormat || b.Version < 0:
		problem = "it is of another format"
	default:
		there, err := l.commitStands(ctx, &b)
		if err != nil {
			return err
		}
		if !there {
			problem = "it is not of this companion log"
		}
	}
	if problem != "" {
		l.log.Warn("what a process manager kept of itself is not read, and is made again from the log", "manager", l.name, "reason", problem)
		return nil
	}
	e.version, e.last = b.Version, place{Position: b.Place, ID: b.ID}
	e.learnCommit(&committed{Position: b.Position, Epoch: b.Epoch, Seen: b.Seen, Known: b.Known, Held: b.Held})
	for i := range b.Instances {
		in := &b.Instances[i]
		e.learn(in.ID, truthOf(in.Version, &in.record))
	}
	return nil
}

// commitStands tells whether the companion log has the commit that a blob ends with.
func (l *ledger) commitStands(ctx context.Context, b *blobBody) (bool, error) {
	o := &nacre.ReadOptions{From: b.Version, Limit: 1}
	for e, err := range l.system.ReadStream(ctx, commitStream(l.name), o) {
		if err != nil {
			return false, err
		}
		return e.ID == b.ID && e.GlobalPosition == b.Place, nil
	}
	return false, nil
}
