package server

import (
	"context"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/delivery/webhook"
	"github.com/nacredb/nacre/server/access"
	"github.com/nacredb/nacre/wire"
)

// subscriptionRoutes are those of subscriptions, and of the consumers of groups.
func subscriptionRoutes() []*route {
	const manage = access.ManageSubscriptions
	const all, one = storePath + "/subscriptions", storePath + "/subscriptions/{name}"
	// Who may read the events may work them off, and who looks after groups may try them.
	consume := func(method string, do handler) *action {
		a := does(method, access.ReadEvents, do)
		a.or = []access.Permission{manage}
		return a
	}
	socket := consume("GET", (*Server).consumeWebSocket)
	socket.socket, socket.instead = true, "POST …/poll and …/ack give the same over HTTP"
	return []*route{
		at(all, does("GET", manage, (*Server).listSubscriptions), does("POST", manage, (*Server).createSubscription)),
		at(storePath+"/subscribe", does("POST", manage, (*Server).subscribe)),
		at(one, does("GET", manage, (*Server).getSubscription), does("PATCH", manage, (*Server).changeSubscription),
			does("DELETE", manage, (*Server).deleteSubscription)),
		at(one+"/pause", does("POST", manage, steers("paused", (*delivery.Hub).Pause))),
		at(one+"/resume", does("POST", manage, steers("resumed", (*delivery.Hub).Resume))),
		at(one+"/replay", does("POST", manage, (*Server).replaySubscription)),
		at(one+"/deliveries", does("GET", manage, (*Server).listDeliveries)),
		at(one+"/dead-letters", does("GET", manage, (*Server).listSubscriptionDeadLetters)),
		at(one+"/dead-letters/retry", does("POST", manage, (*Server).retrySubscriptionDeadLetters)),
		at(one+"/dead-letters/discard", does("POST", manage, (*Server).discardSubscriptionDeadLetters)),
		at(one+"/poll", consume("POST", (*Server).poll)),
		at(one+"/ack", consume("POST", (*Server).acknowledge)),
		at(one+"/leave", consume("POST", (*Server).leaveGroup)),
		at(one+"/ws", socket),
	}
}

// subscription gives the hub that has the subscription of the path. One beyond the grant's streams is as one that is not
// there.
func (x *exchange) subscription() (*delivery.Hub, error) {
	name := x.path.runner
	if err := delivery.CheckName(name); err != nil {
		return nil, err
	}
	hub, err := x.named.hub.of(x.named, false)
	if err != nil {
		return nil, err
	}
	absent := nacre.Errorf(wire.CodeSubscriptionNotFound, "there is no subscription %q", name)
	if hub == nil {
		return nil, absent
	}
	filter, err := hub.Filter(name)
	if err != nil {
		return nil, err
	}
	if mayAsk(x.grant, filter, "a subscription") != nil {
		return nil, absent
	}
	return hub, x.named.pastPolicies(x.r.Context(), x.grant, filter, "a subscription")
}

// createSubscription answers POST …/subscriptions.
func (s *Server) createSubscription(x *exchange) error {
	return x.create(wire.DecodeSubscription, func(*wire.SubscriptionReply, bool) {})
}

// subscribe answers POST …/subscribe, DeltaBase's way to make a subscription.
func (s *Server) subscribe(x *exchange) error {
	return x.create(wire.DecodeDeltaBaseSubscription, func(r *wire.SubscriptionReply, existed bool) {
		r.Status = wire.DeltaBaseStatus(r.Status)
		r.Existing = &existed
		r.Message = "the subscription is made"
		if existed {
			r.Message = "there is such a subscription already: this is it"
		}
	})
}

func (x *exchange) create(decode func([]byte) (wire.SubscriptionRequest, error), tell func(r *wire.SubscriptionReply, existed bool)) error {
	request, err := decoded(x, decode)
	if err != nil {
		return err
	}
	if err := x.named.maySubscribe(x.r.Context(), x.grant, request.Filter); err != nil {
		return err
	}
	hub, err := x.named.hub.of(x.named, true)
	if err != nil {
		return err
	}
	st, existed, err := hub.Create(context.WithoutCancel(x.r.Context()), specOf(&request))
	if err != nil {
		return request.Locate(queryError("where", err))
	}
	reply := x.tellSubscription(&st)
	status := http.StatusOK
	if !existed {
		status = http.StatusCreated
		x.noteSubscription(st.Name, "created")
		reply.Secret = secretOf(hub, &st)
	}
	prefix, _, _ := strings.Cut(x.r.URL.Path, "event-stores")
	x.w.Header().Set("Location", prefix+"event-stores/"+url.PathEscape(x.named.name)+"/subscriptions/"+url.PathEscape(st.Name))
	tell(&reply, existed)
	return x.answerWith(status, &reply)
}

