package deliverytest

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
	"go.uber.org/goleak"
)

// Run runs the suite. Each test has a fixture of its own.
func Run(t *testing.T, fixture func(t *testing.T) Fixture) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(t *testing.T, f *Fixture)
	}{
		{"check", testCheck},
		{"refused", testRefused},
		{"public", testPublic},
		{"same", testSame},
		{"order", testOrder},
		{"odd", testOdd},
		{"repeat", testRepeat},
		{"away", testAway},
		{"comes and goes", testComesAndGoes},
		{"reopened", testReopened},
		{"context", testContext},
		{"concurrent", testConcurrent},
		{"close", testClose},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := fixture(t)
			test.run(t, &f)
		})
	}
}

func testCheck(t *testing.T, f *Fixture) {
	name := f.Kind.Name()
	if name == "" || len(name) > 32 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
		t.Errorf("is called %q", name)
	}
	for _, config := range []json.RawMessage{f.Config, f.Elsewhere} {
		given := slices.Clone(config)
		checked, err := f.Kind.Check(config, nil)
		if err != nil {
			t.Fatalf("%s: %v", config, err)
		}
		for _, before := range []json.RawMessage{nil, checked, slices.Clone(f.Elsewhere)} {
			if before != nil && !sameJSON(t, before, checked) {
				if before, err = f.Kind.Check(before, nil); err != nil {
					t.Fatal(err)
				}
			}
			again, err := f.Kind.Check(checked, before)
			if err != nil {
				t.Errorf("what was checked is refused: %v", err)
			} else if !sameJSON(t, again, checked) {
				t.Errorf("what was checked became another:\n%s\n%s", checked, again)
			}
		}
		if string(config) != string(given) {
			t.Errorf("Check changed what it was given to %s", config)
		}
	}
}

func testRefused(t *testing.T, f *Fixture) {
	cases := map[string]string{
		`[]`:                   "config",
		`"text"`:               "config",
		`{"no-such-name":1}`:   "config.no-such-name",
		with(t, f.Config):      "config.no-such-name",
		string(f.Config) + `x`: "config",
	}
	maps.Copy(cases, f.Refused)
	before, err := f.Kind.Check(f.Config, nil)
	if err != nil {
		t.Fatal(err)
	}
	for config, field := range cases {
		for _, b := range []json.RawMessage{nil, before} {
			_, err := f.Kind.Check(json.RawMessage(config), b)
			e, is := errors.AsType[*nacre.Error](err)
			if !is || e.Code != nacre.CodeInvalid || e.Field != field {
				t.Errorf("%s: got %v, want %s to be refused", config, err, field)
				continue
			}
			for _, secret := range f.Secrets {
				if strings.Contains(err.Error(), secret) {
					t.Errorf("%s: the error shows the secret: %v", config, err)
				}
			}
		}
	}
	// Nothing at all is a configuration as well, or is refused as one.
	for _, empty := range []json.RawMessage{nil, {}, json.RawMessage(`{}`)} {
		if _, err := f.Kind.Check(empty, nil); err != nil && nacre.CodeOf(err) != nacre.CodeInvalid {
			t.Errorf("%q: got %v", empty, err)
		}
	}
}

