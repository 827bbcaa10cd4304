package server

import (
	"context"
	"net/http"
	"time"

	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
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
	reply := takeBuffer()
	defer giveBuffer(reply)
	*reply = appendDeliveries((*reply)[:0], list)
	return x.answer(http.StatusOK, *reply)
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
