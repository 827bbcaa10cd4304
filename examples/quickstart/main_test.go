package main

import (
	"strings"
	"testing"
)

func TestQuickstart(t *testing.T) {
	dir := t.TempDir()
	for i, want := range []string{
		"paid at position 3 repeated: false\na second order: APPEND_CONDITION_FAILED\norder-7 is order.paid for 99.99\n" +
			"2 payment-7 payment.taken {\"amount\":99.99,\"order\":\"order-7\"}\n",
		"order-7 is there, at version 1\npaid at position 3 repeated: true\na second order: APPEND_CONDITION_FAILED\n" +
			"order-7 is order.paid for 99.99\n2 payment-7 payment.taken {\"amount\":99.99,\"order\":\"order-7\"}\n",
	} {
		var out strings.Builder
		if err := run(t.Context(), &out, dir); err != nil {
			t.Fatal(err)
		}
		if out.String() != want {
			t.Errorf("run %d printed\n%swant\n%s", i+1, out.String(), want)
		}
	}
}