// secretOf is the secret of a webhook, "" where there is none.
func secretOf(hub *delivery.Hub, st *delivery.Status) string {
	if st.Kind != kindWebhook {
		return ""
	}
	config, err := hub.Config(st.Name)
	if err != nil {
		return "" // it was deleted meanwhile
	}
	return webhook.Secret(config)
}

// kindWebhook is the kind whose secrets are shown once.
const kindWebhook = "webhook"

// noteSubscription tells the log what somebody did with a subscription.
func (x *exchange) noteSubscription(name, did string) {
	x.s.log.Info("a subscription was steered", "did", did, "store", x.named.name, "subscription", name, "who", x.grant.Who())
}

// listSubscriptions answers GET …/subscriptions with those that the grant may know of.
func (s *Server) listSubscriptions(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	p, err := wire.ParseSubscriptions(values)
	if err != nil {
		return err
	}
	hub, err := x.named.hub.of(x.named, false)
	if err != nil {
		return err
	}
	var list []delivery.Status
	if hub != nil {
		if list, err = hub.List(x.r.Context()); err != nil {
			return err
		}
	}
	reply := wire.SubscriptionsReply{Subscriptions: []wire.SubscriptionReply{}}
	for i := range list {
		st := &list[i]
		if !selectsSubscription(&p, st) || x.named.maySubscribe(x.r.Context(), x.grant, st.Filter) != nil {
			continue
		}
		if n := reply.TotalCount; n >= p.Offset && n < p.Offset+p.Limit {
			reply.Subscriptions = append(reply.Subscriptions, x.tellSubscription(st))
		}
		reply.TotalCount++
	}
	reply.Pagination = pagination(p.Limit, p.Offset, reply.TotalCount)
	return x.answerWith(http.StatusOK, &reply)
}

func pagination(limit, offset, total int) wire.Pagination {
	n := int64(total)
	return wire.Pagination{Limit: limit, Offset: offset, Total: &n, HasMore: offset+limit < total}
}

func selectsSubscription(p *wire.SubscriptionsParams, st *delivery.Status) bool {
	if p.EventFilter != "" {
		if patterns, ok := wire.EventPatterns(st.Filter); !ok || !slices.Contains(patterns, p.EventFilter) {
			return false
		}
	}
	return (p.Kind == "" || p.Kind == st.Kind) && (p.Status == "" || p.Status == string(st.State))
}

// getSubscription answers GET …/subscriptions/{name}.
func (s *Server) getSubscription(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	hub, err := x.subscription()
	if err != nil {
		return err
	}
	return x.answerSubscription(hub)
}

func (x *exchange) answerSubscription(hub *delivery.Hub) error {
	st, err := hub.Get(x.r.Context(), x.path.runner)
	if err != nil {
		return err
	}
	reply := x.tellSubscription(&st)
	return x.answerWith(http.StatusOK, &reply)
}

// changeSubscription answers PATCH …/subscriptions/{name}.
func (s *Server) changeSubscription(x *exchange) error {
	request, err := decoded(x, wire.DecodeSubscriptionChange)
	if err != nil {
		return err
	}
	hub, err := x.subscription()
	if err != nil {
		return err
	}
	if request.Filter != nil {
		if err := x.named.maySubscribe(x.r.Context(), x.grant, *request.Filter); err != nil {
			return err
		}
	}
	before, err := hub.Get(x.r.Context(), x.path.runner)
	if err != nil {
		return err
	}
	was := secretOf(hub, &before)
	change := delivery.Change{Filter: request.Filter, Where: request.Where, Config: request.Config, Policy: policyOf(request.Policy)}
	st, err := hub.Update(context.WithoutCancel(x.r.Context()), x.path.runner, &change)
	if err != nil {
		return request.Locate(queryError("where", err))
	}
	x.noteSubscription(st.Name, "changed")
	reply := x.tellSubscription(&st)
	if secret := secretOf(hub, &st); secret != was {
		reply.Secret = secret
	}
	return x.answerWith(http.StatusOK, &reply)
}

// deleteSubscription answers DELETE …/subscriptions/{name}.
func (s *Server) deleteSubscription(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	hub, err := x.subscription()
	if err != nil {
		return err
	}
	name := x.path.runner
	if err := hub.Delete(context.WithoutCancel(x.r.Context()), name); err != nil {
		return err
	}
	x.noteSubscription(name, "deleted")
	return x.answerWith(http.StatusOK, wire.DeletedReply{Success: true, Message: "the subscription " + name + " is deleted"})
}

