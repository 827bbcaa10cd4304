package nacre

import (
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
)

func TestNewID(t *testing.T) {
	before := time.Now().UnixMilli()
	id, err := ulid.ParseStrict(NewID())
	if err != nil {
		t.Fatalf("%s: %v", id, err)
	}
	if ms := int64(id.Time()); ms < before || ms > time.Now().UnixMilli() {
		t.Errorf("the id is of millisecond %d, it was %d before it was made", ms, before)
	}
	if checkEventID(id.String()) != "" {
		t.Errorf("%s is not taken as an event id", id)
	}
}

func TestNewIDsAreUnique(t *testing.T) {
	const each = 20_000
	made := make([][]string, 4)
	var all sync.WaitGroup
	for i := range made {
		all.Go(func() {
			for range each {
				made[i] = append(made[i], NewID())
			}
		})
	}
	all.Wait()
	seen := make(map[string]bool, len(made)*each)
	for _, ids := range made {
		for _, id := range ids {
			if len(id) != 26 || seen[id] {
				t.Fatalf("%q was made twice, or is no ULID", id)
			}
			seen[id] = true
		}
	}
}