// with is a configuration with a member that nobody knows.
func with(t *testing.T, config json.RawMessage) string {
	t.Helper()
	members := map[string]json.RawMessage{}
	if err := json.Unmarshal(config, &members); err != nil {
		t.Fatal(err)
	}
	members["no-such-name"] = json.RawMessage(`true`)
	out, err := json.Marshal(members)
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

func testPublic(t *testing.T, f *Fixture) {
	checked, err := f.Kind.Check(f.Config, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, secret := range f.Secrets {
		if !strings.Contains(string(checked), secret) {
			t.Errorf("the secret %q is not in what is stored: %s", secret, checked)
		}
	}
	before := string(checked)
	public := f.Kind.Public(checked)
	if string(checked) != before {
		t.Error("Public changed what it was given")
	}
	var members map[string]any
	if err := json.Unmarshal(public, &members); err != nil {
		t.Fatalf("what is public is no object: %s", public)
	}
	for _, secret := range f.Secrets {
		if strings.Contains(string(public), secret) {
			t.Errorf("the secret %q shows in %s", secret, public)
		}
	}
}

func testSame(t *testing.T, f *Fixture) {
	check := func(config json.RawMessage) json.RawMessage {
		checked, err := f.Kind.Check(config, nil)
		if err != nil {
			t.Fatal(err)
		}
		return checked
	}
	a, c := check(f.Config), check(f.Elsewhere)
	b, err := f.Kind.Check(a, a)
	if err != nil {
		t.Fatal(err)
	}
	if !f.Kind.Same(a, a) || !f.Kind.Same(a, b) || !f.Kind.Same(b, a) || !f.Kind.Same(c, c) {
		t.Errorf("%s is not the same as itself", a)
	}
	if f.Kind.Same(a, c) || f.Kind.Same(c, a) {
		t.Errorf("%s and %s are the same", a, c)
	}
}

func testOrder(t *testing.T, f *Fixture) {
	sender, _ := open(t, f.Kind, f.Config)
	events := Events(0, 120, 3)
	batches := slices.Concat(Batches(events[:60], 7), Batches(events[60:], 1))
	for _, b := range batches {
		if _, err := sender.Send(t.Context(), b); err != nil {
			t.Fatalf("batch %s: %v", b.ID, err)
		}
	}
	received := f.Received(t)
	compare(t, received, batches)
	if len(received) != len(events) {
		t.Errorf("%d events came, of %d that were sent once", len(received), len(events))
	}
}

func testOdd(t *testing.T, f *Fixture) {
	sender, _ := open(t, f.Kind, f.Config)
	batches := Batches(odd(), 5)
	for _, b := range batches {
		if _, err := sender.Send(t.Context(), b); err != nil {
			t.Fatalf("batch %s: %v", b.ID, err)
		}
	}
	compare(t, f.Received(t), batches)
}

// testRepeat sends what the other side has, as a hub does that did not hear of it.
func testRepeat(t *testing.T, f *Fixture) {
	sender, _ := open(t, f.Kind, f.Config)
	batches := Batches(Events(0, 30, 2), 6)
	for _, b := range batches {
		for attempt := 1; attempt <= 3; attempt++ {
			b.Attempt = attempt
			if _, err := sender.Send(t.Context(), b); err != nil {
				t.Fatalf("batch %s, attempt %d: %v", b.ID, attempt, err)
			}
		}
	}
	received := f.Received(t)
	compare(t, received, batches)
	if want := 30; f.Once && len(received) != want {
		t.Errorf("%d events came, want %d without repeats", len(received), want)
	}
}

// testAway has the other side away from the beginning.
func testAway(t *testing.T, f *Fixture) {
	f.Stop(t)
	sender, _ := open(t, f.Kind, f.Config)
	batches := Batches(Events(0, 20, 2), 5)
	for range 3 {
		ctx, cancel := context.WithTimeout(t.Context(), attemptLimit)
		if _, err := sender.Send(ctx, batches[0]); err == nil {
			t.Fatal("a batch was taken by nobody")
		}
		cancel()
	}
	f.Start(t)
	deliverAll(t, sender, batches)
	compare(t, f.Received(t), batches)
}

// testComesAndGoes takes the other side away in the middle of batches.
func testComesAndGoes(t *testing.T, f *Fixture) {
	sender, _ := open(t, f.Kind, f.Config)
	batches := Batches(Events(0, 3000, 5), 10)
	const times = 3
	each := len(batches) / (times + 1)
	ended := make(chan error, 1)
	// What is sent goes on while the other side goes away, yet comes no further ahead of it than this: everything could
	// be there before the last time.
	taken := make(chan struct{}, each/2)
	go func() {
		defer close(taken)
		for _, b := range batches {
			if _, err := Deliver(t.Context(), sender, b); err != nil {
				ended <- err
				return
			}
			select {
			case taken <- struct{}{}:
			case <-t.Context().Done():
			}
		}
		ended <- nil
	}()
	count, gone := 0, 0
	for range taken {
		if count++; count%each != 0 || gone == times {
			continue
		}
		gone++
		f.Stop(t)
		// Away for a few attempts.
		select {
		case <-time.After(3 * pause):
		case <-t.Context().Done():
		}
		f.Start(t)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	compare(t, f.Received(t), batches)
}

// testReopened has a new sender for each few batches, as after restarts, which begins a batch back.
func testReopened(t *testing.T, f *Fixture) {
	batches := Batches(Events(0, 60, 3), 5)
	for begin := 0; begin < len(batches); begin += 3 {
		sender, done := open(t, f.Kind, f.Config)
		deliverAll(t, sender, batches[max(0, begin-1):min(begin+3, len(batches))])
		done()
	}
	compare(t, f.Received(t), batches)
}

func testContext(t *testing.T, f *Fixture) {
	sender, _ := open(t, f.Kind, f.Config)
	batches := Batches(Events(0, 10, 2), 5)
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := sender.Send(over, batches[0]); err == nil {
		t.Error("a batch was sent though the context was over")
	}
	deliverAll(t, sender, batches[:1])
	f.Stop(t)
	// The context may end while a send waits, or after it has failed; it comes back in either case.
	for range 5 {
		ctx, cancel := context.WithCancel(t.Context())
		timer := time.AfterFunc(pause, cancel)
		if _, err := sender.Send(ctx, batches[1]); err == nil {
			t.Error("a batch was taken by nobody")
		}
		timer.Stop()
		cancel()
	}
	f.Start(t)
	deliverAll(t, sender, batches[1:])
	compare(t, f.Received(t), batches)
}

// testConcurrent sends the events of streams beside each other, as the policy's parallel does, with the other side away
// for a while.
func testConcurrent(t *testing.T, f *Fixture) {
	const streams = 8
	sender, _ := open(t, f.Kind, f.Config)
	events := Events(0, 400, streams)
	var group sync.WaitGroup
	failed := make(chan error, streams)
	half := make(chan struct{}, streams)
	for s := range streams {
		var own []nacre.Event
		for i := range events {
			if i%streams == s {
				own = append(own, events[i])
			}
		}
		group.Go(func() {
			batches := Batches(own, 1+s%3)
			for i, b := range batches {
				if i == len(batches)/2 {
					half <- struct{}{}
				}
				if _, err := Deliver(t.Context(), sender, b); err != nil {
					failed <- fmt.Errorf("stream %d: %w", s, err)
					return
				}
			}
		})
	}
	<-half
	f.Stop(t)
	f.Start(t)
	group.Wait()
	select {
	case err := <-failed:
		t.Fatal(err)
	default:
	}
	received := f.Received(t)
	for s := range streams {
		of := func(in []nacre.Event) []nacre.Event {
			id := events[s].StreamID
			return slices.DeleteFunc(slices.Clone(in), func(e nacre.Event) bool { return e.StreamID != id })
		}
		compare(t, of(received), []*delivery.Batch{{Events: of(events)}})
	}
}

func testClose(t *testing.T, f *Fixture) {
	before := goleak.IgnoreCurrent()
	_, unused := open(t, f.Kind, f.Config)
	unused()
	sender, done := open(t, f.Kind, f.Config)
	batches := Batches(Events(0, 20, 2), 5)
	deliverAll(t, sender, batches)
	done()
	// One that fails, and is closed while the other side is away.
	sender, done = open(t, f.Kind, f.Config)
	deliverAll(t, sender, batches[:1])
	f.Stop(t)
	ctx, cancel := context.WithTimeout(t.Context(), attemptLimit)
	defer cancel()
	if _, err := sender.Send(ctx, batches[1]); err == nil {
		t.Error("a batch was taken by nobody")
	}
	done()
	cancel()
	goleak.VerifyNone(t, before)
	f.Start(t)
	compare(t, f.Received(t), batches)
}
