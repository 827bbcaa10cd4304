package entity

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/query"
)

// policyTries is how often a commit is tried again where an entity has changed between its policies' evaluation and the append.
const policyTries = 50

// permitted commits a batch of a caller, where policies let him: they are evaluated on the entities as they are, and the batch
// is appended only if these have not changed since.
func (tx *Tx) permitted(ctx context.Context, batch []nacre.Append) (Commit, error) {
	given := make([]nacre.ExpectedVersion, len(batch))
	for i := range batch {
		given[i] = batch[i].Expected
	}
	for try := 1; ; try++ {
		for i := range batch {
			version, err := tx.db.store.Version(ctx, batch[i].Stream)
			if err != nil {
				return Commit{}, err
			}
			if batch[i].Expected = given[i]; given[i] == nacre.Any && version >= 0 {
				batch[i].Expected = nacre.Exactly(version)
			}
		}
		// What is folded by now has what these versions have, and perhaps more; then the append fails.
		if err := tx.db.current(ctx); err != nil {
			return Commit{}, err
		}
		c := tx.condition()
		policies := nacre.Condition{FailIfEventsMatch: nacre.Filter{{}}}
		for i := range batch {
			at, err := tx.permit(ctx, batch[i].Stream, batch[i].Events[0])
			if err != nil {
				return Commit{}, err
			}
			if stream := nacre.StreamID(policyStream + batch[i].Stream.Category()); !slices.Contains(policies.FailIfEventsMatch[0].Streams, stream) {
				policies.FailIfEventsMatch[0].Streams = append(policies.FailIfEventsMatch[0].Streams, stream)
			}
			if i == 0 || at < policies.After {
				policies.After = at
			}
		}
		both, holds, err := tx.db.both(ctx, c, policies)
		if err != nil {
			return Commit{}, err
		}
		if holds {
			c = both
		}
		out, err := tx.db.commit(ctx, c, batch)
		switch code := nacre.CodeOf(err); {
		case try == policyTries:
		case code == nacre.CodeVersionConflict, code == nacre.CodeConditionFailed && holds:
			continue
		}
		return out, err
	}
}

// both is the condition that another one holds, which may be nil, and that policies stand; it is not where the other one does not
// hold up to there, which the append is left to say.
func (db *DB) both(ctx context.Context, c *nacre.Condition, policies nacre.Condition) (_ *nacre.Condition, holds bool, err error) {
	if c == nil {
		return &policies, true, nil
	}
	for _, err := range db.store.Read(ctx, c.FailIfEventsMatch, &nacre.ReadOptions{After: c.After, Before: policies.After + 1, Limit: 1, Borrowed: true}) {
		return nil, false, err
	}
	if len(c.FailIfEventsMatch) > 0 { // else it is of all events
		policies.FailIfEventsMatch = slices.Concat(c.FailIfEventsMatch, policies.FailIfEventsMatch)
	} else {
		policies.FailIfEventsMatch = nil
	}
	return &policies, true, nil
}

// sees fails where the caller may not read an entity, as if it were not there.
func (tx *Tx) sees(ctx context.Context, n name) error {
	if tx.o.Caller == nil {
		return nil
	}
	s, err := tx.db.schema(n.collection)
	if err != nil {
		return err
	}
	var row *query.Object
	err = tx.db.load(ctx, n, func(st *state) {
		if st != nil && len(st.entity.Heads()) > 0 {
			row = query.NewObject(n.id, s.AppendValues(nil, st.entity))
		}
	})
	if err == nil && (row == nil || !tx.db.mayRead(n.collection, tx.o.Caller, row)) {
		err = errAbsent(n)
	}
	return err
}

// permit evaluates the policies of an entity for an event, and gives the position up to where it knows them.
func (tx *Tx) permit(ctx context.Context, stream nacre.StreamID, e nacre.Event) (at nacre.Position, err error) {
	n := nameOf(stream)
	s, err := tx.db.schema(n.collection)
	if err != nil {
		return 0, err
	}
	e.StreamID = stream
	ev, err := merge.Decode(&e)
	if err != nil {
		return 0, err
	}
	var r *rules
	now := merge.New()
	err = tx.db.load(ctx, n, func(st *state) {
		r, at = tx.db.policies[n.collection], tx.db.mark.Position
		if st != nil {
			now = st.entity.Clone()
		}
	})
	if err != nil || r == nil {
		return at, err
	}
	refuse := func(what string, cause error) error {
		if cause != nil {
			return denied("the policy for writing %s cannot be evaluated for you: %w", n.collection, cause)
		}
		return denied("the policy for writing %s does not let you %s %q", n.collection, what, n.id)
	}
	if r.broken != nil {
		return 0, refuse("", r.broken)
	}
	created := len(now.Heads()) == 0
	if !created {
		before := query.NewObject(n.id, s.AppendValues(nil, now))
		if !tx.db.mayRead(n.collection, tx.o.Caller, before) {
			return 0, errAbsent(n)
		}
		if ok, err := tx.db.allows(n.collection, r.write, tx.o.Caller, before); !ok {
			return 0, refuse("change", err)
		}
	}
	if err := now.Apply(ev); err != nil {
		return 0, err
	}
	if now.Deleted() && !created && len(ev.Changes) == 1 && ev.Changes[0].Property == merge.PropertyLife {
		return at, nil // what comes with a deletion is written all the same
	}
	after, err := overlaid(s, now, e.Data)
	if err != nil {
		return 0, err
	}
	if ok, err := tx.db.allows(n.collection, r.write, tx.o.Caller, query.NewObject(n.id, after)); !ok {
		return 0, refuse("make that of", err)
	}
	return at, nil
}

// overlaid are an entity's values with the writes of an event on top, also those that lose against others: they may come to
// the surface when the others are taken back.
func overlaid(s *merge.Schema, e *merge.Entity, data []byte) ([]byte, error) {
	var changes map[string]struct {
		Set json.RawMessage `json:"set"`
		Put map[string]struct {
			Value json.RawMessage `json:"value"`
		} `json:"put"`
	}
	values := map[string]json.RawMessage{}
	if err := errors.Join(json.Unmarshal(s.AppendValues(nil, e), &values), json.Unmarshal(data, &changes)); err != nil {
		return nil, err
	}
	for name, p := range s.Properties {
		change, changed := changes[p.ID]
		switch {
		case !changed:
		case p.Kind == "map" && len(change.Put) > 0:
			members := map[string]json.RawMessage{}
			if values[name] != nil {
				if err := json.Unmarshal(values[name], &members); err != nil {
					return nil, err
				}
			}
			for key, put := range change.Put {
				members[key] = put.Value
			}
			text, err := json.Marshal(members)
			if err != nil {
				return nil, err
			}
			values[name] = text
		case p.Kind != "map" && p.Kind != "list" && change.Set != nil:
			values[name] = change.Set
		}
	}
	return json.Marshal(values)
}
