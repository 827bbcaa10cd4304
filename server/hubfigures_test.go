package server

import (
	"maps"
	"testing"

	"github.com/nacredb/nacre/delivery"
	"github.com/prometheus/client_golang/prometheus"
)

// Of subscriptions that are told together, most figures are sums; what lags most is not lost in the others.
func TestFiguresOfSeveralSubscriptions(t *testing.T) {
	t.Parallel()
	var f subscriptionFigures
	for _, one := range []delivery.Figures{
		{State: delivery.Active, Lag: 7, Open: 1, Delivered: 10, Failed: 1, DeadLetters: 2},
		{State: delivery.Suspended, Lag: 9_000, Open: 2, Failed: 5, DeadLetters: 1},
		{State: delivery.Active, Delivered: 5},
	} {
		f.add(&one)
	}
	registry := prometheus.NewRegistry()
	registry.MustRegister(several{&f})
	families, err := registry.Gather()
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]float64{}
	for _, family := range families {
		for _, m := range family.Metric {
			name := family.GetName()
			for _, l := range m.Label {
				if l.GetName() == "status" {
					name += " " + l.GetValue()
				}
			}
			got[name] = m.GetGauge().GetValue() + m.GetCounter().GetValue()
		}
	}
	want := map[string]float64{
		"nacre_subscription_lag": 9_000, "nacre_subscription_open_events": 3, "nacre_subscription_delivered_total": 15,
		"nacre_subscription_failed_total": 6, "nacre_subscription_dead_letters": 3,
		"nacre_subscription_status ACTIVE": 2, "nacre_subscription_status SUSPENDED": 1,
	}
	if !maps.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

// several collects figures.
type several struct{ *subscriptionFigures }

func (several) Describe(chan<- *prometheus.Desc) {}

func (s several) Collect(to chan<- prometheus.Metric) { s.tell("shop", otherSubscriptions, to) }
