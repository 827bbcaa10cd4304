package entity

import (
	"context"
	"crypto/rand"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/query"
)

// TxOptions are the options of a transaction; nil is the defaults.
type TxOptions struct {
	// Actor is who does it; it stands in the metadata of the events. Default: nobody.
	Actor string
	// Caller is whom policies let do it, and see what it is about. Default: nobody asks, and they do not count.
	Caller *Caller
	// Metadata is what else stands there: anything that encodes as a JSON object. Default: nothing.
	Metadata any
	// Tags are those of every event. Default: none.
	Tags []string
	// Strict has the commit fail with APPEND_CONDITION_FAILED where an entity that was read has changed since. Default: it
	// merges.
	Strict bool
	// Condition has the commit fail with APPEND_CONDITION_FAILED where it does not hold then. It does not go with Strict.
	// Default: none.
	Condition *nacre.Condition
}

// Tx is a transaction over any entities of a DB: what it got stays as it was, it reads its own writes, and all of them are
// committed as one batch, or none. Others see nothing before. It is for one goroutine at a time, and needs no end: one that
// is not committed leaves nothing behind.
type Tx struct {
	db    *DB
	o     TxOptions
	read  map[name]*held
	order []*held // as they were got
	since nacre.Position
	over  bool
}

// held is an entity as a transaction has it.
type held struct {
	name
	draft   *merge.Draft
	schema  *merge.Schema
	exists  bool
	deleted bool
	created bool // here
	hidden  bool // a policy does not let the caller read it
}

// Commit is what a transaction came to. The zero Commit says that there was nothing to write.
type Commit struct {
	// TransactionID is the id of its first event.
	TransactionID string `json:"transactionId"`
	// First and Last are the positions of its events.
	First nacre.Position `json:"firstPosition"`
	Last  nacre.Position `json:"lastPosition"`
	// Events are as stored, one for each entity that changed, in the order in which the transaction got them.
	Events []nacre.Event `json:"-"`
}

// Begin begins a transaction.
func (db *DB) Begin(o *TxOptions) *Tx {
	tx := &Tx{db: db, read: map[name]*held{}}
	if o != nil {
		tx.o = *o
	}
	return tx
}

// Transact runs a function with a transaction, and commits it where the function returns nil.
func (db *DB) Transact(ctx context.Context, o *TxOptions, do func(tx *Tx) error) (Commit, error) {
	tx := db.Begin(o)
	if err := do(tx); err != nil {
		tx.Rollback()
		return Commit{}, err
	}
	return tx.Commit(ctx)
}

// Rollback gives the transaction up.
func (tx *Tx) Rollback() { tx.over = true }

// hold gets an entity, as it was at the first time.
func (tx *Tx) hold(ctx context.Context, collection, id string) (*held, error) {
	if tx.over {
		return nil, nacre.Errorf(nacre.CodeClosed, "the transaction is over: begin another one")
	}
	n := name{collection, id}
	if h := tx.read[n]; h != nil {
		return h, nil
	}
	if err := CheckCollection(collection); err != nil {
		return nil, err
	}
	if err := CheckID(collection, id); err != nil {
		return nil, err
	}
	if err := tx.db.current(ctx); err != nil {
		return nil, err
	}
	s, err := tx.db.schema(collection)
	if err != nil {
		return nil, err
	}
	h := &held{name: n, schema: s}
	err = tx.db.load(ctx, n, func(st *state) {
		at := tx.db.mark.Position
		if len(tx.order) == 0 || at < tx.since {
			tx.since = at
		}
		if st == nil {
			h.draft = merge.NewDraft(merge.New())
			return
		}
		h.exists, h.deleted = len(st.entity.Heads()) > 0, st.entity.Deleted()
		h.draft = merge.NewDraft(st.entity)
	})
	if err != nil {
		return nil, err
	}
	if tx.o.Caller != nil && h.exists {
		h.hidden = !tx.db.mayRead(collection, tx.o.Caller, query.NewObject(id, s.AppendValues(nil, h.draft)))
	}
	tx.read[n] = h
	tx.order = append(tx.order, h)
	return h, nil
}

