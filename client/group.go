package client

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/wire"
)

// Group gives a consumer group of a store that [Open] gave; [consumer.Run] works it off. It asks the server nothing:
// the first use tells whether the group is there.
//
// What fails in a way that may pass is tried again as everywhere; where the answer to a Poll was lost, its events come
// again at the group's deadline. Closing the store ends all calls.
func Group(store *nacre.Store, name string) (consumer.Group, error) {
	d, ok := store.Driver().(*driver)
	if !ok {
		return nil, nacre.Errorf(nacre.CodeUnsupported, "this store is not a server's: ask the hub that looks after its subscriptions for the group")
	}
	if len(name) > maxGroup || strings.Trim(name, ".") == "" || strings.ContainsFunc(name, func(r rune) bool { return !strings.ContainsRune(groupLetters, r) }) {
		return nil, &nacre.Error{
			Code: nacre.CodeInvalid, Field: "name",
			Message: fmt.Sprintf(`is %.100q: give 1 to %d of "a-z A-Z 0-9 . _ -", and not only dots`, name, maxGroup),
		}
	}
	return &group{d.log, below(d.base, "/subscriptions/"+name)}, nil
}

// What a group's name is made of.
const (
	maxGroup     = 64
	groupLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"
)

// group is a consumer group of a server.
type group struct {
	log  *log
	base *url.URL
}

var _ consumer.Leaver = (*group)(nil)

// Poll implements consumer.Group.
func (g *group) Poll(ctx context.Context, r consumer.Request) ([]consumer.Delivery, error) {
	asked := wire.PollRequest{Consumer: r.Consumer, Max: r.Max, WaitMS: milliseconds(r.Wait)}
	var reply wire.DeliveriesReply
	if err := g.ask(ctx, "/poll", &asked, max(r.Wait, 0), &reply); err != nil {
		return nil, err
	}
	out := make([]consumer.Delivery, len(reply.Deliveries))
	for i := range reply.Deliveries {
		d := &reply.Deliveries[i]
		out[i] = consumer.Delivery{ID: d.DeliveryID, Attempt: d.Attempt, Event: d.Event}
	}
	return out, nil
}

// Ack implements consumer.Group.
func (g *group) Ack(ctx context.Context, a consumer.Answer) (consumer.Outcome, error) {
	said := wire.AckRequest{Consumer: a.Consumer, Ack: a.Ack, Nack: make([]wire.NackRequest, len(a.Nack))}
	for i := range a.Nack {
		n := &a.Nack[i]
		said.Nack[i] = wire.NackRequest{DeliveryID: n.ID, Action: string(n.Action), AfterMS: milliseconds(n.After), Reason: n.Reason}
	}
	var reply wire.AckReply
	if err := g.ask(ctx, "/ack", &said, 0, &reply); err != nil {
		return consumer.Outcome{}, err
	}
	return consumer.Outcome{Done: reply.Done, Unknown: reply.Unknown}, nil
}

// Leave implements consumer.Leaver.
func (g *group) Leave(ctx context.Context, who string) error {
	return g.ask(ctx, "/leave", &wire.LeaveRequest{Consumer: who}, 0, nil)
}

// milliseconds are those of a duration, one at least where there is any.
func milliseconds(d time.Duration) int64 {
	if d > 0 {
		return max(d.Milliseconds(), 1)
	}
	return d.Milliseconds()
}

// ask sends a request that may be sent again, and reads the answer, for which the server may take so much longer.
func (g *group) ask(ctx context.Context, path string, what any, longer time.Duration, reply any) error {
	l := g.log
	if l.closed.Load() {
		return errClosed
	}
	text, err := wire.Encode(what)
	if err != nil {
		return nacre.Errorf(nacre.CodeInvalid, "the request cannot be written: %w", err)
	}
	ending, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	defer context.AfterFunc(l.life, func() { cancel(errClosed) })() //nolint:contextcheck // closing the store ends it too
	r := &request{
		method: http.MethodPost, url: below(g.base, path), header: with(l.peer.header, "Content-Type", wire.TypeJSON), body: text,
	}
	var body []byte
	failed := l.repeat(ending, func(bool) (f *failure) {
		body, f = l.peer.exchange(ending, r, nil, l.peer.timeout+longer)
		return f
	})
	switch {
	case failed != nil && ctx.Err() == nil && l.closed.Load():
		return errClosed
	case failed != nil && nacre.CodeOf(failed.err) == nacre.CodeClosed:
		// It is the server's that is closed at present, and this one goes on.
		return nacre.Errorf(nacre.CodeInternal, "%s has closed the store for now: %w", l.peer.url, failed.err)
	case failed != nil:
		return failed.err
	case reply == nil:
		return nil
	}
	if err := wire.Decode(body, reply); err != nil {
		return l.peer.misfit("cannot be read: %w", err)
	}
	return nil
}
