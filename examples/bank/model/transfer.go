package model

import (
	"fmt"

	"github.com/nacredb/nacre/decider"
)

// ApprovedAbove is the amount in cents above which somebody has to approve a transfer.
const ApprovedAbove = 1_000_000

// TransferCommand is what can be asked of a transfer.
type TransferCommand interface {
	decide(Transfer, decider.Context) ([]TransferEvent, error)
}

// TransferEvent is what can happen to a transfer.
type TransferEvent interface{ evolve(Transfer) Transfer }

// The commands of a transfer.
type (
	Request struct {
		From, To string // accounts
		Cents    int64
	}
	Approve  struct{}
	Complete struct{}
	Fail     struct{ Why string }
)

// The events of a transfer.
type (
	Requested struct {
		From, To string
		Cents    int64
		Approval bool // somebody has to approve it
	}
	Approved  struct{ By string }
	Completed struct{}
	Failed    struct{ Why string }
)

// Transfer is the state of one.
type Transfer struct {
	Requested Requested
	Status    Status
	Why       string
}

// Status is how far a transfer is; it ends as completed or failed.
type Status string

// The statuses of a transfer.
const (
	StatusWaiting   Status = "waiting" // for somebody to approve it
	StatusMoving    Status = "moving"
	StatusCompleted Status = "completed"
	StatusFailed    Status = "failed"
)

func (c Request) decide(t Transfer, _ decider.Context) ([]TransferEvent, error) {
	switch {
	case t.Status != "":
		return nil, &Refused{Why: "the transfer has been requested before"}
	case c.Cents <= 0:
		return nil, &Refused{Why: fmt.Sprintf("%d cents is no amount: give 1 or more", c.Cents)}
	case c.From == c.To:
		return nil, &Refused{Why: "from and to are the same account"}
	}
	return []TransferEvent{Requested{From: c.From, To: c.To, Cents: c.Cents, Approval: c.Cents > ApprovedAbove}}, nil
}

func (Approve) decide(t Transfer, ctx decider.Context) ([]TransferEvent, error) {
	if t.Status != StatusWaiting {
		return nil, &Refused{Why: fmt.Sprintf("the transfer does not wait for an approval, it is %q", t.Status)}
	}
	return []TransferEvent{Approved{By: ctx.Actor}}, nil
}

func (c Complete) decide(t Transfer, _ decider.Context) ([]TransferEvent, error) {
	if t.ended() {
		return nil, nil
	}
	return []TransferEvent{Completed(c)}, nil
}

func (c Fail) decide(t Transfer, _ decider.Context) ([]TransferEvent, error) {
	if t.ended() {
		return nil, nil
	}
	return []TransferEvent{Failed(c)}, nil
}

func (t Transfer) ended() bool { return t.Status == StatusCompleted || t.Status == StatusFailed }

func (e Requested) evolve(t Transfer) Transfer {
	t.Requested, t.Status = e, StatusMoving
	if e.Approval {
		t.Status = StatusWaiting
	}
	return t
}

func (Approved) evolve(t Transfer) Transfer  { t.Status = StatusMoving; return t }
func (Completed) evolve(t Transfer) Transfer { t.Status = StatusCompleted; return t }
func (e Failed) evolve(t Transfer) Transfer  { t.Status, t.Why = StatusFailed, e.Why; return t }

// Transfers is the aggregate of transfers.
var Transfers = decider.Decider[Transfer, TransferCommand, TransferEvent]{
	Category: "transfer",
	Decide: func(t Transfer, c TransferCommand, ctx decider.Context) ([]TransferEvent, error) {
		return c.decide(t, ctx)
	},
	Evolve:   func(t Transfer, e TransferEvent) Transfer { return e.evolve(t) },
	Commands: map[string]TransferCommand{"request": Request{}, "approve": Approve{}, "complete": Complete{}, "fail": Fail{}},
	Events: map[string]TransferEvent{
		"transfer.requested": Requested{}, "transfer.approved": Approved{}, "transfer.completed": Completed{}, "transfer.failed": Failed{},
	},
}