// living gets an entity that is to be there.
func (tx *Tx) living(ctx context.Context, collection, id string) (*held, error) {
	h, err := tx.hold(ctx, collection, id)
	switch {
	case err != nil:
		return nil, err
	case !h.exists && !h.created, h.hidden:
		return nil, errAbsent(name{collection, id})
	case h.draft.Deleted():
		return nil, nacre.Errorf(CodeDeleted, "%q in %s is deleted: restore it first", id, collection)
	}
	return h, nil
}

// Get is an entity with the transaction's own edits. One that does not exist is CodeNotFound, a deleted one CodeDeleted.
func (tx *Tx) Get(ctx context.Context, collection, id string) (*View, error) {
	h, err := tx.living(ctx, collection, id)
	if err != nil {
		return nil, err
	}
	return &View{Collection: collection, ID: id, Values: h.schema.AppendValues(nil, h.draft), Heads: parentTexts(h.draft)}, nil
}

func parentTexts(d *merge.Draft) []string {
	parents := d.Parents()
	out := make([]string, len(parents))
	for i, id := range parents {
		out[i] = id.String()
	}
	return out
}

// Create makes an entity of values by name: a JSON object. An empty id has one made, a ULID. Where there is one of that id
// already, deleted or not, it fails with CodeExists, here or at the commit.
func (tx *Tx) Create(ctx context.Context, collection, id string, values json.RawMessage) (string, error) {
	if id == "" {
		id = nacre.NewID()
	}
	h, err := tx.hold(ctx, collection, id)
	if err != nil {
		return "", err
	}
	if h.exists || h.created {
		return "", errExists(collection, id)
	}
	if len(values) > 0 {
		patch := slices.Concat([]byte(`{"set":`), values, []byte{'}'})
		if err := h.schema.Patch(h.draft, patch); err != nil {
			h.draft = merge.NewDraft(merge.New()) // there is nothing
			return "", inValues(err)
		}
	}
	h.created = true
	return id, nil
}

// inValues says of values what was said of a patch that sets them.
func inValues(err error) error {
	e, ok := errors.AsType[*nacre.Error](err)
	if !ok {
		return err
	}
	told := *e
	if rest, ok := strings.CutPrefix(told.Field, "set"); ok {
		told.Field = "values" + rest
	}
	return &told
}

func errExists(collection, id string) error {
	return nacre.Errorf(CodeExists, "there is a %q in %s already: choose another id, or edit that one", id, collection)
}

// Patch edits an entity in a user's terms: {"set":{…},"add":{…},"remove":{…}}, each by property, as spec/merge.md says for
// each kind. An edit that fails may have been made in part: roll back.
func (tx *Tx) Patch(ctx context.Context, collection, id string, patch json.RawMessage) error {
	h, err := tx.living(ctx, collection, id)
	if err != nil {
		return err
	}
	return h.schema.Patch(h.draft, patch)
}

// Delete marks an entity as deleted. Its history stays, and so does what others do to it meanwhile.
func (tx *Tx) Delete(ctx context.Context, collection, id string) error {
	h, err := tx.living(ctx, collection, id)
	if err != nil {
		return err
	}
	h.draft.Delete()
	return nil
}

// Restore takes a deletion back. An entity that is not deleted stays as it is.
func (tx *Tx) Restore(ctx context.Context, collection, id string) error {
	h, err := tx.hold(ctx, collection, id)
	if err != nil {
		return err
	}
	if !h.exists && !h.created || h.hidden {
		return errAbsent(name{collection, id})
	}
	h.draft.Restore()
	return nil
}

