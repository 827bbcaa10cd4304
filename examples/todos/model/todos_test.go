package model

import (
	"testing"
	"time"

	"github.com/nacredb/nacre/aggregate/aggregatetest"
	"github.com/nacredb/nacre/decider"
)

func TestLists(t *testing.T) {
	type is = aggregatetest.Case[List, Command, Event]
	due := time.Date(2026, 1, 2, 0, 0, 0, 0, time.UTC)
	late := due.Add(time.Hour)
	milk, rent := Added{Item: 1, Text: "milk", Labels: []string{"shop"}}, Added{Item: 2, Text: "rent", Due: &due}
	both := []Event{milk, rent}
	full := make([]Event, MaxOpen)
	for i := range full {
		full[i] = Added{Item: i + 1, Text: "x"}
	}
	aggregatetest.Run(t, Lists,
		is{Name: "add", When: Add{Text: " milk ", Labels: []string{"shop"}}, Then: []Event{milk}},
		is{Name: "add another", Given: []Event{milk}, When: Add{Text: "rent", Due: &due}, Then: []Event{rent}},
		is{Name: "add nothing", When: Add{Text: " "}, ThenError: (*NoText)(nil)},
		is{Name: "add to a full list", Given: full, When: Add{Text: "y"}, ThenError: &TooMany{Most: MaxOpen}},
		is{
			Name: "complete in time", Given: both, When: Complete{Item: 2}, Context: decider.Context{Time: due},
			Then: []Event{Completed{Item: 2, At: due}},
		},
		is{
			Name: "complete late", Given: both, When: Complete{Item: 2}, Context: decider.Context{Time: late},
			Then: []Event{Completed{Item: 2, At: late, Late: true}},
		},
		is{Name: "complete twice", Given: append(both, Completed{Item: 1, At: due}), When: Complete{Item: 1}},
		is{Name: "complete what is not there", Given: both, When: Complete{Item: 3}, ThenError: &NoItem{Item: 3}},
		is{Name: "reopen", Given: append(both, Completed{Item: 1, At: due}), When: Reopen{Item: 1}, Then: []Event{Reopened{Item: 1}}},
		is{Name: "reopen what is open", Given: both, When: Reopen{Item: 1}},
		is{Name: "reopen what is not there", When: Reopen{Item: 1}, ThenError: &NoItem{Item: 1}},
		is{Name: "reword", Given: both, When: Reword{Item: 1, Text: "oat milk"}, Then: []Event{Reworded{Item: 1, Text: "oat milk"}}},
		is{Name: "reword to the same", Given: both, When: Reword{Item: 1, Text: "milk "}},
		is{Name: "reword to nothing", Given: both, When: Reword{Item: 1}, ThenError: (*NoText)(nil)},
		is{Name: "reword what is not there", When: Reword{Item: 1, Text: "x"}, ThenError: &NoItem{Item: 1}},
		is{
			Name: "sweep", Given: append(both, Completed{Item: 1, At: due}), When: Sweep{}, Then: []Event{Swept{Items: []int{1}}},
			ThenState: &List{Items: []Item{{Number: 2, Text: "rent", Due: &due}}, Last: 2},
		},
		is{Name: "sweep nothing", Given: both, When: Sweep{}},
	)
}
