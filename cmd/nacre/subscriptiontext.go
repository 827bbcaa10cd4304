package main

import (
	"fmt"
	"io"
	"strconv"
	"strings"

	"github.com/nacredb/nacre/wire"
)

func subscriptionTable(list []wire.SubscriptionReply) *columns {
	t := &columns{heads: []string{"NAME", "KIND", "STATUS", ">POSITION", ">LAG", ">OPEN", ">DELIVERED", ">FAILED", "NOTE"}}
	for i := range list {
		r := &list[i]
		t.add(r.Name, plain(r.Kind, maxNote), plain(r.Status, maxNote), fmt.Sprint(r.Position), fmt.Sprint(r.Lag), strconv.Itoa(r.Open),
			strconv.FormatUint(r.Delivered, 10), strconv.FormatUint(r.Failed, 10), subscriptionNote(r))
	}
	return t
}

// subscriptionNote is what there is to say of one in a list.
func subscriptionNote(r *wire.SubscriptionReply) string {
	var notes []string
	if r.Reason != "" {
		notes = append(notes, plain(r.Reason, maxNote))
	}
	if !r.NextAttempt.IsZero() {
		notes = append(notes, "next attempt at "+moment(r.NextAttempt))
	}
	if r.LastError != nil && r.Reason == "" {
		notes = append(notes, plain(failureText(r.LastError), maxNote))
	}
	return strings.Join(notes, "; ")
}

// showSubscription tells of one.
func showSubscription(to io.Writer, r *wire.SubscriptionReply) error {
	var f facts
	f.add("kind", "%s", r.Kind)
	f.add("status", "%s", r.Status)
	f.given("reason", r.Reason)
	f.add("filter", "%s", r.Filter)
	f.given("where", r.Where)
	f.add("position", "%d of %d, %d behind", r.Position, r.Head, r.Lag)
	f.add("began behind", "%d", r.After)
	f.add("open", "%d", r.Open)
	if r.Waiting > 0 {
		f.add("waiting", "%s", count(r.Waiting, "stream", "streams"))
	}
	if !r.NextAttempt.IsZero() {
		f.add("next attempt", "%s, behind %s", moment(r.NextAttempt), count(r.Tried, "that failed", "that failed"))
	}
	f.add("delivered", "%d since the server looks after it", r.Delivered)
	f.add("failed", "%d", r.Failed)
	if r.LastError != nil {
		f.given("last error", failureText(r.LastError))
		f.add("failed at", "%s", moment(r.LastError.At))
	}
	f.given("consumers", strings.Join(r.Consumers, ", "))
	f.given("config", string(r.Config))
	if policy, err := wire.Encode(&r.Policy); err == nil {
		f.add("policy", "%s", policy)
	}
	f.add("made at", "%s", moment(r.CreatedAt))
	f.add("changed at", "%s", moment(r.UpdatedAt))
	return f.write(to, "subscription "+r.Name)
}

func attemptTable(list []wire.AttemptReply) *columns {
	t := &columns{heads: []string{"AT", ">POSITION", "STREAM", "TYPE", ">EVENTS", ">ATTEMPT", ">STATUS", ">MS", "RESULT"}}
	for i := range list {
		a := &list[i]
		result, status := "taken", "-"
		if a.Error != "" {
			result = plain(a.Error, maxNote)
		}
		if a.Status != 0 {
			status = strconv.Itoa(a.Status)
		}
		t.add(moment(a.At), fmt.Sprint(a.Position), quotable(string(a.StreamID)), plain(a.Type, maxNote), strconv.Itoa(a.Events),
			strconv.Itoa(a.Attempt), status, fmt.Sprintf("%.1f", a.DurationMS), result)
	}
	return t
}

func subscriptionLetterTable(list []wire.LetterReply) *columns {
	t := &columns{heads: []string{"ID", ">POSITION", "STREAM", "TYPE", ">ATTEMPTS", "ERROR"}}
	for i := range list {
		l := &list[i]
		t.add(quotable(l.ID), fmt.Sprint(l.Position), quotable(string(l.StreamID)), plain(l.Type, maxNote), strconv.Itoa(l.Attempts),
			plain(l.Message, maxNote))
	}
	return t
}
