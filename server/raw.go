package server

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// policyCategory is that of the streams that have the policies of collections, one each.
const policyCategory = "$policy"

// guardedCategories are the categories of a log that have policies: who may not pass over these may not have the log of those.
// They are read off the log itself, whoever wrote them, and count from their position on.
type guardedCategories struct {
	mu    sync.Mutex
	epoch string
	at    nacre.Position
	names map[string]bool
}

// of gives the categories that have policies, sorted.
func (g *guardedCategories) of(ctx context.Context, store *nacre.Store) ([]string, error) {
	head, err := store.Head(ctx)
	if err != nil {
		return nil, err
	}
	end := max(head.Position, head.Last)
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.epoch != head.Epoch || end < g.at {
		g.epoch, g.at, g.names = head.Epoch, 0, nil
	}
	if g.at < end {
		o := &nacre.ReadOptions{After: g.at, Before: end + 1, Borrowed: true}
		for e, err := range store.Read(ctx, nacre.Filter{{Categories: []string{policyCategory}}}, o) {
			if err != nil {
				return nil, err
			}
			g.take(&e)
			g.at = e.GlobalPosition
		}
		g.at = end
	}
	if len(g.names) == 0 {
		return nil, nil
	}
	names := make([]string, 0, len(g.names))
	for name := range g.names {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, nil
}

func (g *guardedCategories) take(e *nacre.Event) {
	var p struct{ Read, Write string }
	// What cannot be read lets nobody, as it does with entities.
	guards := json.Unmarshal(e.Data, &p) != nil || strings.TrimSpace(p.Read+p.Write) != ""
	name := strings.Clone(strings.TrimPrefix(string(e.StreamID), policyCategory+"-"))
	if !guards {
		delete(g.names, name)
		return
	}
	if g.names == nil {
		g.names = map[string]bool{}
	}
	g.names[name] = true
}

// pastPolicies tells whether policies do not restrict a grant.
func pastPolicies(g *access.Grant) bool { return g.Kind == access.KindOpen || g.Has(access.Raw) }

// guardedFrom gives the categories of a store that have policies, for a grant that these restrict.
func (n *namedStore) guardedFrom(ctx context.Context, g *access.Grant) ([]string, error) {
	if pastPolicies(g) {
		return nil, nil
	}
	return n.guarded.of(ctx, n.store)
}

func errGuarded(g *access.Grant, what, category string) error {
	return nacre.Errorf(wire.CodeForbidden,
		"%s may not have %s that reaches the collection %s: it has policies, which the log knows nothing of, so that this needs the permission %s; %s and its like ask for entities under them",
		g, what, category, access.Raw, "GET …/collections/"+category+"/entities")
}

// maySubscribe refuses the filter of a subscription that could tell of events beyond the grant's streams, or of a category that has
// policies, unless the grant is raw.
func (n *namedStore) maySubscribe(ctx context.Context, g *access.Grant, f nacre.Filter) error {
	if err := mayAsk(g, f, "a subscription"); err != nil {
		return err
	}
	return n.pastPolicies(ctx, g, f, "a subscription")
}

// pastPolicies refuses a filter that reaches a category with policies, by streams that are the grant's, unless it is raw.
func (n *namedStore) pastPolicies(ctx context.Context, g *access.Grant, f nacre.Filter, what string) error {
	guarded, err := n.guardedFrom(ctx, g)
	if err != nil {
		return err
	}
	for _, category := range guarded {
		if reachesCategory(f, category) && len(prefixesOf(g, category+"-")) > 0 {
			return errGuarded(g, what, category)
		}
	}
	return nil
}

// reachesCategory tells whether a filter could select events of a category.
func reachesCategory(f nacre.Filter, category string) bool {
	if len(f) == 0 {
		return true
	}
	return slices.ContainsFunc(f, func(it nacre.FilterItem) bool {
		if len(it.Categories) > 0 && !slices.Contains(it.Categories, category) {
			return false
		}
		return len(it.Streams) == 0 ||
			slices.ContainsFunc(it.Streams, func(id nacre.StreamID) bool { return id.Category() == category })
	})
}

// mayReach refuses a stream of a category that has policies, unless the grant is raw.
func (x *exchange) mayReach(stream nacre.StreamID, what string) error {
	return x.named.pastPolicies(x.r.Context(), x.grant, nacre.Filter{{Streams: []nacre.StreamID{stream}}}, what)
}

// mayLookBack refuses what tells of the log of the path's entity: to who may read entities only, and where its collection has
// policies.
func (x *exchange) mayLookBack(what string) error {
	if err := x.grant.Allows(access.ReadEvents, x.path.store); err != nil {
		return err
	}
	return x.mayReach(nacre.StreamID(x.path.collection+"-"+x.path.entity), what)
}
