package server

import (
	"fmt"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/query"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// mayAppend refuses an append that reaches beyond the grant's streams, in what it writes or in what its
// condition looks at.
func (x *exchange) mayAppend(request *wire.AppendRequest) error {
	guarded, err := x.named.guardedFrom(x.r.Context(), x.grant)
	if err != nil {
		return err
	}
	for i := range request.Batch {
		if category := request.Batch[i].Stream.Category(); slices.Contains(guarded, category) {
			return errGuarded(x.grant, "an append", category)
		}
	}
	if request.Condition != nil {
		err = x.named.pastPolicies(x.r.Context(), x.grant, request.Condition.FailIfEventsMatch, "a condition")
	}
	if err != nil || !x.grant.Confined() {
		return err
	}
	for i := range request.Batch {
		if err := x.grant.CheckStream(request.Batch[i].Stream); err != nil {
			return err
		}
	}
	if request.Condition == nil {
		return nil
	}
	return mayAsk(x.grant, request.Condition.FailIfEventsMatch, "a condition")
}

// mayAsk refuses a condition, or a subscription, that could tell of events in streams beyond the grant's: each of its
// items has to name streams, or categories all of whose streams are the grant's.
func mayAsk(grant *access.Grant, f nacre.Filter, what string) error {
	if !grant.Confined() {
		return nil
	}
	if len(f) == 0 {
		return grant.CheckUnconfined(what + " that looks at every stream")
	}
	for i := range f {
		item := &f[i]
		switch {
		case len(item.Streams) > 0:
			for _, id := range item.Streams {
				if err := grant.CheckStream(id); err != nil {
					return err
				}
			}
		case len(item.Categories) > 0:
			for _, category := range item.Categories {
				// A category may have a stream of its very name.
				if !grant.AllowsStream(nacre.StreamID(category)) {
					return grant.CheckUnconfined(fmt.Sprintf("%s on the category %q", what, category))
				}
			}
		default:
			return grant.CheckUnconfined(what + " that looks at every stream: let each of its items name streams")
		}
	}
	return nil
}

// within is what a read is narrowed to beside its filter; nil is nothing.
type within struct {
	streams func(nacre.StreamID) bool // nil is all
	where   *query.Condition          // nil is none
}

// selects tells whether an event is within.
func (w *within) selects(e *nacre.Event) bool {
	return w == nil || (w.streams == nil || w.streams(e.StreamID)) && w.where.Matches(e)
}

// filter is what the log is asked for: it selects all that is within, and no more than the read's own does.
func (w *within) filter(p *wire.ReadParams) nacre.Filter {
	if w == nil || p.Options.From > 0 || p.Options.Until > 0 { // these bound the one stream of a filter of nothing else
		return p.Filter
	}
	return w.where.Narrow(p.Filter)
}

// confine gives what a read must be narrowed to, by the grant and by its condition. A read of one stream beyond the grant's
// is refused.
func (x *exchange) confine(p *wire.ReadParams) (*within, error) {
	var w within
	var err error
	if !x.route.system {
		err = x.named.pastPolicies(x.asked(), x.grant, p.Filter, "a read")
	}
	if err != nil {
		return nil, err
	}
	switch {
	case !x.grant.Confined():
	case len(p.Filter) == 1 && len(p.Filter[0].Streams) == 1:
		if err := x.grant.CheckStream(p.Filter[0].Streams[0]); err != nil {
			return nil, err
		}
	default:
		w.streams = x.grant.AllowsStream
	}
	if p.Where != "" {
		if w.where, err = query.Where(p.Where); err != nil {
			return nil, queryError("where", err)
		}
	}
	if w.streams == nil && w.where == nil {
		return nil, nil //nolint:nilnil // it is not narrowed
	}
	return &w, nil
}

// prefixes are the prefixes of the streams that a listing of those with this one may show, in byte order,
// none of them within another; unconfined it is this one.
func (x *exchange) prefixes(prefix string) []string { return prefixesOf(x.grant, prefix) }

func prefixesOf(g *access.Grant, prefix string) []string {
	if !g.Confined() {
		return []string{prefix}
	}
	var all []string
	for _, p := range g.Streams {
		switch {
		case strings.HasPrefix(p, prefix):
			all = append(all, p)
		case strings.HasPrefix(prefix, p):
			all = append(all, prefix)
		}
	}
	slices.Sort(all)
	var out []string
	for _, p := range all {
		if n := len(out); n == 0 || !strings.HasPrefix(p, out[n-1]) {
			out = append(out, p)
		}
	}
	return out
}
