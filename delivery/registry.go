package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// The types of events in a subscription's stream.
const (
	category      = "subscription"
	typeCreated   = "subscription.created"
	typeChanged   = "subscription.changed"
	typePaused    = "subscription.paused"
	typeSuspended = "subscription.suspended"
	typeResumed   = "subscription.resumed"
	typeReplayed  = "subscription.replayed"
	typeDeleted   = "subscription.deleted"
)

func streamOf(name string) nacre.StreamID { return nacre.StreamID(category + "-" + name) }

// record is the data of every type.
type record struct {
	Kind   string          `json:"kind,omitempty"`
	Filter json.RawMessage `json:"filter,omitempty"`
	Where  string          `json:"where,omitempty"`
	After  nacre.Position  `json:"after"`
	Config json.RawMessage `json:"config,omitempty"`
	Policy *Policy         `json:"policy,omitempty"`
	Reason string          `json:"reason,omitempty"`
}

func recordOf(d *definition) record {
	return record{
		Kind: d.kind, Filter: wire.AppendFilter(nil, d.filter), Where: d.where, After: d.after, Config: d.config, Policy: &d.policy,
	}
}

// known is what the companion log says of a subscription. It is not changed.
type known struct {
	*definition
	version   int64          // of the stream
	placed    nacre.Position // where, in the companion log, its position was set last
	resumed   nacre.Position // and where it was resumed last
	paused    bool
	suspended string // why; "" where it is not
	createdAt time.Time
	updatedAt time.Time
}

// next is what the log says with one more event. It is nil for a subscription that was deleted.
func (k *known) next(e *nacre.Event) (*known, error) {
	var r record
	if err := json.Unmarshal(e.Data, &r); err != nil {
		return nil, unreadable(e, err)
	}
	n := known{version: e.StreamPosition, createdAt: e.CreatedAt, placed: e.GlobalPosition}
	if k != nil {
		n = *k
		n.version = e.StreamPosition
	}
	n.updatedAt = e.CreatedAt
	switch e.Type {
	case typeCreated, typeChanged:
		f, err := wire.DecodeFilter(r.Filter, "filter")
		if err != nil {
			return nil, unreadable(e, err)
		}
		n.definition = &definition{
			name: strings.Clone(e.StreamID.Rest()), kind: r.Kind, after: r.After, config: r.Config, policy: r.Policy.filled(r.Kind),
		}
		// A where that does not read here stops the subscription, and not all of them.
		if err := n.choose(f, r.Where); err != nil && n.unread == "" {
			return nil, unreadable(e, err)
		}
	case typePaused:
		n.paused = true
	case typeSuspended:
		n.suspended = r.Reason
	case typeResumed:
		n.paused, n.suspended, n.resumed = false, "", e.GlobalPosition
	case typeReplayed:
		d := *n.definition
		d.after = r.After
		n.definition, n.placed = &d, e.GlobalPosition
	case typeDeleted:
		return nil, nil //nolint:nilnil // it is as if it had never been
	}
	if n.definition == nil {
		return nil, unreadable(e, fmt.Errorf("no %s stands before it", typeCreated))
	}
	return &n, nil
}

func unreadable(e *nacre.Event, err error) error {
	return nacre.Errorf(nacre.CodeInternal, "event %d of the companion log does not read as a subscription's: %w", e.GlobalPosition, err)
}

// readAll gives all subscriptions there are, and the companion log's position that this is of.
func readAll(ctx context.Context, system *nacre.Store) (map[string]*known, map[string]int64, nacre.Position, error) {
	head, err := system.Head(ctx)
	if err != nil {
		return nil, nil, 0, err
	}
	all := map[string]*known{}
	versions := map[string]int64{} // also of those that were deleted
	f := nacre.Filter{{Categories: []string{category}}}
	for e, err := range system.Read(ctx, f, &nacre.ReadOptions{Before: head.Position + 1}) {
		if err != nil {
			return nil, nil, 0, err
		}
		name := e.StreamID.Rest()
		k, err := all[name].next(&e)
		if err != nil {
			return nil, nil, 0, err
		}
		versions[name] = e.StreamPosition
		if all[name] = k; k == nil {
			delete(all, name)
		}
	}
	return all, versions, head.Position, nil
}
