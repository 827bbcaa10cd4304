package server

import (
	"context"

	"github.com/nacredb/nacre/delivery"
	"github.com/prometheus/client_golang/prometheus"
)

const (
	// maxSubscriptionFigures is of how many subscriptions figures of their own are given, in all stores together.
	maxSubscriptionFigures = 1_000
	// otherSubscriptions is the name under which a store's others are told together; no subscription has it.
	otherSubscriptions = "(others)"
)

func subscriptionFigure(name, help string, more ...string) *prometheus.Desc {
	return prometheus.NewDesc("nacre_subscription_"+name, help, append([]string{"store", "name"}, more...), nil)
}

var (
	figureSubscriptionLag = subscriptionFigure("lag", "How many positions a subscription is behind the log's end; of the others together, the one that is most.")
	figureDelivered       = subscriptionFigure("delivered_total", "Events that were delivered since the server looks after the subscription.")
	figureFailed          = subscriptionFigure("failed_total", "Attempts that failed since the server looks after the subscription.")
	figureOpen            = subscriptionFigure("open_events", "Events that were read and are not done.")
	figureDeadLetters     = subscriptionFigure("dead_letters", "How many open dead letters a subscription has.")
	figureStatus          = subscriptionFigure("status", "How many subscriptions are in a status: 1 for the one that it is in.", "status")
	figureSubscriptions   = prometheus.NewDesc("nacre_subscriptions", "How many subscriptions a store has.", []string{"store"}, nil)
)

// subscriptionFigures are the figures of one subscription, or of several.
type subscriptionFigures struct {
	lag, delivered, failed, open, letters float64
	states                                map[delivery.State]float64
}

func (f *subscriptionFigures) add(st *delivery.Figures) {
	f.lag = max(f.lag, float64(st.Lag))
	f.letters += float64(st.DeadLetters)
	f.delivered += float64(st.Delivered)
	f.failed += float64(st.Failed)
	f.open += float64(st.Open)
	if f.states == nil {
		f.states = map[delivery.State]float64{}
	}
	f.states[st.State]++
}

func (f *subscriptionFigures) tell(store, name string, to chan<- prometheus.Metric) {
	figure := func(d *prometheus.Desc, kind prometheus.ValueType, value float64, more ...string) {
		to <- prometheus.MustNewConstMetric(d, kind, value, append([]string{store, name}, more...)...)
	}
	figure(figureSubscriptionLag, prometheus.GaugeValue, f.lag)
	figure(figureDelivered, prometheus.CounterValue, f.delivered)
	figure(figureFailed, prometheus.CounterValue, f.failed)
	figure(figureOpen, prometheus.GaugeValue, f.open)
	figure(figureDeadLetters, prometheus.GaugeValue, f.letters)
	for state, n := range f.states {
		figure(figureStatus, prometheus.GaugeValue, n, string(state))
	}
}

// collectSubscriptions tells of a store's subscriptions: so many of them by name, the rest together. It gives how many more may
// be told by name.
func (c *storeFigures) collectSubscriptions(n *namedStore, names int, to chan<- prometheus.Metric) int {
	hub := n.hub.there()
	if hub == nil {
		return names
	}
	ctx, cancel := context.WithTimeout(n.ctx, statsTime)
	defer cancel()
	list, err := hub.Figures(ctx)
	if err != nil {
		c.s.log.Warn("the figures of a store's subscriptions cannot be had", "store", n.name, "error", err)
		return names
	}
	to <- prometheus.MustNewConstMetric(figureSubscriptions, prometheus.GaugeValue, float64(len(list)), n.name)
	var rest subscriptionFigures
	for i := range list {
		if i >= names {
			rest.add(&list[i])
			continue
		}
		var one subscriptionFigures
		one.add(&list[i])
		one.tell(n.name, list[i].Name, to)
	}
	if len(list) > names {
		rest.tell(n.name, otherSubscriptions, to)
	}
	return max(0, names-len(list))
}
