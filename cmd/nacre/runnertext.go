package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// printJSON prints replies, one a line.
func printJSON[T any](to io.Writer, replies ...T) error {
	for i := range replies {
		text, err := wire.Encode(&replies[i])
		if err != nil {
			return nacre.Errorf(nacre.CodeInternal, "%w", err)
		}
		if _, err := to.Write(append(text, '\n')); err != nil {
			return err
		}
	}
	return nil
}

// maxNote is the most characters of an error in a table.
const maxNote = 100

func runnerTable(list []wire.RunnerReply) *columns {
	t := &columns{heads: []string{"NAME", "STATE", ">POSITION", ">LAG", ">EVENTS/S", ">DEAD", "NOTE"}}
	for i := range list {
		r := &list[i]
		t.add(r.Name, plain(r.State, maxNote), fmt.Sprint(r.Position), fmt.Sprint(r.Lag), rate(r.Rate), strconv.Itoa(r.DeadLetters), noteOf(r))
	}
	return t
}

func rate(perSecond float64) string {
	switch {
	case perSecond == 0:
		return "0"
	case perSecond < 10:
		return fmt.Sprintf("%.1f", perSecond)
	}
	return fmt.Sprintf("%.0f", perSecond)
}

// noteOf is what there is to say of one in a list.
func noteOf(r *wire.RunnerReply) string {
	var notes []string
	if b := r.Rebuild; b != nil {
		notes = append(notes, "rebuilt "+rebuilt(b))
	}
	if r.SecondsLeft >= 1 {
		notes = append(notes, "caught up in "+seconds(r.SecondsLeft))
	}
	switch {
	case r.Stale:
		notes = append(notes, "no sign of life since "+moment(r.UpdatedAt))
	case !r.Held && r.State != "STOPPED":
		notes = append(notes, "nobody runs it")
	}
	if r.Failure != nil {
		notes = append(notes, plain(failureText(r.Failure), maxNote))
	}
	if o := r.LastOrder; o != nil && o.Failure != nil {
		notes = append(notes, plain(fmt.Sprintf("did not %s: %s", o.Do, o.Failure.Message), maxNote))
	}
	return strings.Join(notes, "; ")
}

// stateOf is a state in a sentence.
func stateOf(r *wire.RunnerReply) string {
	switch {
	case r.State == "":
		return "not known to this key"
	case r.Stale:
		return r.State + ", with no sign of life since " + moment(r.UpdatedAt)
	case !r.Held && r.State != "STOPPED":
		return r.State + ", and nobody runs it"
	}
	return r.State
}

func rebuilt(b *wire.RebuildReply) string {
	text := fmt.Sprintf("%d of %d", b.Position, b.Target)
	if b.Target > 0 {
		text = fmt.Sprintf("%d %%, %s", 100*min(b.Position, b.Target)/b.Target, text)
	}
	if b.SecondsLeft > 0 {
		text += ", " + seconds(b.SecondsLeft) + " left"
	}
	return text
}

// seconds is a time that is left.
func seconds(s float64) string {
	switch {
	case s < 10:
		return fmt.Sprintf("%.1f s", s)
	case s < 120:
		return fmt.Sprintf("%.0f s", s)
	case s < 7200:
		return fmt.Sprintf("%.0f min", s/60)
	}
	return fmt.Sprintf("%.0f h", s/3600)
}

func moment(t time.Time) string { return t.UTC().Format(time.RFC3339) }

// failureText is an error with its place.
func failureText(f *wire.FailureReply) string {
	text := ""
	if f.Position > 0 {
		text = fmt.Sprintf("at position %d", f.Position)
	}
	if f.EventID != "" {
		text += " (event " + quotable(f.EventID) + ")"
	}
	if text = strings.TrimSpace(text); text != "" {
		text += ": "
	}
	text += strings.TrimPrefix(f.Message, "nacre: ")
	if f.Code != "" {
		text += fmt.Sprintf(" (%s)", f.Code)
	}
	return text
}