// steers makes a handler of what steers a subscription and takes no more than its name.
func steers(did string, do func(*delivery.Hub, context.Context, string) error) handler {
	return func(_ *Server, x *exchange) error {
		if err := x.noQuery(); err != nil {
			return err
		}
		if err := x.noBody(); err != nil {
			return err
		}
		hub, err := x.subscription()
		if err != nil {
			return err
		}
		if err := do(hub, context.WithoutCancel(x.r.Context()), x.path.runner); err != nil {
			return err
		}
		x.noteSubscription(x.path.runner, did)
		return x.answerSubscription(hub)
	}
}

// noBody refuses a body that says something.
func (x *exchange) noBody() error {
	_, err := decodedBody(x, func(body []byte) (struct{}, error) { return struct{}{}, wire.DecodeNothing(body) })
	return err
}

// replaySubscription answers POST …/replay.
func (s *Server) replaySubscription(x *exchange) error {
	values, err := x.query()
	if err != nil {
		return err
	}
	request, err := decodedBody(x, func(body []byte) (wire.ReplayRequest, error) { return wire.DecodeReplay(values, body) })
	if err != nil {
		return err
	}
	hub, err := x.subscription()
	if err != nil {
		return err
	}
	after := request.From
	if after > 0 {
		after--
	}
	if err := hub.Replay(context.WithoutCancel(x.r.Context()), x.path.runner, after); err != nil {
		return err
	}
	x.noteSubscription(x.path.runner, "sent back")
	return x.answerSubscription(hub)
}

// listDeliveries answers GET …/deliveries.
func (s *Server) listDeliveries(x *exchange) error {
	p, hub, err := x.subscriptionPage()
	if err != nil {
		return err
	}
	list, err := hub.Deliveries(x.r.Context(), x.path.runner)
	if err != nil {
		return err
	}
	reply := wire.AttemptsReply{Deliveries: []wire.AttemptReply{}, TotalCount: len(list), Pagination: pagination(p.Limit, p.Offset, len(list))}
	for i := min(p.Offset, len(list)); i < min(p.Offset+p.Limit, len(list)); i++ {
		reply.Deliveries = append(reply.Deliveries, tellAttempt(&list[i]))
	}
	return x.answerWith(http.StatusOK, &reply)
}

func (x *exchange) subscriptionPage() (p wire.PageParams, hub *delivery.Hub, err error) {
	values, err := x.query()
	if err != nil {
		return p, nil, err
	}
	if p, err = wire.ParsePage(values); err != nil {
		return p, nil, err
	}
	hub, err = x.subscription()
	return p, hub, err
}

// listSubscriptionDeadLetters answers GET …/subscriptions/{name}/dead-letters.
func (s *Server) listSubscriptionDeadLetters(x *exchange) error {
	p, hub, err := x.subscriptionPage()
	if err != nil {
		return err
	}
	ctx, cancel := x.context()
	defer cancel()
	list, total, err := hub.DeadLetters(ctx, x.path.runner, p.Offset, p.Limit)
	if err != nil {
		return err
	}
	reply := wire.LettersReply{DeadLetters: []wire.LetterReply{}, TotalCount: total, Pagination: pagination(p.Limit, p.Offset, total)}
	for i := range list {
		reply.DeadLetters = append(reply.DeadLetters, tellLetter(&list[i]))
	}
	return x.answerWith(http.StatusOK, &reply)
}

// retrySubscriptionDeadLetters answers POST …/subscriptions/{name}/dead-letters/retry.
func (s *Server) retrySubscriptionDeadLetters(x *exchange) error {
	n, err := x.settleLetters("retry", (*delivery.Hub).Retry)
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, wire.RetriedReply{Retried: n})
}

// discardSubscriptionDeadLetters answers POST …/subscriptions/{name}/dead-letters/discard.
func (s *Server) discardSubscriptionDeadLetters(x *exchange) error {
	n, err := x.settleLetters("discard", (*delivery.Hub).Discard)
	if err != nil {
		return err
	}
	return x.answerWith(http.StatusOK, wire.DiscardedReply{Discarded: n})
}

func (x *exchange) settleLetters(do string, settle func(*delivery.Hub, context.Context, string, ...string) (int, error)) (int, error) {
	request, err := decoded(x, wire.DecodeLetters)
	if err != nil {
		return 0, err
	}
	hub, err := x.subscription()
	if err != nil {
		return 0, err
	}
	ctx := context.WithoutCancel(x.r.Context())
	total, err := settle(hub, ctx, x.path.runner, request.IDs...)
	// One call takes so many at once. Those that are retried stay open, and would be met again.
	for n := total; err == nil && n > 0 && do == "discard" && len(request.IDs) == 0; total += n {
		n, err = settle(hub, ctx, x.path.runner)
	}
	if total > 0 {
		x.s.log.Info("dead letters are settled", "store", x.named.name, "subscription", x.path.runner, "do", do,
			"count", total, "who", x.grant.Who())
	}
	return total, err
}
