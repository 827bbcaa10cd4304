package aggregate_test

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/aggregate"
	"github.com/nacredb/nacre/decider"
)

func newTracer(t *testing.T) (*tracetest.SpanRecorder, *sdktrace.TracerProvider) {
	spans := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(spans))
	t.Cleanup(func() {
		if err := provider.Shutdown(context.Background()); err != nil {
			t.Error(err)
		}
	})
	return spans, provider
}

func attributesOf(s sdktrace.ReadOnlySpan) map[attribute.Key]string {
	m := map[attribute.Key]string{}
	for _, a := range s.Attributes() {
		m[a.Key] = a.Value.String()
	}
	return m
}

func TestSpansOfACommand(t *testing.T) {
	spans, provider := newTracer(t)
	r := newRepository(t, newStore(t), &aggregate.Options{Tracer: provider.Tracer("test")})
	ctx := decider.With(t.Context(), decider.Context{CommandID: "c-1", CorrelationID: "corr", CausationID: "cause"})
	if _, err := r.Get("a").Execute(ctx, many{2}); err != nil {
		t.Fatal(err)
	}
	ended := spans.Ended()
	if len(ended) != 3 {
		t.Fatalf("%d spans", len(ended))
	}
	for i, name := range []string{"decide", "append", "command account"} {
		s := ended[i]
		a := attributesOf(s)
		if s.Name() != name || s.Status().Code != codes.Unset || a["nacre.correlation_id"] != "corr" || a["nacre.command_id"] != "c-1" || a["nacre.causation_id"] != "cause" {
			t.Errorf("span %d is %s with %v and %v", i, s.Name(), a, s.Status())
		}
		if i < 2 && s.Parent().SpanID() != ended[2].SpanContext().SpanID() {
			t.Errorf("%s is not below the command", name)
		}
		if i > 0 && a["nacre.stream"] != "account-a" {
			t.Errorf("%s does not name the stream: %v", name, a)
		}
	}
	if a := attributesOf(ended[1]); a["nacre.events"] != "2" || a["nacre.commands"] != "1" {
		t.Errorf("the append: %v", a)
	}
}

func TestSpansOfAGroupAreLinked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		spans, provider := newTracer(t)
		store, g := newRig(t)
		r := newRepository(t, store, &aggregate.Options{Tracer: provider.Tracer("test")})
		crowd(t, g, r, deposit{1}, times(3, deposit{1})...)
		commands := map[string]bool{}
		var appends []sdktrace.ReadOnlySpan
		for _, s := range spans.Ended() {
			switch s.Name() {
			case "append":
				appends = append(appends, s)
			case "command account":
				commands[s.SpanContext().SpanID().String()] = true
			}
		}
		if len(appends) != 2 || len(commands) != 4 {
			t.Fatalf("%d appends of %d commands", len(appends), len(commands))
		}
		group := appends[1]
		if n := len(group.Links()); n != 2 || attributesOf(group)["nacre.commands"] != "3" {
			t.Errorf("the append of three commands has %d links and %v", n, attributesOf(group))
		}
		for _, l := range group.Links() {
			if !commands[l.SpanContext.SpanID().String()] {
				t.Errorf("a link leads to no command: %v", l)
			}
		}
	})
}

// A refusal is an outcome; what went wrong is an error.
func TestSpansTellRefusalsFromFailures(t *testing.T) {
	spans, provider := newTracer(t)
	r := newRepository(t, newStore(t), &aggregate.Options{Tracer: provider.Tracer("test")})
	if _, err := r.Get("a").Execute(t.Context(), withdraw{1}); err == nil {
		t.Fatal("not refused")
	}
	for _, s := range spans.Ended() {
		if s.Status().Code != codes.Unset || attributesOf(s)["nacre.refused"] != "1 cents short" {
			t.Errorf("%s has %v and %v", s.Name(), s.Status(), attributesOf(s))
		}
	}
	spans.Reset()
	if _, err := r.Get("a").Execute(t.Context(), huge{2 << 20}); err == nil {
		t.Fatal("not failed")
	}
	for _, s := range spans.Ended() {
		if (s.Status().Code == codes.Error) != (s.Name() != "decide") {
			t.Errorf("%s has %v", s.Name(), s.Status())
		}
	}
}

