package aggregatetest_test

import (
	"testing"

	"github.com/nacredb/nacre/aggregate/aggregatetest"
)

func ExampleRun() { //nolint:testableexamples // it is a test's body
	var t *testing.T // of a function like TestCart
	aggregatetest.Run(t, newModel(), []aggregatetest.Case[cart, command, event]{
		{
			Name: "there is room",
			When: add{"tea"},
			Then: []event{added{"tea", "test"}},
		},
		{
			Name:      "there is no more room",
			Given:     []event{tea, tea, tea},
			When:      add{"milk"},
			ThenError: (*full)(nil),
		},
	}...)
}
