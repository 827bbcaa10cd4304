package main

import (
	"fmt"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
)

func TestDaysFromSubmissionToPayment(t *testing.T) {
	dir := t.TempDir()
	store, err := filestore.Open(filepath.Join(dir, "log"), nil)
	if err != nil {
		t.Fatal(err)
	}
	begin := time.Date(2017, 3, 1, 9, 0, 0, 0, time.UTC)
	add := func(stream, eventType string, day float64, data string) {
		when := begin.Add(time.Duration(day * 24 * float64(time.Hour))).Format(time.RFC3339)
		e := nacre.Event{Type: eventType, Data: []byte(data), Metadata: fmt.Appendf(nil, `{"occurredAt":%q}`, when)}
		if _, err := store.Append(t.Context(), nacre.StreamID(stream), nacre.Any, e); err != nil {
			t.Fatal(err)
		}
	}
	for i, unit := range []string{"north", "north", "south"} {
		stream := fmt.Sprintf("permit-%d", i)
		add(stream, "permit.submitted_by_employee", 0, fmt.Sprintf(`{"activity":"submitted","case":{"organizationalEntity":%q}}`, unit))
		add(stream, "trip.started", 3, `{"activity":"started"}`)
		add(stream, "permit.submitted_by_employee", 4, `{"activity":"submitted again"}`)
		add(stream, "payment.handled", 10*float64(i+1), `{"activity":"paid"}`)
	}
	add("permit-unpaid", "permit.submitted_by_employee", 0, `{"activity":"submitted","case":{"organizationalEntity":"south"}}`)
	add("other-1", "payment.handled", 99, `{}`)
	if err := store.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time the table is there
		var out strings.Builder
		if err := run(t.Context(), &out, filepath.Join(dir, "log"), filepath.Join(dir, "permits.db")); err != nil {
			t.Fatal(err)
		}
		want := []string{
			"permit-0 of north: 4 steps, the last one paid",
			"south                            1 permits paid, after  30.0 days, at most  30.0",
			"north                            2 permits paid, after  15.0 days, at most  20.0",
			"made again, it says the same: true",
		}
		if got := out.String(); got != strings.Join(want, "\n")+"\n" {
			t.Errorf("got\n%s", got)
		}
	}
}