// Commit writes what was edited, and returns when it is durable. What changes nothing writes nothing, unless it settles a
// conflict. The transaction is over then, whatever comes of it.
func (tx *Tx) Commit(ctx context.Context) (Commit, error) {
	if tx.over {
		return Commit{}, nacre.Errorf(nacre.CodeClosed, "the transaction is over: begin another one")
	}
	tx.over = true
	metadata, err := tx.metadata()
	if err != nil {
		return Commit{}, err
	}
	var batch []nacre.Append
	var parents [][]merge.ID
	for _, h := range tx.order {
		data := h.draft.Data()
		if data == nil && !h.created {
			continue
		}
		if data == nil {
			data = []byte("{}")
		}
		e := nacre.Event{Type: h.collection + "." + h.verb(), Data: data, Metadata: metadata, Tags: tx.o.Tags}
		a := nacre.Append{Stream: h.stream(), Expected: nacre.Any, Events: []nacre.Event{e}}
		if h.created {
			a.Expected = nacre.NoStream
		}
		batch = append(batch, a)
		parents = append(parents, h.draft.Parents())
	}
	return tx.write(ctx, batch, parents)
}

// write commits a batch, one event an append, on parents.
func (tx *Tx) write(ctx context.Context, batch []nacre.Append, parents [][]merge.ID) (Commit, error) {
	if tx.o.Strict && tx.o.Condition != nil {
		return Commit{}, invalid("condition", "does not go with Strict: give one of them")
	}
	if len(batch) == 0 {
		return Commit{}, nil
	}
	if err := stamp(tx.db, batch, parents); err != nil {
		return Commit{}, err
	}
	if tx.o.Caller != nil {
		return tx.permitted(ctx, batch)
	}
	return tx.db.commit(ctx, tx.condition(), batch)
}

// stamp gives the events of a batch, one an append, their parents and ids.
func stamp(db *DB, batch []nacre.Append, parents [][]merge.ID) error {
	var greatest merge.ID
	for _, list := range parents {
		for _, id := range list {
			if id.Compare(greatest) > 0 {
				greatest = id
			}
		}
	}
	var random [8]byte
	_, _ = rand.Read(random[:]) // never fails
	ids, err := merge.NewIDs(db.o.Now(), greatest, binary.LittleEndian.Uint64(random[:]), len(batch))
	if err != nil {
		return err
	}
	for i := range batch {
		e := &batch[i].Events[0]
		e.ID, e.Parents = ids[i].String(), idTexts(parents[i])
	}
	return nil
}

// verb is what the event's type says: it is for people and filters.
func (h *held) verb() string {
	switch deleted := h.draft.Deleted(); {
	case h.created:
		return "created"
	case deleted && !h.deleted:
		return "deleted"
	case !deleted && h.deleted:
		return "restored"
	}
	return "changed"
}

// condition is what the commit depends on: that nothing that was read has changed, where that is wanted.
func (tx *Tx) condition() *nacre.Condition {
	if !tx.o.Strict {
		return tx.o.Condition
	}
	streams := make([]nacre.StreamID, len(tx.order))
	for i, h := range tx.order {
		streams[i] = h.stream()
	}
	return &nacre.Condition{FailIfEventsMatch: nacre.Filter{{Streams: streams}}, After: tx.since}
}

func (tx *Tx) metadata() (json.RawMessage, error) {
	return metadataOf(tx.o.Metadata, tx.o.Actor)
}

// metadataOf is a metadata object with an actor.
func metadataOf(metadata any, actor string) (json.RawMessage, error) {
	members := map[string]json.RawMessage{}
	if metadata != nil {
		raw, err := json.Marshal(metadata)
		if err == nil {
			err = json.Unmarshal(raw, &members)
		}
		if err != nil {
			return nil, invalid("metadata", "is no JSON object: %w", err)
		}
	}
	if actor != "" {
		raw, err := json.Marshal(actor)
		if err != nil {
			return nil, invalid("actor", "%w", err)
		}
		members["actor"] = raw
	}
	if len(members) == 0 {
		return nil, nil
	}
	return json.Marshal(members)
}

// commit appends a batch of events, once the tables are not too far behind.
func (db *DB) commit(ctx context.Context, c *nacre.Condition, batch []nacre.Append) (Commit, error) {
	if err := db.slowDown(ctx); err != nil {
		return Commit{}, err
	}
	done, err := db.store.Commit(ctx, c, batch...)
	if err != nil {
		return Commit{}, told(err)
	}
	out := Commit{TransactionID: batch[0].Events[0].ID, First: done[0].Events[0].GlobalPosition}
	for i := range done {
		out.Events = append(out.Events, done[i].Events...)
		out.First, out.Last = min(out.First, done[i].Events[0].GlobalPosition), max(out.Last, done[i].Position())
	}
	return out, nil
}

