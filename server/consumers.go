package server

import (
	"context"
	"errors"
	"net/http"
	"time"

	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// poll answers POST …/poll: events for a consumer, at once or when there are some.
func (s *Server) poll(x *exchange) error {
	request, err := decoded(x, wire.DecodePoll)
	if err != nil {
		return err
	}
	hub, err := x.subscription()
	if err != nil {
		return err
	}
	ctx, cancel := x.context()
	defer cancel()
	x.following = request.WaitMS > 0
	list, err := hub.Poll(ctx, x.path.runner, pollOf(&request, request.Consumer))
	if err != nil {
		return err
	}
	if err = beyond(x.grant, list); err == nil {
		err = x.hand(list)
	}
	if err != nil {
		// Nobody has tried them: others get them at once, and not at the deadline, also those that were pinned to this one. A
		// hub that is closed has forgotten them.
		_ = hub.Return(x.path.runner, idsOf(list))
		_ = hub.Forget(x.path.runner, request.Consumer)
	}
	return err
}

// hand sends deliveries, and tells as far as can be told whether they arrived. A client that is gone afterwards has them,
// perhaps: a quick one hangs up as soon as it has its answer.
func (x *exchange) hand(list []consumer.Delivery) error {
	if x.r.Context().Err() != nil {
		return errClientGone
	}
	reply := takeBuffer()
	defer giveBuffer(reply)
	*reply = appendDeliveries((*reply)[:0], list)
	x.w.Header()["Content-Length"] = []string{itoa(len(*reply))} // so that it goes out in one piece
	if err := x.answer(http.StatusOK, *reply); err != nil || len(list) == 0 {
		return err
	}
	if err := x.control.Flush(); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return errClientGone
	}
	return nil
}

// beyond refuses deliveries of streams that are not the grant's: a group gives what its earlier filter selected, too.
func beyond(grant *access.Grant, list []consumer.Delivery) error {
	for i := range list {
		if !grant.AllowsStream(list[i].Event.StreamID) {
			return grant.CheckUnconfined("what this group still has of its earlier filter")
		}
	}
	return nil
}

func idsOf(list []consumer.Delivery) []string {
	ids := make([]string, len(list))
	for i := range list {
		ids[i] = list[i].ID
	}
	return ids
}

func pollOf(r *wire.PollRequest, who string) consumer.Request {
	return consumer.Request{Consumer: who, Max: r.Max, Wait: time.Duration(r.WaitMS) * time.Millisecond}
}

func appendDeliveries(dst []byte, list []consumer.Delivery) []byte {
	dst = wire.BeginDeliveries(dst)
	for i := range list {
		d := &list[i]
		dst = wire.AppendDelivery(dst, d.ID, d.Attempt, &d.Event)
	}
	return wire.EndDeliveries(dst)
}

// acknowledge answers POST …/ack.
func (s *Server) acknowledge(x *exchange) error {
	request, err := decoded(x, wire.DecodeAck)
	if err != nil {
		return err
	}
	hub, err := x.subscription()
	if err != nil {
		return err
	}
	reply, err := ack(context.WithoutCancel(x.r.Context()), hub, x.path.runner, &request)
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, &reply)
}

// ack tells a hub what became of deliveries.
func ack(ctx context.Context, hub *delivery.Hub, group string, r *wire.AckRequest) (wire.AckReply, error) {
	a := consumer.Answer{Consumer: r.Consumer, Ack: r.Ack}
	for _, n := range r.Nack {
		a.Nack = append(a.Nack, consumer.Nack{
			ID: n.DeliveryID, Action: consumer.Action(n.Action), After: time.Duration(n.AfterMS) * time.Millisecond, Reason: n.Reason,
		})
	}
	out, err := hub.Ack(ctx, group, a)
	if err != nil {
		return wire.AckReply{}, err
	}
	if out.Unknown == nil {
		out.Unknown = []string{}
	}
	return wire.AckReply{Done: out.Done, Unknown: out.Unknown}, nil
}

// leaveGroup answers POST …/leave.
func (s *Server) leaveGroup(x *exchange) error {
	request, err := decoded(x, wire.DecodeLeave)
	if err != nil {
		return err
	}
	hub, err := x.subscription()
	if err != nil {
		return err
	}
	if err := hub.Leave(context.WithoutCancel(x.r.Context()), x.path.runner, request.Consumer); err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, wire.DeletedReply{Success: true, Message: "the consumer " + request.Consumer + " has left"})
}
