package model

import (
	"testing"

	"github.com/nacredb/nacre/aggregate/aggregatetest"
	"github.com/nacredb/nacre/decider"
)

func TestAccounts(t *testing.T) {
	type is = aggregatetest.Case[Account, AccountCommand, AccountEvent]
	open := []AccountEvent{Opened{Owner: "Ann"}, Deposited{Cents: 500}}
	closed := []AccountEvent{Opened{Owner: "Ann"}, Closed{}}
	aggregatetest.Run(t, Accounts,
		is{Name: "open", When: Open{Owner: "Ann"}, Then: []AccountEvent{Opened{Owner: "Ann"}}, ThenState: &Account{Owner: "Ann", Open: true}},
		is{Name: "open twice", Given: open, When: Open{Owner: "Eve"}, ThenError: (*Refused)(nil)},
		is{Name: "open again after closing", Given: closed, When: Open{Owner: "Ann"}, ThenError: (*Refused)(nil)},
		is{Name: "withdraw", Given: open, When: Withdraw{Cents: 500}, Then: []AccountEvent{Withdrawn{Cents: 500}}},
		is{Name: "withdraw too much", Given: open, When: Withdraw{Cents: 501}, ThenError: &Overdrawn{Short: 1}},
		is{Name: "withdraw nothing", Given: open, When: Withdraw{}, ThenError: (*Refused)(nil)},
		is{Name: "send", Given: open, When: Send{Cents: 100, Transfer: "t"}, Then: []AccountEvent{Sent{Cents: 100, Transfer: "t"}}},
		is{Name: "send too much", Given: open, When: Send{Cents: 700, Transfer: "t"}, ThenError: &Overdrawn{Short: 200}},
		is{Name: "receive", Given: open, When: Receive{Cents: 1, Transfer: "t"}, Then: []AccountEvent{Received{Cents: 1, Transfer: "t"}}},
		is{Name: "receive before it was opened", When: Receive{Cents: 1, Transfer: "t"}, ThenError: &NotOpen{}},
		is{Name: "receive after it was closed", Given: closed, When: Receive{Cents: 1, Transfer: "t"}, ThenError: &NotOpen{Closed: true}},
		is{Name: "a refund is always taken", Given: closed, When: Refund{Cents: 1, Transfer: "t"}, Then: []AccountEvent{Refunded{Cents: 1, Transfer: "t"}}},
		is{Name: "close with money", Given: open, When: Close{}, ThenError: (*Refused)(nil)},
		is{Name: "close", Given: open[:1], When: Close{}, Then: []AccountEvent{Closed{}}},
	)
}

func TestTransfers(t *testing.T) {
	type is = aggregatetest.Case[Transfer, TransferCommand, TransferEvent]
	small := Requested{From: "ann", To: "bob", Cents: 5}
	large := Requested{From: "ann", To: "bob", Cents: ApprovedAbove + 1, Approval: true}
	aggregatetest.Run(t, Transfers,
		is{Name: "request", When: Request{From: "ann", To: "bob", Cents: 5}, Then: []TransferEvent{small}},
		is{Name: "request a large one", When: Request{From: "ann", To: "bob", Cents: ApprovedAbove + 1}, Then: []TransferEvent{large}, ThenState: &Transfer{Requested: large, Status: StatusWaiting}},
		is{Name: "request nothing", When: Request{From: "ann", To: "bob"}, ThenError: (*Refused)(nil)},
		is{Name: "request to oneself", When: Request{From: "ann", To: "ann", Cents: 5}, ThenError: (*Refused)(nil)},
		is{Name: "request twice", Given: []TransferEvent{small}, When: Request{From: "ann", To: "bob", Cents: 5}, ThenError: (*Refused)(nil)},
		is{
			Name: "approve", Given: []TransferEvent{large}, When: Approve{}, Context: decider.Context{Actor: "eve"},
			Then: []TransferEvent{Approved{By: "eve"}}, ThenState: &Transfer{Requested: large, Status: StatusMoving},
		},
		is{Name: "approve a small one", Given: []TransferEvent{small}, When: Approve{}, ThenError: (*Refused)(nil)},
		is{Name: "complete", Given: []TransferEvent{small}, When: Complete{}, Then: []TransferEvent{Completed{}}},
		is{Name: "complete twice", Given: []TransferEvent{small, Completed{}}, When: Complete{}},
		is{Name: "fail after completing", Given: []TransferEvent{small, Completed{}}, When: Fail{Why: "late"}},
		is{Name: "fail", Given: []TransferEvent{small}, When: Fail{Why: "no"}, Then: []TransferEvent{Failed{Why: "no"}}},
	)
}
