package server

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/wire"
)

// job is what a request has done to entities.
type job struct {
	x     *exchange
	db    Entities
	edits []entity.Edit
	o     entity.TxOptions
	bytes int
	// undo is what is to be taken back, instead of edits.
	undo []entity.Commit
	// positions are those of what is to be taken back, where the body has them.
	positions []nacre.Position
	// match are the tags of one of which the entity must be; nil is any.
	match []string
	// once is what the events of a request with an Idempotency-Key are known by; "" where it has none.
	once, request string
}

// outcome is what a job came to.
type outcome struct {
	entity.Applied
	duplicate bool
}

// onceTag stands before what a request with an Idempotency-Key is known by, in a tag of its events.
const onceTag = "idempotency:"

// onceMember is the member of their metadata that tells the key, and which request it was.
const onceMember = "idempotency"

type onceMetadata struct {
	Key     string `json:"key"`
	Request string `json:"request"`
}

// job checks what is to be done, before anything is.
func (x *exchange) job(strict bool, c *wire.CommandContext, edits ...entity.Edit) (*job, error) {
	j := &job{x: x, edits: edits, o: x.txOptions(c)}
	j.o.Strict = strict
	return j, j.check()
}

func (j *job) check() error {
	x, edits := j.x, j.edits
	for i := range edits {
		e := &edits[i]
		err := x.checkEntity(e.Collection, e.ID) // where it has no id yet, it could have any
		if err == nil {
			err = entity.CheckCollection(e.Collection)
		}
		if err != nil {
			return placed(len(edits), i, err)
		}
		j.bytes += len(e.Values) + len(e.Patch)
	}
	if err := j.know(); err != nil {
		return err
	}
	var err error
	j.db, err = x.entities()
	return err
}

// placed says which of many edits is wrong, as package entity does.
func placed(edits, i int, err error) error {
	if e, ok := errors.AsType[*nacre.Error](err); ok && edits > 1 && e.Field != "" {
		told := *e
		told.Field = fmt.Sprintf("edits[%d].%s", i, e.Field)
		return &told
	}
	return err
}

// know gives the events of a request with an Idempotency-Key a tag. It counts for the route and what its path names, so that
// the same text may be given to other entities.
func (j *job) know() error {
	key, err := j.x.idempotencyKey()
	if err != nil || key == "" {
		return err
	}
	p := &j.x.path
	j.once = onceTag + hashed(j.x.action.method, j.x.route.pattern, p.collection, p.entity, p.position, key)
	said, err := json.Marshal(j.edits)
	if err != nil {
		return &nacre.Error{Code: nacre.CodeInvalid, Field: "body", Message: "is not JSON: " + err.Error()}
	}
	j.request = hashed(string(said), strconv.FormatBool(j.o.Strict), fmt.Sprint(j.positions))
	metadata, _ := j.o.Metadata.(map[string]any)
	if metadata == nil {
		metadata = map[string]any{}
	}
	metadata[onceMember] = onceMetadata{Key: key, Request: j.request}
	j.o.Metadata, j.o.Tags = metadata, []string{j.once}
	return nil
}

// hashed is 128 bits of a hash of texts.
func hashed(texts ...string) string {
	h := sha256.New()
	for _, t := range texts {
		_, _ = h.Write([]byte(strconv.Itoa(len(t)) + ":" + t)) // never fails
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// run does the job, or finds that it was done.
func (j *job) run(ctx context.Context) (outcome, error) {
	done, err := j.before(ctx)
	if err != nil || done.duplicate {
		return done, err
	}
	if j.once != "" && !j.o.Strict && j.match == nil {
		j.o.Condition = &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Tags: []string{j.once}}}}
	}
	switch {
	case j.undo != nil:
		done.Commit, err = j.db.Undo(ctx, &j.o, j.undo...)
		done.IDs = idsIn(done.Events)
	case j.match != nil || j.o.Strict:
		done, err = j.strictly(ctx)
	default:
		done.Applied, err = j.db.Apply(ctx, &j.o, j.edits...)
	}
	if err != nil {
		// The same request may have come first, at the same time.
		if done, looked := j.before(ctx); looked != nil || done.duplicate {
			return done, looked
		}
		j.x.named.failed(err)
		return outcome{}, howToRestore(err)
	}
	if !done.duplicate && len(done.Events) > 0 {
		j.x.count([]nacre.Appended{{Events: done.Events}}, j.bytes)
	}
	return done, nil
}

