package server

import (
	"context"

	"github.com/nacredb/nacre/server/runners"
	"github.com/prometheus/client_golang/prometheus"
)

// maxRunnerFigures is of how many runners of a store figures are given: each is a series of its own.
const maxRunnerFigures = 1_000

func runnerFigure(name, help string, more ...string) *prometheus.Desc {
	return prometheus.NewDesc("nacre_runner_"+name, help, append([]string{"store", "kind", "name"}, more...), nil)
}

var (
	figureLag     = runnerFigure("lag", "How many positions a projection or process manager is behind the log's end.")
	figureLetters = runnerFigure("dead_letters", "How many open dead letters a projection or process manager has.")
	figureHeld    = runnerFigure("held", "1 where a program runs it, 0 where none does, or one that gives no sign of life.")
	figureState   = runnerFigure("state", "1 for the state that a projection or process manager is in.", "state")
)

// collectRunners tells of a store's projections and process managers, as the companion log has them.
func (c *storeFigures) collectRunners(n *namedStore, to chan<- prometheus.Metric) {
	if n.store.System() == nil {
		return
	}
	ctx, cancel := context.WithTimeout(n.ctx, statsTime)
	defer cancel()
	list, err := runners.List(ctx, n.store, "")
	if err != nil {
		c.s.log.Warn("the figures of a store's projections and process managers cannot be had", "store", n.name, "error", err)
		return
	}
	if more := len(list) - maxRunnerFigures; more > 0 {
		c.s.log.Warn("a store has more projections and process managers than figures are given of", "store", n.name, "left_out", more)
		list = list[:maxRunnerFigures]
	}
	for i := range list {
		r := &list[i]
		gauge := func(d *prometheus.Desc, value float64, more ...string) {
			to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, append([]string{n.name, r.Kind, r.Name}, more...)...)
		}
		held := 0.0
		if r.Held && !r.Stale {
			held = 1
		}
		gauge(figureLag, float64(r.Lag))
		gauge(figureLetters, float64(r.DeadLetters))
		gauge(figureHeld, held)
		gauge(figureState, 1, r.State)
	}
}
