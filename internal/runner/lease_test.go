package runner_test

import (
	"encoding/json"
	"errors"
	"maps"
	"os"
	"os/exec"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/runner"
)

func TestWhatWasIntendedOutlivesItsProcess(t *testing.T) {
	for _, c := range []struct {
		state  runner.State
		intent runner.Intent
	}{
		{runner.Paused, runner.Intent{Paused: true}},
		{runner.Failed, runner.Intent{Paused: true}},
		{runner.Failed, runner.Intent{Rebuild: true}},
		{runner.Rebuilding, runner.Intent{Rebuild: true}},
		{runner.Paused, runner.Intent{Paused: true, Rebuild: true}},
		{runner.Running, runner.Intent{}},
	} {
		synctest.Test(t, func(t *testing.T) {
			store := open(t)
			l := acquire(t, store)
			change := func(s runner.State, i runner.Intent) {
				var f *runner.Failure
				if s == runner.Failed {
					f = runner.FailureOf(errors.New("broken"), time.Now())
				}
				l.Intend(i)
				if err := l.Change(t.Context(), s, f); err != nil {
					t.Fatal(err)
				}
			}
			change(c.state, c.intent)
			o, err := runner.Give(t.Context(), store, id, runner.Order{Do: runner.Discard})
			if err != nil {
				t.Fatal(err)
			}
			if got := <-l.Orders(); got.Place != o.Place {
				t.Errorf("got %+v", got)
			}
			if err := l.Obeyed(t.Context(), o, nil); err != nil { // which says nothing of what is intended
				t.Error(err)
			}
			release(t, l)
			l = acquire(t, store)
			if got := l.Before(); got != c.intent {
				t.Errorf("%s: %+v came of the intent %+v", c.state, got, c.intent)
			}
			if s := status(t, store); (s.State == runner.Paused) != c.intent.Paused {
				t.Errorf("%s, %+v: the next process begins as %s", c.state, c.intent, s.State)
			}
			change(runner.Running, runner.Intent{})
			release(t, l)
			l = acquire(t, store)
			if got := l.Before(); got != (runner.Intent{}) {
				t.Errorf("what was intended no more has become %+v", got)
			}
			release(t, l)
		})
	}
}

func TestNobodyWritesUnderALeaseThatWasGivenBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := acquire(t, open(t))
		release(t, l)
		for name, err := range map[string]error{
			"Check": l.Check(t.Context()), "Confirm": l.Confirm(t.Context()), "Change": l.Change(t.Context(), runner.Running, nil),
		} {
			if nacre.CodeOf(err) != runner.CodeLeaseLost {
				t.Errorf("%s: %v", name, err)
			}
		}
	})
}

func TestConfirmLooksAtTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		store := open(t)
		l := acquire(t, store)
		if err := l.Confirm(t.Context()); err != nil {
			t.Error(err)
		}
		startedElsewhere(t, store, 2)
		if err := l.Check(t.Context()); err != nil {
			t.Errorf("Check, whose sign is young: %v", err)
		}
		if err := l.Confirm(t.Context()); nacre.CodeOf(err) != runner.CodeLeaseLost {
			t.Errorf("Confirm: %v", err)
		}
		if err := l.Check(t.Context()); nacre.CodeOf(err) != runner.CodeLeaseLost {
			t.Errorf("Check, after that: %v", err)
		}
		if err := l.Release(t.Context(), nil); nacre.CodeOf(err) != runner.CodeLeaseLost {
			t.Errorf("Release: %v", err)
		}
	})
}

// A holder whose process is known to be gone is not waited for. A process id tells that only where it means what it
// meant to the holder: on the same machine, since the same boot, in the same container.
func TestAProcessIDMeansSomethingInItsOwnSpaceOnly(t *testing.T) {
	store := open(t)
	release(t, acquire(t, store))
	var own map[string]any // what this process writes of itself
	for e, err := range store.System().ReadStream(t.Context(), "runner-projection.my-balances", nil) {
		if err != nil {
			t.Fatal(err)
		}
		if e.Type == "runner.started" {
			if err := json.Unmarshal(e.Data, &own); err != nil {
				t.Fatal(err)
			}
		}
	}
	space, told := own["space"].(string)
	boot, namespace, _ := strings.Cut(space, " ")
	if told && (boot == "" || namespace == "") {
		t.Errorf("the space %q does not have both a boot and a namespace", space)
	}
	for _, c := range []struct {
		name   string
		change map[string]any
		gone   bool
		skip   bool
	}{
		{name: "an earlier process with this one's id", gone: true},
		{name: "a process that has ended", change: map[string]any{"pid": endedProcess(t)}, gone: true},
		{name: "a process that lives", change: map[string]any{"pid": os.Getppid()}},
		{name: "another machine", change: map[string]any{"host": "another.example"}},
		{name: "another container", change: map[string]any{"space": boot + " pid:[1]"}},
		{name: "another boot", change: map[string]any{"space": "00000000-0000-0000-0000-000000000000 " + namespace}},
		{name: "a space that was not told", change: map[string]any{"space": ""}, skip: !told},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.skip {
				t.Skip("this system does not tell the space of a process either")
			}
			store := open(t)
			record := maps.Clone(own)
			record["token"] = "another process"
			maps.Copy(record, c.change)
			if _, err := store.System().Append(t.Context(), "runner-projection.my-balances", nacre.Any, nacre.NewEvent("runner.started", record)); err != nil {
				t.Fatal(err)
			}
			l, err := runner.Acquire(t.Context(), store, id, &runner.Options{NoWait: true})
			switch {
			case c.gone && err != nil:
				t.Errorf("it is waited for: %v", err)
			case !c.gone && nacre.CodeOf(err) != runner.CodeHeld:
				t.Errorf("it is not waited for: %v", err)
			}
			if err == nil {
				release(t, l)
			}
		})
	}
}

// endedProcess is the id of a process that was there.
func endedProcess(t *testing.T) int {
	t.Helper()
	c := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^$")
	if err := c.Run(); err != nil {
		t.Fatal(err)
	}
	return c.Process.Pid
}
