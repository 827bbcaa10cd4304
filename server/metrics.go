package server

import (
	"context"
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server/access"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
)

// metrics are the server's figures, in a registry of its own.
type metrics struct {
	registry  *prometheus.Registry
	handler   http.Handler
	requests  *prometheus.CounterVec
	durations *prometheus.HistogramVec
	appended  *prometheus.CounterVec
	took      *prometheus.CounterVec
	sent      prometheus.Counter
	damage    *prometheus.CounterVec
	// followers counts who follows a log now, by "sse" and "websocket", and groups' consumers by "consumer".
	followers *prometheus.GaugeVec

	unknown routeFigures
}

// routeFigures are the figures of a method of a route, found once.
type routeFigures struct {
	mu       sync.Mutex
	byStatus atomic.Pointer[[]statusFigures]
}

type statusFigures struct {
	status   int
	requests prometheus.Counter
	duration prometheus.Observer
}

func newMetrics(s *Server) *metrics {
	m := &metrics{
		registry: prometheus.NewRegistry(),
		requests: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nacre_http_requests_total", Help: "Requests that were answered.",
		}, []string{"route", "method", "status"}),
		durations: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name: "nacre_http_request_duration_seconds", Help: "How long requests took that have an end of their own.",
			Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"route", "method"}),
		appended: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nacre_appended_events_total", Help: "Events that were appended over this server, duplicates not counted.",
		}, []string{"store"}),
		took: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nacre_append_body_bytes_total", Help: "Bytes of the bodies of requests that appended.",
		}, []string{"store"}),
		sent: prometheus.NewCounter(prometheus.CounterOpts{
			Name: "nacre_http_reply_bytes_total", Help: "Bytes of the bodies of replies.",
		}),
		damage: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "nacre_store_errors_total", Help: "Requests that met damage, or a store whose disk had failed.",
		}, []string{"store"}),
		followers: prometheus.NewGaugeVec(prometheus.GaugeOpts{
			Name: "nacre_followers", Help: "Who follows a log now, or consumes a group over a WebSocket.",
		}, []string{"kind"}),
	}
	build := prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "nacre_build_info", Help: "The version of the server, as a label.", ConstLabels: prometheus.Labels{"version": s.o.Version},
	})
	build.Set(1)
	m.registry.MustRegister(m.requests, m.durations, m.appended, m.took, m.sent, m.damage, m.followers, build,
		&storeFigures{s: s}, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	m.handler = promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError})
	return m
}

// request counts a request that has ended.
func (m *metrics) request(x *exchange, status int) {
	figures, route, method := &m.unknown, "unknown", "unknown"
	if x.action != nil {
		figures, route, method = &x.action.figures, x.route.pattern, x.action.method
	}
	f := figures.of(m, route, method, status)
	f.requests.Inc()
	if !x.following {
		f.duration.Observe(x.s.o.Clock().Sub(x.begun).Seconds())
	}
	m.sent.Add(float64(x.reply.bytes))
}