// facts are lines of a name and a value for people.
type facts struct{ lines [][2]string }

func (f *facts) add(name, format string, args ...any) {
	f.lines = append(f.lines, [2]string{name, plain(fmt.Sprintf(format, args...), 0)})
}

// given adds a fact where there is one.
func (f *facts) given(name, value string) {
	if value != "" {
		f.add(name, "%s", value)
	}
}

func (f *facts) write(to io.Writer, title string) error {
	var b strings.Builder
	b.WriteString(title + "\n")
	for _, line := range f.lines {
		fmt.Fprintf(&b, "  %-13s %s\n", line[0], line[1])
	}
	_, err := io.WriteString(to, b.String())
	return err
}

// showRunner tells of one.
func showRunner(to io.Writer, w *runnerWords, r *wire.RunnerReply) error {
	var f facts
	f.add("state", "%s", stateOf(r))
	f.add("position", "%d of %d, %d behind", r.Position, r.Head, r.Lag)
	speed := rate(r.Rate) + " events/s"
	if r.SecondsLeft > 0 {
		speed += ", caught up in " + seconds(r.SecondsLeft)
	}
	f.add("rate", "%s", speed)
	if b := r.Rebuild; b != nil {
		f.add("rebuilt", "%s, since %s", rebuilt(b), moment(b.StartedAt))
	}
	if r.Failure != nil {
		f.given("failure", failureText(r.Failure))
		if !r.Failure.At.IsZero() {
			f.add("failed at", "%s", moment(r.Failure.At))
		}
	}
	f.add("dead letters", "%d", r.DeadLetters)
	if o := r.LastOrder; o != nil {
		outcome := "obeyed"
		if o.Failure != nil {
			outcome = "not carried out: " + failureText(o.Failure)
		}
		f.add("last order", "%d, %s: %s", o.Order, o.Do, outcome)
	}
	ran := "ran last on"
	if r.Held {
		ran = "runs on"
	}
	f.add(ran, "%s, process %d, start %d at %s", r.Host, r.PID, r.Term, moment(r.StartedAt))
	f.add("told at", "%s", moment(r.UpdatedAt))
	return f.write(to, w.one+" "+r.Name)
}

func letterTable(list []wire.DeadLetterReply) *columns {
	t := &columns{heads: []string{"KIND", "NAME", "ID", "WHAT", ">ATTEMPTS", "ERROR"}}
	for i := range list {
		l := &list[i]
		t.add(l.Kind, l.Name, quotable(l.ID), plain(whatOf(l), maxNote), strconv.Itoa(l.Attempts), plain(failureText(&l.Error), maxNote))
	}
	return t
}

// whatOf names what failed.
func whatOf(l *wire.DeadLetterReply) string {
	text := l.What
	switch {
	case l.Command != "":
		text += " " + l.Command
		if l.To != "" {
			text += " to " + l.To
		}
	case l.Timer != "":
		text += " " + l.Timer
	case l.Type != "":
		text += " " + l.Type
	}
	return text
}

// showLetter tells of one dead letter, with its payload.
func showLetter(to io.Writer, l *wire.DeadLetterReply) error {
	var f facts
	f.add("of", "%s %s", wordsOf(l.Kind).one, l.Name)
	f.add("what", "%s", whatOf(l))
	f.given("instance", l.Instance)
	if l.Position > 0 {
		f.add("position", "%d", l.Position)
	}
	f.given("event", l.EventID)
	f.given("stream", string(l.StreamID))
	f.given("type", l.Type)
	f.given("command id", l.CommandID)
	f.given("error", failureText(&l.Error))
	f.add("attempts", "%d", l.Attempts)
	if !l.At.IsZero() {
		f.add("buried at", "%s", moment(l.At))
	}
	f.given("payload", string(l.Payload))
	f.given("context", string(l.Context))
	return f.write(to, "dead letter "+quotable(l.ID))
}
