package server

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// What is remembered of a store are events of this stream of its companion log; the last one that says
// something of a field counts.
const (
	storeStream  = nacre.StreamID("store")
	storeCreated = "store.created"
	storeChanged = "store.changed"
)

// storeFact is the data of the events of storeStream.
type storeFact struct {
	Description *string             `json:"description,omitempty"`
	Region      string              `json:"region,omitempty"`
	Settings    *wire.StoreSettings `json:"settings,omitempty"`
}

// createStore answers POST /event-stores.
func (s *Server) createStore(x *exchange) error {
	request, err := decoded(x, wire.DecodeStore)
	if err != nil {
		return err
	}
	if err := x.grant.Allows(x.action.permission, request.Name); err != nil {
		return err
	}
	n, err := s.makeStore(context.WithoutCancel(x.r.Context()), &request)
	if err != nil {
		return err
	}
	defer s.shelf.release(n)
	reply, err := describe(x.r.Context(), n, true)
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusCreated, &reply)
}

// makeStore makes a store and writes down what it is to be; the caller releases it.
func (s *Server) makeStore(ctx context.Context, r *wire.StoreRequest) (*namedStore, error) {
	n, err := s.shelf.create(ctx, r.Name)
	if err != nil {
		return nil, err
	}
	fact := storeFact{Region: r.Region, Settings: r.Settings}
	if r.Description != "" {
		fact.Description = &r.Description
	}
	if err := n.remember(ctx, storeCreated, &fact); err != nil {
		s.shelf.release(n)
		return nil, err
	}
	return n, nil
}

// remember appends to what is known of a store. A store without a companion log remembers nothing.
func (n *namedStore) remember(ctx context.Context, eventType string, fact *storeFact) error {
	system := n.store.System()
	if system == nil {
		if *fact == (storeFact{}) {
			return nil
		}
		return nacre.Errorf(nacre.CodeUnsupported, "the event store %q has no companion log, which would keep its description and settings", n.name)
	}
	_, err := system.Append(ctx, storeStream, nacre.Any, nacre.NewEvent(eventType, fact))
	return err
}

// describe tells of a store.
func describe(ctx context.Context, n *namedStore, statistics bool) (wire.StoreReply, error) {
	var st nacre.Stats
	st, err := n.store.Stats(ctx)
	if err != nil && nacre.CodeOf(err) != nacre.CodeUnsupported {
		return wire.StoreReply{}, err
	}
	known := err == nil
	request := wire.StoreRequest{Name: n.name}
	var created, updated time.Time
	if system := n.store.System(); system != nil {
		for e, err := range system.ReadStream(ctx, storeStream, nil) {
			if err != nil {
				return wire.StoreReply{}, err
			}
			if created.IsZero() {
				created = e.CreatedAt
			}
			updated = e.CreatedAt
			var fact storeFact
			if err := json.Unmarshal(e.Data, &fact); err != nil {
				continue // written by somebody else, over the routes of the companion log
			}
			fact.tell(&request)
		}
	}
	if created.IsZero() {
		// A store that this server did not make: its first event is the best that is known, or its opening.
		if created = st.Oldest; created.IsZero() {
			created = n.opened
		}
		updated = created
	}
	reply := wire.NewStoreReply(&request, created)
	reply.UpdatedAt = updated
	if n.broken.Load() != nil {
		reply.Status = "failed"
	}
	if known && statistics {
		told := wire.NewStatistics(st)
		reply.Statistics = &told
	}
	return reply, nil
}

// tell adds what an event says.
func (f *storeFact) tell(r *wire.StoreRequest) {
	if f.Description != nil {
		r.Description = *f.Description
	}
	if f.Region != "" {
		r.Region = f.Region
	}
	if f.Settings == nil {
		return
	}
	settings := wire.StoreSettings{}
	if r.Settings != nil {
		settings = *r.Settings
	}
	if f.Settings.RetentionPeriodDays != nil {
		settings.RetentionPeriodDays = f.Settings.RetentionPeriodDays
	}
	if f.Settings.MaxStreamSizeBytes != nil {
		settings.MaxStreamSizeBytes = f.Settings.MaxStreamSizeBytes
	}
	r.Settings = &settings
}

// getStore answers GET /event-stores/{store}.
func (s *Server) getStore(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	// Figures of the whole are not for who may see a part.
	reply, err := describe(x.r.Context(), x.named, !x.grant.Confined())
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, &reply)
}

// changeStore answers PATCH …/settings.
func (s *Server) changeStore(x *exchange) error {
	change, err := decoded(x, wire.DecodeStoreChange)
	if err != nil {
		return err
	}
	fact := storeFact{Description: change.Description, Settings: change.Settings}
	if err := x.named.remember(context.WithoutCancel(x.r.Context()), storeChanged, &fact); err != nil {
		return err
	}
	reply, err := describe(x.r.Context(), x.named, true)
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, &reply)
}

// deleteStore answers DELETE /event-stores/{store}?confirm=true.
func (s *Server) deleteStore(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	if err := wire.ParseConfirm(values); err != nil {
		return err
	}
	if err := s.shelf.remove(x.r.Context(), x.path.store); err != nil {
		return err
	}
	s.log.Info("an event store was deleted", "store", x.path.store, "who", x.grant.Who())
	return x.answerWith(http.StatusOK, wire.DeletedReply{
		Success: true, Message: "the event store " + x.path.store + " and all of its events are deleted",
	})
}

// listStores answers GET /event-stores with those that the grant may use. The stores of the page are opened.
func (s *Server) listStores(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	p, err := wire.ParseStores(values)
	if err != nil {
		return err
	}
	ctx := x.r.Context()
	names, err := s.o.Backend.Names(ctx)
	if err != nil {
		return err
	}
	reply := wire.StoresReply{EventStores: []wire.StoreReply{}, Pagination: wire.Pagination{Limit: p.Limit, Offset: p.Offset}}
	for _, name := range names {
		if !x.grant.AllowsStore(name) || !strings.Contains(name, p.Filter) {
			continue
		}
		at := reply.TotalCount
		reply.TotalCount++
		if at < p.Offset {
			continue
		}
		if at >= p.Offset+p.Limit {
			reply.Pagination.HasMore = true
			continue
		}
		one, err := s.listed(ctx, name)
		if nacre.CodeOf(err) == wire.CodeStoreNotFound {
			reply.TotalCount-- // deleted meanwhile
			continue
		}
		if err != nil {
			return err
		}
		reply.EventStores = append(reply.EventStores, one)
	}
	return x.answerWith(http.StatusOK, &reply)
}

// listed tells of a store in a list. One that cannot be used is told as that: the others are to be seen.
func (s *Server) listed(ctx context.Context, name string) (wire.StoreReply, error) {
	n, err := s.shelf.acquire(ctx, name)
	if err == nil {
		defer s.shelf.release(n)
		var one wire.StoreReply
		if one, err = describe(ctx, n, false); err == nil {
			return one, nil
		}
	}
	if ctx.Err() != nil || nacre.CodeOf(err) == wire.CodeStoreNotFound {
		return wire.StoreReply{}, err
	}
	s.log.Warn("an event store in the list cannot be used", "store", name, "error", err)
	one := wire.NewStoreReply(&wire.StoreRequest{Name: name}, s.o.Clock())
	one.Status = "failed"
	return one, nil
}
