package app

import (
	"time"

	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/examples/bank/model"
	"github.com/nacredb/nacre/process"
)

// transfer is what the manager keeps of one while it goes on.
type transfer struct {
	From, To string
	Cents    int64
	Why      string // it failed, once the money is to go back
}

// approveWithin is how long a large transfer waits for somebody to approve it.
const approveWithin = 24 * time.Hour

// Transfers moves the money: out of one account, into the other, and back where the other does not take it.
// Commands and events of one transfer bear its id, which is the instance.
var Transfers = process.Manager[transfer]{
	Name: "transfers",
	Events: map[string]any{
		"transfer.requested": model.Requested{},
		"transfer.approved":  model.Approved{},
		"account.sent":       model.Sent{},
		"account.received":   model.Received{},
		"account.refunded":   model.Refunded{},
	},
	Correlate: func(e codec.Event[any]) (instance string, begins bool) {
		switch d := e.Data.(type) {
		case model.Requested:
			return transferID(e), true
		case model.Sent:
			return d.Transfer, false
		case model.Received:
			return d.Transfer, false
		case model.Refunded:
			return d.Transfer, false
		default:
			return transferID(e), false
		}
	},
	React: func(t *transfer, e codec.Event[any], do *process.Effects) {
		switch d := e.Data.(type) {
		case model.Requested:
			*t = transfer{From: d.From, To: d.To, Cents: d.Cents}
			if d.Approval {
				do.After(approveWithin, "approval")
				return
			}
			do.Send(t.From, model.Send{Cents: t.Cents, Transfer: transferID(e)})
		case model.Approved:
			do.Cancel("approval")
			do.Send(t.From, model.Send{Cents: t.Cents, Transfer: transferID(e)})
		case model.Sent:
			do.Send(t.To, model.Receive(d))
		case model.Received:
			do.Send(d.Transfer, model.Complete{})
			do.Done()
		case model.Refunded:
			do.Send(d.Transfer, model.Fail{Why: t.Why})
			do.Done()
		}
	},
	Rejected: func(t *transfer, command any, why error, do *process.Effects) {
		switch c := command.(type) {
		case model.Send: // nothing has moved
			do.Send(c.Transfer, model.Fail{Why: why.Error()})
			do.Done()
		case model.Receive: // the money has left: bring it back
			t.Why = why.Error()
			do.Send(t.From, model.Refund(c))
		}
	},
	Timeout: func(_ *transfer, _ string, do *process.Effects) {
		do.Send(do.Instance(), model.Fail{Why: "nobody approved it in time"})
		do.Done()
	},
}

// transferID is the id of the transfer whose stream an event stands in.
func transferID(e codec.Event[any]) string { return e.StreamID.Rest() }