// of finds the figures of a status without a lock, once it has been there.
func (f *routeFigures) of(m *metrics, route, method string, status int) *statusFigures {
	if found := f.find(status); found != nil {
		return found
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if found := f.find(status); found != nil {
		return found
	}
	var all []statusFigures
	if known := f.byStatus.Load(); known != nil {
		all = append(all, *known...)
	}
	all = append(all, statusFigures{
		status:   status,
		requests: m.requests.WithLabelValues(route, method, strconv.Itoa(status)),
		duration: m.durations.WithLabelValues(route, method),
	})
	f.byStatus.Store(&all)
	return &all[len(all)-1]
}

func (f *routeFigures) find(status int) *statusFigures {
	known := f.byStatus.Load()
	if known == nil {
		return nil
	}
	for i := range *known {
		if (*known)[i].status == status {
			return &(*known)[i]
		}
	}
	return nil
}

// ofStore gives the counters of a store: events appended, and bytes taken for them.
func (m *metrics) ofStore(name string) (appended, took prometheus.Counter) {
	return m.appended.WithLabelValues(name), m.took.WithLabelValues(name)
}

// broken counts a request that met damage or a failed disk.
func (m *metrics) broken(store string) { m.damage.WithLabelValues(store).Inc() }

// forget drops the figures of a store that is no more.
func (m *metrics) forget(store string) {
	m.appended.DeleteLabelValues(store)
	m.took.DeleteLabelValues(store)
	m.damage.DeleteLabelValues(store)
}

// storeFigures asks the open stores for their figures when somebody looks.
type storeFigures struct{ s *Server }

// statsTime is how long looking at one store may take.
const statsTime = 5 * time.Second

func storeFigure(name, help string) *prometheus.Desc {
	return prometheus.NewDesc("nacre_store_"+name, help, []string{"store"}, nil)
}

var (
	figureHead     = storeFigure("head_position", "The global position of the last durable event.")
	figureEvents   = storeFigure("events", "How many events the store has.")
	figureStreams  = storeFigure("streams", "How many streams the store has.")
	figureBytes    = storeFigure("log_bytes", "Size of the log.")
	figureIndex    = storeFigure("index_bytes", "Size of what is derived from the log.")
	figureSegments = storeFigure("segments", "How many segments the log has.")
	figureSyncs    = storeFigure("syncs_total", "How often the log was synced since the store was opened.")
	figureUsable   = storeFigure("usable", "1 where the store can be used, 0 where it is damaged or its disk has failed.")
)

// Describe implements prometheus.Collector.
func (*storeFigures) Describe(to chan<- *prometheus.Desc) {
	for _, d := range []*prometheus.Desc{
		figureHead, figureEvents, figureStreams, figureBytes, figureIndex, figureSegments, figureSyncs, figureUsable,
		figureEntitiesApplied, figureEntitiesTabled, figureEntitiesLag, figureEntitiesWaiting, figureEntitiesUsable,
		figureLag, figureLetters, figureHeld, figureState,
		figureSubscriptionLag, figureDelivered, figureFailed, figureOpen, figureDeadLetters, figureStatus, figureSubscriptions,
	} {
		to <- d
	}
}

// Collect implements prometheus.Collector.
func (c *storeFigures) Collect(to chan<- prometheus.Metric) {
	names := maxSubscriptionFigures
	for _, n := range c.s.shelf.open() {
		c.collect(n, to)
		c.collectRunners(n, to)
		c.collectEntities(n, to)
		names = c.collectSubscriptions(n, names, to)
		c.s.shelf.release(n)
	}
}

func (c *storeFigures) collect(n *namedStore, to chan<- prometheus.Metric) {
	ctx, cancel := context.WithTimeout(n.ctx, statsTime)
	defer cancel()
	gauge := func(d *prometheus.Desc, kind prometheus.ValueType, value float64) {
		to <- prometheus.MustNewConstMetric(d, kind, value, n.name)
	}
	usable := 1.0
	head, err := n.store.Head(ctx)
	if err == nil {
		gauge(figureHead, prometheus.GaugeValue, float64(head.Position))
	}
	if err != nil || n.broken.Load() != nil {
		usable = 0
	}
	gauge(figureUsable, prometheus.GaugeValue, usable)
	st, err := n.store.Stats(ctx)
	if err != nil {
		if nacre.CodeOf(err) != nacre.CodeUnsupported {
			c.s.log.Warn("the figures of a store cannot be had", "store", n.name, "error", err)
		}
		return
	}
	gauge(figureEvents, prometheus.GaugeValue, float64(st.Events))
	gauge(figureStreams, prometheus.GaugeValue, float64(st.Streams))
	gauge(figureBytes, prometheus.GaugeValue, float64(st.LogBytes))
	gauge(figureIndex, prometheus.GaugeValue, float64(st.IndexBytes))
	gauge(figureSegments, prometheus.GaugeValue, float64(st.Segments))
	gauge(figureSyncs, prometheus.CounterValue, float64(st.Syncs))
}

// figures answers GET /metrics. They tell of all stores, so that the grant must reach all of them.
func (s *Server) figures(x *exchange) error {
	if err := x.noQuery(); err != nil {
		return err
	}
	if err := x.grant.Allows(access.ReadEvents, "*"); err != nil {
		return err
	}
	if err := x.grant.CheckUnconfined("the figures of the server"); err != nil {
		return err
	}
	s.metrics.handler.ServeHTTP(x.w, x.r)
	return nil
}
