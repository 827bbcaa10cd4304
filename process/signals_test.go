package process_test

import (
	"testing"

	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/process"
)

func TestSpansAndMetricsTellOfDispatches(t *testing.T) {
	spans := tracetest.NewInMemoryExporter()
	tracer := sdktrace.NewTracerProvider(sdktrace.WithSyncer(spans)).Tracer("test")
	reader := sdkmetric.NewManualReader()
	meter := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)).Meter("test")

	store := open(t)
	d := newDesk()
	d.fail = func(s sent) error {
		switch s.to {
		case "wallet":
			return errRefused
		case "depot":
			return errWeather
		}
		return nil
	}
	o := silent()
	o.Tracer, o.Meter, o.Attempts = tracer, meter, 3
	appendTo(t, store, "order-1", nacre.NewEvent("order.placed", placed{}).WithID("the-event"), nacre.NewEvent("order.paid", paid{}))
	if s := catchUp(t, store, orders(), d, o); s != (process.Summary{Reacted: 2, Dispatched: 1, Rejected: 1, DeadLettered: 1}) {
		t.Fatalf("summary %+v", s)
	}

	names := map[string]int{}
	for _, s := range spans.GetSpans() {
		names[s.Name]++
		set := attribute.NewSet(s.Attributes...)
		for _, key := range []attribute.Key{"nacre.manager", "nacre.instance", "nacre.to", "nacre.command_id", "nacre.correlation_id", "nacre.causation_id"} {
			if v, ok := set.Value(key); !ok || v.AsString() == "" {
				t.Errorf("span %s has no %s", s.Name, key)
			}
		}
		if s.Name == "dispatch depot.ship" && s.Status.Description != errWeather.Error() {
			t.Errorf("status %+v", s.Status)
		}
	}
	if names["dispatch wallet.pay"] != 1 || names["dispatch depot.ship"] != 3 || names["dispatch order.cancel"] != 1 {
		t.Errorf("spans %v", names)
	}

	var got metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	values := map[string]int64{}
	for _, scope := range got.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range data.DataPoints {
					outcome, _ := p.Attributes.Value("nacre.outcome")
					values[m.Name+outcome.AsString()] += p.Value
				}
			case metricdata.Gauge[int64]:
				values[m.Name] = data.DataPoints[0].Value
			}
		}
	}
	for name, want := range map[string]int64{
		"nacre.process.reactions": 3, "nacre.process.dispatchesok": 1, "nacre.process.dispatchesrejected": 1, "nacre.process.dispatchesINTERNAL": 3,
		"nacre.process.retries": 2, "nacre.process.buried": 1, "nacre.process.lag": 0, "nacre.process.dead_letters": 1, "nacre.process.pending": 0,
	} {
		if values[name] != want {
			t.Errorf("%s is %d, not %d", name, values[name], want)
		}
	}
	if len(values) != 9 {
		t.Errorf("metrics %v", keys(values))
	}
}
