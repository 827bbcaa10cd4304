package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// head answers GET …/head, at once or when the log's end has moved.
func (s *Server) head(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	p, err := wire.ParseHead(values)
	if err != nil {
		return err
	}
	head, err := x.store.Head(x.r.Context())
	if err != nil {
		return err
	}
	if p.Wait && x.r.Method != http.MethodHead {
		if head, err = x.waitFor(&p, head); err != nil {
			return err
		}
	}
	return x.answerWith(http.StatusOK, wire.NewHeadReply(head))
}

// waitFor gives the log's end once it is behind the position, of another epoch, or the time is over.
func (x *exchange) waitFor(p *wire.HeadParams, head nacre.Head) (nacre.Head, error) {
	ctx, cancel := x.context()
	defer cancel()
	ctx, stop := context.WithTimeout(ctx, p.Timeout)
	defer stop()
	x.following = true
	for (p.After.Epoch == "" || p.After.Epoch == head.Epoch) && head.Position <= p.After.Position {
		err := x.store.Wait(ctx, p.After.Position)
		if err != nil && (x.r.Context().Err() != nil || !errors.Is(ctx.Err(), context.DeadlineExceeded)) {
			return head, x.told(err)
		}
		next, e := x.store.Head(context.WithoutCancel(ctx))
		if e != nil {
			return head, e
		}
		if head = next; err != nil {
			return head, nil // the time is over
		}
	}
	return head, nil
}
