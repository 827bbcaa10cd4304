package wire

import (
	"encoding/json"
	"math"
	"time"
)

var (
	subscribeRequestMembers = []string{"eventFilter", "subscriber", "initialPosition", "id"}
	subscriberMembers       = []string{"type", "config"}
	deltaBaseRetryMembers   = append([]string{"backoffMinutes", "maxRetries", "backoffMultiplier"}, retryMembers...)
)

// DecodeDeltaBaseSubscription reads the body of a POST …/subscribe, DeltaBase's form of a SubscriptionRequest:
//
//	{"eventFilter", "subscriber":{"type", "config"?}, "initialPosition"?: "earliest" or "latest", "id"?}
//
// The retryPolicy of a subscriber's configuration, in any of its three forms, is the request's Policy.
func DecodeDeltaBaseSubscription(body []byte) (SubscriptionRequest, error) {
	r := SubscriptionRequest{deltaBase: true, patterns: true}
	var s scanner
	s.init(body, "")
	filtered := false
	for s.object(); s.member(); {
		switch s.known(subscribeRequestMembers) {
		case 0:
			filtered = true
			r.Filter = s.patterns()
		case 1:
			s.subscriber(&r)
		case 2:
			switch at := s.text(); at {
			case "earliest":
				r.Start.Earliest = true
			case "latest":
			default:
				s.fail(`%.40q is not a position: give "earliest" or "latest"`, at)
			}
		case 3:
			r.Name = s.given()
		}
	}
	if !filtered {
		s.missing("eventFilter", `give a type such as "user.*", or "*" for every event`)
	}
	if r.Kind == "" {
		s.missing("subscriber", `give {"type":"webhook","config":{"url":"https://…"}}`)
	}
	if err := s.end(); err != nil {
		return SubscriptionRequest{}, err
	}
	return r, nil
}

// elsewhere says what to use in place of the kinds that only DeltaBase's cloud has.
var elsewhere = map[string]string{
	"durable_object":      `a Durable Object is reached by HTTP: give "webhook" with the URL of a Worker that calls it`,
	"cloudflare_workflow": `a workflow is started by HTTP: give "webhook" with the URL of a Worker that starts it`,
	"queue":               `give "webhook" with the URL of a Worker that fills the queue, or let consumers ask for events: POST …/subscriptions with the kind "group"`,
	"websocket":           `whoever follows by WebSocket says so by connecting: GET …/events/ws`,
}

func (s *scanner) subscriber(r *SubscriptionRequest) {
	for s.object(); s.member(); {
		switch s.known(subscriberMembers) {
		case 0:
			r.Kind = s.given()
			if instead, ok := elsewhere[r.Kind]; ok {
				s.fail("%q is not a subscriber that this server has: %s", r.Kind, instead)
			}
		case 1:
			r.Config, r.Policy = s.deltaBaseConfig()
		}
	}
	if r.Kind == "" {
		s.missing("type", `give "webhook"`)
	}
}

// deltaBaseConfig takes the retryPolicy out of a configuration, and leaves the rest to the kind.
func (s *scanner) deltaBaseConfig() (json.RawMessage, *SubscriptionPolicy) {
	config, policy := []byte{'{'}, (*SubscriptionPolicy)(nil)
	for s.object(); s.member(); {
		name := string(s.path[len(s.path)-1].name)
		if name == "retryPolicy" {
			if policy != nil {
				s.fail("stands twice")
			}
			policy = &SubscriptionPolicy{Retry: s.deltaBaseRetry()}
			continue
		}
		raw := s.raw()
		if s.err == nil && !json.Valid(raw) {
			s.fail("is not JSON")
		}
		if len(config) > 1 {
			config = append(config, ',')
		}
		config = append(append(appendText(config, name), ':'), raw...)
	}
	return append(config, '}'), policy
}

// deltaBaseRetry reads {maxAttempts, backoffMinutes}, the members of a SubscriptionRetry, or {maxRetries,
// backoffMultiplier}.
func (s *scanner) deltaBaseRetry() *SubscriptionRetry {
	r := &SubscriptionRetry{}
	minutes, older, attempts, newer := false, false, false, false
	for s.object(); s.member(); {
		member := s.known(deltaBaseRetryMembers)
		switch member {
		case 0:
			minutes = true
			ms := s.number(0) * float64(time.Minute/time.Millisecond)
			if ms > float64(24*time.Hour/time.Millisecond) {
				s.fail("is more than a day")
				break
			}
			r.Strategy, r.InitialDelayMS = "fixed", int64(ms)
		case 1:
			older = true
			r.MaxAttempts = int(s.integer(0, math.MaxInt32-1)) + 1
		case 2:
			older = true
			r.Multiplier = s.number(1)
		default:
			attempts = attempts || member == 3
			newer = newer || member > 3
			s.retryMember(member-3, r)
		}
	}
	if s.err == nil && (minutes && (older || newer) || older && (attempts || newer)) {
		s.fail("is of several forms: give {maxAttempts, backoffMinutes}, {maxRetries, backoffMultiplier}, or maxAttempts with strategy, " +
			"initialDelayMs, maxDelayMs, multiplier and jitterPercent")
	}
	return r
}