func TestMetrics(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		reader := sdkmetric.NewManualReader()
		provider := sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader))
		defer func() {
			if err := provider.Shutdown(context.Background()); err != nil {
				t.Error(err)
			}
		}()
		store, g := newRig(t)
		o := &aggregate.Options{Meter: provider.Meter("test")}
		r, other := newRepository(t, store, o), newRepository(t, store, nil)

		// Three wait while the first one's append is held up.
		held := make(chan struct{})
		g.appending(func(_ context.Context, _ []nacre.Append, write func() ([]nacre.Appended, error)) ([]nacre.Appended, error) {
			<-held
			return write()
		})
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := r.Get("a").Execute(t.Context(), deposit{1}); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		if n := sums(t, reader)["nacre.aggregate.queue"][""]; n != 3 {
			t.Errorf("%d commands wait", n)
		}
		close(held)
		wg.Wait()

		if _, err := other.Get("a").Execute(t.Context(), deposit{1}); err != nil { // so that the next one conflicts
			t.Fatal(err)
		}
		if _, err := r.Get("a").Execute(t.Context(), deposit{1}); err != nil {
			t.Fatal(err)
		}
		_, _ = r.Get("a").Execute(t.Context(), withdraw{100})
		_, _ = r.Get("a").Execute(t.Context(), huge{2 << 20})

		got := sums(t, reader)
		for name, want := range map[string]map[string]int64{
			"nacre.aggregate.queue":     {"": 0},
			"nacre.aggregate.conflicts": {"": 1},
			"nacre.aggregate.commands":  {"ok": 5, "refused": 1, "TOO_LARGE": 1},
			"nacre.aggregate.duration":  {"": 7},
			"nacre.aggregate.load":      {"": 1},
		} {
			for outcome, n := range want {
				if got[name][outcome] != n {
					t.Errorf("%s %s is %d, and not %d", name, outcome, got[name][outcome], n)
				}
			}
		}
	})
}

// sums are the values of counters, and the counts of histograms, by name and outcome.
func sums(t *testing.T, reader *sdkmetric.ManualReader) map[string]map[string]int64 {
	t.Helper()
	var data metricdata.ResourceMetrics
	if err := reader.Collect(context.Background(), &data); err != nil {
		t.Fatal(err)
	}
	got := map[string]map[string]int64{}
	add := func(name string, set attribute.Set, n int64) {
		if v, ok := set.Value("nacre.category"); !ok || v.AsString() != "account" {
			t.Errorf("%s does not name the category", name)
		}
		if got[name] == nil {
			got[name] = map[string]int64{}
		}
		outcome, _ := set.Value("nacre.outcome")
		got[name][outcome.AsString()] += n
	}
	for _, scope := range data.ScopeMetrics {
		for _, m := range scope.Metrics {
			switch d := m.Data.(type) {
			case metricdata.Sum[int64]:
				for _, p := range d.DataPoints {
					add(m.Name, p.Attributes, p.Value)
				}
			case metricdata.Histogram[float64]:
				for _, p := range d.DataPoints {
					add(m.Name, p.Attributes, int64(p.Count))
				}
			}
		}
	}
	return got
}

// What is off costs nothing: no allocation more than the command itself makes is made for signals.
func TestSignalsThatAreOffCostNothing(t *testing.T) {
	store := nacre.NewStore(forgetfulDriver{}, nil)
	closeAtEnd(t, store)
	measure := func(o *aggregate.Options) float64 {
		h := newRepository(t, store, o).Get("a")
		return testing.AllocsPerRun(200, func() {
			if _, err := h.Execute(t.Context(), deposit{1}); err != nil {
				t.Fatal(err)
			}
		})
	}
	_, provider := newTracer(t)
	off, on := measure(nil), measure(&aggregate.Options{Tracer: provider.Tracer("test")})
	if off > 30 || on <= off {
		t.Errorf("%v allocations without signals, %v with them", off, on)
	}
	t.Logf("%v allocations a command without signals, %v with spans", off, on)
}
