package server

import (
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/wire"
)

// specOf is what a request wants.
func specOf(r *wire.SubscriptionRequest) *delivery.Spec {
	return &delivery.Spec{
		Name: r.Name, Kind: r.Kind, Filter: r.Filter, Where: r.Where, Config: r.Config, Policy: policyOf(r.Policy),
		Start: delivery.Start{Earliest: r.Start.Earliest, After: r.Start.After, At: r.Start.At},
	}
}

func policyOf(p *wire.SubscriptionPolicy) *delivery.Policy {
	if p == nil {
		return nil
	}
	out := &delivery.Policy{
		Order: delivery.Order(p.Order), Window: p.Window, Parallel: p.Parallel, Batch: p.Batch,
		OnExhausted: delivery.Exhausted(p.OnExhausted), AckDeadlineMS: p.AckDeadlineMS, Pinned: p.Pinned,
	}
	if r := p.Retry; r != nil {
		out.Retry = delivery.Retry{
			MaxAttempts: r.MaxAttempts, Strategy: delivery.Strategy(r.Strategy), InitialDelayMS: r.InitialDelayMS,
			MaxDelayMS: r.MaxDelayMS, Multiplier: r.Multiplier, JitterPercent: r.JitterPercent,
		}
	}
	return out
}

func tellPolicy(p *delivery.Policy) wire.SubscriptionPolicy {
	return wire.SubscriptionPolicy{
		Order: string(p.Order), Window: p.Window, Parallel: p.Parallel, Batch: p.Batch, OnExhausted: string(p.OnExhausted),
		AckDeadlineMS: p.AckDeadlineMS, Pinned: p.Pinned,
		Retry: &wire.SubscriptionRetry{
			MaxAttempts: p.Retry.MaxAttempts, Strategy: string(p.Retry.Strategy), InitialDelayMS: p.Retry.InitialDelayMS,
			MaxDelayMS: p.Retry.MaxDelayMS, Multiplier: p.Retry.Multiplier, JitterPercent: p.Retry.JitterPercent,
		},
	}
}

func (x *exchange) tellSubscription(st *delivery.Status) wire.SubscriptionReply {
	r := wire.SubscriptionReply{
		Name: st.Name, Kind: st.Kind, Status: string(st.State), Where: st.Where, After: st.After, Position: st.Position, Head: st.Head, Lag: st.Lag,
		Open: st.Open, Waiting: st.Waiting, NextAttempt: st.NextAttempt, Tried: st.Tried, Delivered: st.Delivered, Failed: st.Failed,
		Reason: st.Reason, Consumers: st.Consumers, Config: st.Config, Policy: tellPolicy(&st.Policy),
		CreatedAt: st.CreatedAt, UpdatedAt: st.UpdatedAt,
	}
	if e := st.LastError; e != nil {
		r.LastError = &wire.FailureReply{Message: e.Message, Position: e.Position, EventID: e.EventID, At: e.At}
	}
	r.FillDeltaBase(x.named.name, st.Filter)
	return r
}

func tellAttempt(a *delivery.Attempt) wire.AttemptReply {
	return wire.AttemptReply{
		At: a.At, ID: a.Batch, Position: a.Position, Events: a.Events, EventID: a.EventID, StreamID: a.Stream, Type: a.Type,
		Attempt: a.Attempt, Status: a.Status, DurationMS: a.DurationMS, Response: a.Response, Error: a.Error,
	}
}

func tellLetter(l *delivery.Letter) wire.LetterReply {
	return wire.LetterReply{
		ID: l.ID, Position: l.Position, EventID: l.EventID, StreamID: l.Stream, Type: l.Type, Message: l.Message,
		Attempts: l.Attempts, At: l.At,
	}
}