// strictly does the job where nothing that it looks at has changed when it is committed. The same request is looked for once
// everything was read: one that comes later changes what was read.
func (j *job) strictly(ctx context.Context) (outcome, error) {
	o := j.o
	o.Strict = true
	for {
		tx := j.db.Begin(&o)
		var done outcome
		err := j.matches(ctx, tx)
		if err == nil {
			done.IDs, err = tx.Edit(ctx, j.edits...)
		}
		if before, looked := j.before(ctx); looked != nil || before.duplicate {
			return before, looked
		}
		if err == nil {
			done.Commit, err = tx.Commit(ctx)
		}
		if nacre.CodeOf(err) == nacre.CodeConditionFailed && j.match != nil {
			continue // what it is now does not match, or it came by a way that changed nothing
		}
		return done, err
	}
}

// matches refuses an entity that is not as the client has read it.
func (j *job) matches(ctx context.Context, tx *entity.Tx) error {
	if j.match == nil {
		return nil
	}
	v, err := tx.Get(ctx, j.edits[0].Collection, j.edits[0].ID)
	if err != nil {
		return err
	}
	heads, whole := headsTag(v.Heads), strings.Join(v.Heads, ".")
	for _, tag := range j.match {
		if of, _, _ := strings.Cut(tag, "~"); of == heads || of == whole || tag == "*" {
			return nil
		}
	}
	return nacre.Errorf(wire.CodePreconditionFailed, "%q in %s has changed since it was read: it is at %s now", v.ID, v.Collection,
		`"`+heads+`"`)
}

// before looks for the same request, and what it came to. Other edits under the same key are IDEMPOTENCY_CONFLICT.
func (j *job) before(ctx context.Context) (outcome, error) {
	if j.once == "" {
		return outcome{}, nil
	}
	var events []nacre.Event
	for e, err := range j.x.store.Read(ctx, nacre.Filter{{Tags: []string{j.once}}}, nil) {
		if err != nil {
			return outcome{}, err
		}
		if len(events) > 0 && e.TransactionID != events[0].TransactionID {
			break // somebody else gave the tag
		}
		events = append(events, e)
	}
	if len(events) == 0 {
		return outcome{}, nil
	}
	var metadata struct {
		Once onceMetadata `json:"idempotency"`
	}
	if json.Unmarshal(events[0].Metadata, &metadata) != nil || metadata.Once.Request != j.request {
		return outcome{}, nacre.Errorf(wire.CodeIdempotencyConflict,
			"the key was given before, with another request, which stands at position %d: take another key", events[0].GlobalPosition)
	}
	slices.SortFunc(events, func(a, b nacre.Event) int { return strings.Compare(a.ID, b.ID) })
	first := events[0].GlobalPosition
	out := outcome{duplicate: true}
	out.TransactionID, out.Events = events[0].ID, events
	out.First, out.Last = first, first
	for i := range events {
		out.First, out.Last = min(out.First, events[i].GlobalPosition), max(out.Last, events[i].GlobalPosition)
	}
	if out.IDs = idsIn(events); len(j.edits) > 0 {
		out.IDs = j.idsOf(events)
	}
	return out, nil
}

// idsIn are the ids of the entities that events are of.
func idsIn(events []nacre.Event) []string {
	ids := make([]string, len(events))
	for i := range events {
		ids[i] = events[i].StreamID.Rest()
	}
	return ids
}

// idsOf are the ids of the entities in the order of the edits. Those that were made without one stand in the events in the
// order of their edits.
func (j *job) idsOf(events []nacre.Event) []string {
	named := map[nacre.StreamID]bool{}
	for i := range j.edits {
		if e := &j.edits[i]; e.ID != "" {
			named[nacre.StreamID(e.Collection+"-"+e.ID)] = true
		}
	}
	ids := make([]string, len(j.edits))
	for i := range j.edits {
		e := &j.edits[i]
		if ids[i] = e.ID; e.ID != "" {
			continue
		}
		for len(events) > 0 && named[events[0].StreamID] {
			events = events[1:]
		}
		if len(events) > 0 {
			ids[i] = events[0].StreamID.Rest()
			events = events[1:]
		}
	}
	return ids
}

// howToRestore tells of a deleted entity how it comes back.
func howToRestore(err error) error {
	e, ok := errors.AsType[*nacre.Error](err)
	if !ok || e.Code != entity.CodeDeleted {
		return err
	}
	told := *e
	told.Message = strings.TrimSuffix(told.Message, ": restore it first") + ": POST …/restore brings it back"
	return &told
}
