package server

import (
	"context"

	"github.com/prometheus/client_golang/prometheus"
)

func entityFigure(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("nacre_entities_"+name, help, []string{"store"}, nil)
}

var (
	figureEntitiesApplied = entityFigure("position", "Up to where the log has been folded into entities.")
	figureEntitiesTabled  = entityFigure("tables_position", "Up to where the tables of the entities, and so queries, stand.")
	figureEntitiesLag     = entityFigure("lag", "How many positions the tables of the entities are behind the log's end.")
	figureEntitiesWaiting = entityFigure("waiting_events", "How many events of entities wait for others.")
	figureEntitiesUsable  = entityFigure("usable", "1 where the entities follow the log, 0 where something keeps them from it: the log says what.")
)

// collectEntities tells of a store's entities, where somebody has asked for them.
func (c *storeFigures) collectEntities(n *namedStore, to chan<- prometheus.Metric) {
	db, there := n.entities.look()
	if !there {
		return
	}
	p := db.Progress()
	gauge := func(d *prometheus.Desc, value float64) {
		to <- prometheus.MustNewConstMetric(d, prometheus.GaugeValue, value, n.name)
	}
	usable := 1.0
	if p.Trouble != nil {
		usable = 0
	}
	gauge(figureEntitiesUsable, usable)
	gauge(figureEntitiesApplied, float64(p.Applied))
	gauge(figureEntitiesTabled, float64(p.Tabled))
	gauge(figureEntitiesWaiting, float64(p.Waiting))
	ctx, cancel := context.WithTimeout(n.ctx, statsTime)
	defer cancel()
	if head, err := n.store.Head(ctx); err == nil {
		gauge(figureEntitiesLag, float64(head.Position-min(head.Position, p.Tabled)))
	}
}
