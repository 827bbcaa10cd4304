package wasm_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/decider"
	"github.com/nacredb/nacre/wasm"
)

func contextOf(id string) decider.Context { return decider.Context{ID: id} }

func sorted(lines string) []string {
	return slices.Sorted(slices.Values(strings.Split(lines, "\n")))
}

func TestThaloStream(t *testing.T) {
	for _, c := range []struct {
		name           string
		category, rest string // what it becomes
		wrong          string
	}{
		{"account-123", "account", "123", ""},
		{"bankAccount-ann", "bankAccount", "ann", ""},
		{"bank_account-ann", "bank_account", "ann", ""},
		{"account-ann-2024", "account", "ann-2024", ""}, // the first "-" counts, here and there
		{"account-ann+bob", "account", "ann+bob", ""},
		{"account:command-123", "account:command", "123", ""},
		{"account:command+position-123", "account:command+position", "123", ""},
		{"account:snapshot-a:b", "account:snapshot", "a:b", ""},
		{"", "", "", "is empty"},
		{"account", "", "", "stands for all streams of a category"},
		{"account-", "", "", "stands for all streams of a category"},
		{"-123", "", "", "no name that an aggregate can have"},
		{":command-123", "", "", "no name that an aggregate can have"},
		{"account:-123", "", "", "no type behind it"},
		{"bank account-123", "", "", "ThaloCategory makes one"},
		{"conta§-123", "", "", "ThaloCategory makes one"},
	} {
		got, err := wasm.ThaloStream(c.name)
		switch {
		case c.wrong != "":
			if nacre.CodeOf(err) != nacre.CodeInvalid || !strings.Contains(err.Error(), c.wrong) {
				t.Errorf("%q: %q, %v; want %q", c.name, got, err, c.wrong)
			}
		case err != nil || string(got) != c.name || got.Category() != c.category || got.Rest() != c.rest:
			t.Errorf("%q: %q, of category %q, %v", c.name, got, got.Category(), err)
		}
	}
}

func TestThaloCategory(t *testing.T) {
	for name, want := range map[string]string{
		"counter":         "counter",
		"bank_account":    "bank_account",
		"BankAccount":     "BankAccount",
		"bank-account":    "bankAccount",
		"Bank Account":    "bankAccount",
		"bank--account":   "bankAccount",
		"my-HTTPServer":   "myHttpServer",
		"my-HTTP":         "myHttp",
		"todos2-list":     "todos2List",
		"-leading":        "leading",
		"account:command": "account",
		"my-acc:command":  "myAcc",
		"":                "",
		"-":               "",
		"äöü-x":           "",
		"_":               "",
	} {
		got, err := wasm.ThaloCategory(name)
		if got != want || (err == nil) != (want != "") || err != nil && nacre.CodeOf(err) != nacre.CodeInvalid {
			t.Errorf("%q: %q, %v; want %q", name, got, err, want)
		}
	}
	if long, err := wasm.ThaloCategory(strings.Repeat("a", 65)); err == nil {
		t.Errorf("a long one: %q", long)
	}
}

func TestThaloCardinal(t *testing.T) {
	for id, want := range map[string]string{"ann": "ann", "ann+bob": "ann", "ann+bob+eve": "ann", "": "", "+b": ""} {
		if got := wasm.ThaloCardinal(id); got != want {
			t.Errorf("%q: %q", id, got)
		}
	}
}