// told says of entities what the store says of streams.
func told(err error) error {
	if conflict, ok := errors.AsType[*nacre.ConflictError](err); ok && conflict.Expected == nacre.NoStream {
		n := nameOf(conflict.Stream)
		return errExists(n.collection, n.id)
	}
	return err
}

// slowDown waits while too many changes wait for the tables.
func (db *DB) slowDown(ctx context.Context) error {
	for {
		if db.ctx.Err() != nil {
			return errClosed()
		}
		db.mu.Lock()
		full, room := len(db.states.dirty) >= db.o.Lag, db.room
		db.mu.Unlock()
		if !full {
			return nil
		}
		if _, err := db.written.state(); err != nil {
			return fmt.Errorf("the tables of the entities are %d changes behind: %w", db.o.Lag, err)
		}
		select {
		case <-room:
		case <-ctx.Done():
			return ctx.Err()
		case <-db.ctx.Done():
			return errClosed()
		}
	}
}

// Edit is one edit of many: see [DB.Apply].
type Edit struct {
	// Do is "create", "patch", "delete" or "restore".
	Do         string `json:"do"`
	Collection string `json:"collection"`
	// ID is the entity's. A creation without one has one made.
	ID string `json:"id,omitempty"`
	// Values are those of a creation, by name.
	Values json.RawMessage `json:"values,omitempty"`
	// Patch is as for Tx.Patch.
	Patch json.RawMessage `json:"patch,omitempty"`
}

// Applied is what edits came to: the commit, and the ids of the entities, in the order of the edits.
type Applied struct {
	Commit
	IDs []string `json:"ids"`
}

// Apply makes edits, all or nothing, each of an entity as it is then: edits of one entity that are made by way of this DB
// come one after the other, so that each of them replaces what the one before wrote.
func (db *DB) Apply(ctx context.Context, o *TxOptions, edits ...Edit) (Applied, error) {
	var out Applied
	names := make([]name, 0, len(edits))
	for i := range edits {
		if edits[i].ID != "" { // what is made is nobody else's
			names = append(names, name{edits[i].Collection, edits[i].ID})
		}
	}
	unlock, err := db.locks.lock(ctx, names)
	if err != nil {
		return Applied{}, err
	}
	defer unlock()
	out.Commit, err = db.Transact(ctx, o, func(tx *Tx) error {
		out.IDs, err = tx.Edit(ctx, edits...)
		return err
	})
	if err != nil {
		return Applied{}, err
	}
	return out, nil
}

// Edit makes edits in their order. It gives the ids of the entities; an error says which edit is wrong, where there are many.
func (tx *Tx) Edit(ctx context.Context, edits ...Edit) (ids []string, err error) {
	ids = make([]string, len(edits))
	for i := range edits {
		e := &edits[i]
		ids[i] = e.ID
		switch e.Do {
		case "create":
			ids[i], err = tx.Create(ctx, e.Collection, e.ID, e.Values)
		case "patch":
			err = tx.Patch(ctx, e.Collection, e.ID, e.Patch)
		case "delete":
			err = tx.Delete(ctx, e.Collection, e.ID)
		case "restore":
			err = tx.Restore(ctx, e.Collection, e.ID)
		default:
			err = invalid("do", `is %.40q: give "create", "patch", "delete" or "restore"`, e.Do)
		}
		if err != nil {
			return nil, at(len(edits), i, err)
		}
	}
	return ids, nil
}

// at says which one of many edits is wrong.
func at(edits, i int, err error) error {
	e, ok := errors.AsType[*nacre.Error](err)
	if edits < 2 || !ok {
		return err
	}
	told := *e
	told.Field = strings.TrimSuffix(fmt.Sprintf("edits[%d].%s", i, e.Field), ".")
	return &told
}
