// Package model is a bank: accounts, and transfers between them. It is pure, and does not know where it runs.
//
// [Accounts] and [Transfers] are the two aggregates; everything that a runtime has to know is in them. Amounts
// are in cents.
package model

import (
	"fmt"

	"github.com/nacredb/nacre/decider"
)

// AccountCommand is what can be asked of an account. A command that nobody decides does not compile.
type AccountCommand interface {
	decide(Account, decider.Context) ([]AccountEvent, error)
}

// AccountEvent is what can happen to an account.
type AccountEvent interface{ evolve(Account) Account }

// The commands of an account. Transfer is the id of the transfer that a movement belongs to, if any.
type (
	Open     struct{ Owner string }
	Deposit  struct{ Cents int64 }
	Withdraw struct{ Cents int64 }
	Send     struct { // out of this account
		Cents    int64
		Transfer string
	}
	Receive struct { // into this account
		Cents    int64
		Transfer string
	}
	Refund struct { // what was sent and could not be received
		Cents    int64
		Transfer string
	}
	Close struct{}
)

// The events of an account.
type (
	Opened    struct{ Owner string }
	Deposited struct{ Cents int64 }
	Withdrawn struct{ Cents int64 }
	Sent      struct {
		Cents    int64
		Transfer string
	}
	Received struct {
		Cents    int64
		Transfer string
	}
	Refunded struct {
		Cents    int64
		Transfer string
	}
	Closed struct{}
)

// Account is the state of one.
type Account struct {
	Owner  string
	Cents  int64
	Open   bool
	Closed bool
}

// The domain errors.
type (
	// Overdrawn: an account has less than was asked of it.
	Overdrawn struct{ Short int64 }
	// NotOpen: the account was not opened, or was closed.
	NotOpen struct{ Closed bool }
	// Refused: the command makes no sense as things are.
	Refused struct{ Why string }
)

func (e *Overdrawn) Error() string { return fmt.Sprintf("%d cents short", e.Short) }
func (e *Refused) Error() string   { return e.Why }

func (e *NotOpen) Error() string {
	if e.Closed {
		return "the account has been closed"
	}
	return "there is no such account"
}

func (c Open) decide(a Account, _ decider.Context) ([]AccountEvent, error) {
	if a.Open || a.Closed {
		return nil, &Refused{Why: "the account has been opened before"}
	}
	return []AccountEvent{Opened(c)}, nil
}

func (c Deposit) decide(a Account, _ decider.Context) ([]AccountEvent, error) {
	return a.take(c.Cents, Deposited(c))
}

func (c Receive) decide(a Account, _ decider.Context) ([]AccountEvent, error) {
	return a.take(c.Cents, Received(c))
}

// A refund is always taken: the money has to go somewhere, even to an account that was closed meanwhile.
func (c Refund) decide(Account, decider.Context) ([]AccountEvent, error) {
	return []AccountEvent{Refunded(c)}, nil
}

func (c Withdraw) decide(a Account, _ decider.Context) ([]AccountEvent, error) {
	return a.give(c.Cents, Withdrawn(c))
}

func (c Send) decide(a Account, _ decider.Context) ([]AccountEvent, error) {
	return a.give(c.Cents, Sent(c))
}

func (c Close) decide(a Account, _ decider.Context) ([]AccountEvent, error) {
	switch {
	case !a.Open:
		return nil, &NotOpen{Closed: a.Closed}
	case a.Cents != 0:
		return nil, &Refused{Why: fmt.Sprintf("the account has %d cents: withdraw them first", a.Cents)}
	}
	return []AccountEvent{Closed(c)}, nil
}

func (a Account) take(cents int64, e AccountEvent) ([]AccountEvent, error) {
	switch {
	case !a.Open:
		return nil, &NotOpen{Closed: a.Closed}
	case cents <= 0:
		return nil, &Refused{Why: fmt.Sprintf("%d cents is no amount: give 1 or more", cents)}
	}
	return []AccountEvent{e}, nil
}

func (a Account) give(cents int64, e AccountEvent) ([]AccountEvent, error) {
	if events, err := a.take(cents, e); err != nil {
		return events, err
	}
	if a.Cents < cents {
		return nil, &Overdrawn{Short: cents - a.Cents}
	}
	return []AccountEvent{e}, nil
}

func (e Opened) evolve(a Account) Account    { a.Owner, a.Open = e.Owner, true; return a }
func (e Deposited) evolve(a Account) Account { a.Cents += e.Cents; return a }
func (e Withdrawn) evolve(a Account) Account { a.Cents -= e.Cents; return a }
func (e Sent) evolve(a Account) Account      { a.Cents -= e.Cents; return a }
func (e Received) evolve(a Account) Account  { a.Cents += e.Cents; return a }
func (e Refunded) evolve(a Account) Account  { a.Cents += e.Cents; return a }
func (Closed) evolve(a Account) Account      { a.Open, a.Closed = false, true; return a }

// Accounts is the aggregate of accounts.
var Accounts = decider.Decider[Account, AccountCommand, AccountEvent]{
	Category: "account",
	Decide: func(a Account, c AccountCommand, ctx decider.Context) ([]AccountEvent, error) {
		return c.decide(a, ctx)
	},
	Evolve: func(a Account, e AccountEvent) Account { return e.evolve(a) },
	Commands: map[string]AccountCommand{
		"open": Open{}, "deposit": Deposit{}, "withdraw": Withdraw{}, "close": Close{},
		"send": Send{}, "receive": Receive{}, "refund": Refund{},
	},
	Events: map[string]AccountEvent{
		"account.opened": Opened{}, "account.deposited": Deposited{}, "account.withdrawn": Withdrawn{},
		"account.sent": Sent{}, "account.received": Received{}, "account.refunded": Refunded{}, "account.closed": Closed{},
	},
}
