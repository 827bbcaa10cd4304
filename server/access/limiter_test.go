package access

import (
	"fmt"
	"math"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
)

func TestLimiterOff(t *testing.T) {
	t.Parallel()
	for _, opts := range []*LimiterOptions{nil, {}, {Subjects: 5}} {
		l, err := NewLimiter(opts)
		if err != nil || l != nil {
			t.Fatalf("%v: %v, %v, want no limiter", opts, l, err)
		}
		if ok, after := l.Allow("a"); !ok || after != 0 {
			t.Fatalf("no limiter refuses: %v, %v", ok, after)
		}
	}
	for _, opts := range []LimiterOptions{
		{PerSecond: -1},
		{PerSecond: math.NaN()},
		{PerSecond: math.Inf(1)},
		{PerSecond: 1, Burst: -1},
		{PerSecond: 1, Subjects: -1},
		{Burst: 3},
	} {
		_, err := NewLimiter(&opts)
		wantErr(t, err, nacre.CodeInvalid)
	}
}

func TestLimiterBuckets(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := must[*Limiter](t)(NewLimiter(&LimiterOptions{PerSecond: 2, Burst: 3}))
		take := func(subject string, want bool, wantAfter time.Duration) {
			t.Helper()
			if ok, after := l.Allow(subject); ok != want || after != wantAfter {
				t.Fatalf("%s: %v after %v, want %v after %v", subject, ok, after, want, wantAfter)
			}
		}
		for range 3 {
			take("key:a", true, 0)
		}
		take("key:a", false, 500*time.Millisecond)
		take("key:a", false, 500*time.Millisecond) // a refusal costs nothing
		take("key:b", true, 0)
		time.Sleep(200 * time.Millisecond)
		take("key:a", false, 300*time.Millisecond)
		time.Sleep(300 * time.Millisecond)
		take("key:a", true, 0)
		take("key:a", false, 500*time.Millisecond)
		time.Sleep(time.Hour) // no more than a burst gathers
		for range 3 {
			take("key:a", true, 0)
		}
		take("key:a", false, 500*time.Millisecond)
	})
}

func TestLimiterClockSetBack(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	l := must[*Limiter](t)(NewLimiter(&LimiterOptions{PerSecond: 1, Burst: 1, Clock: clock.Now}))
	if ok, _ := l.Allow("a"); !ok {
		t.Fatal("the first is refused")
	}
	clock.add(-time.Hour)
	if ok, after := l.Allow("a"); ok || after != time.Second {
		t.Fatalf("%v after %v", ok, after)
	}
	clock.add(time.Second)
	if ok, _ := l.Allow("a"); !ok {
		t.Fatal("a clock that was set back takes time away")
	}
}

func TestLimiterVerySlow(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	l := must[*Limiter](t)(NewLimiter(&LimiterOptions{PerSecond: 1e-300, Clock: clock.Now}))
	if ok, _ := l.Allow("a"); !ok {
		t.Fatal("the first is refused")
	}
	if ok, after := l.Allow("a"); ok || after != 24*time.Hour {
		t.Fatalf("%v after %v, want a day at the most", ok, after)
	}
}

func TestLimiterMemory(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	l := must[*Limiter](t)(NewLimiter(&LimiterOptions{PerSecond: 0.001, Burst: 2, Subjects: 160, Clock: clock.Now}))
	for i := range 5000 {
		if ok, _ := l.Allow(fmt.Sprint("token:", i)); !ok {
			t.Fatalf("subject %d is refused", i)
		}
		if n := l.size(); n > 160 {
			t.Fatalf("%d subjects are remembered, at most 160 should be", n)
		}
	}
	if n := l.size(); n < 80 {
		t.Fatalf("%d subjects are remembered, want about 160", n)
	}
}

// TestLimiterDropsWhoIsIdle has buckets that are full again, which those who ask later drop.
func TestLimiterDropsWhoIsIdle(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	l := must[*Limiter](t)(NewLimiter(&LimiterOptions{PerSecond: 0.001, Burst: 2, Clock: clock.Now}))
	for i := range 5000 {
		l.Allow(fmt.Sprint("idle:", i))
	}
	if n := l.size(); n != 5000 {
		t.Fatalf("%d subjects are remembered, want 5,000", n)
	}
	clock.add(time.Hour)
	for range 10 {
		for i := range 1000 { // so many that every shard has some
			l.Allow(fmt.Sprint("busy:", i))
		}
	}
	if n := l.size(); n != 1000 {
		t.Fatalf("%d subjects are remembered, want the 1,000 that ask", n)
	}
}

func TestLimiterKeepsWhoAsks(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	l := must[*Limiter](t)(NewLimiter(&LimiterOptions{PerSecond: 0.0001, Burst: 1, Subjects: 160, Clock: clock.Now}))
	l.Allow("greedy")
	for i := range 3000 {
		l.Allow(fmt.Sprint("x", i))
		if ok, _ := l.Allow("greedy"); ok {
			t.Fatalf("the one who asks all the time was forgotten after %d others", i)
		}
	}
}

func TestLimiterConcurrent(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	l := must[*Limiter](t)(NewLimiter(&LimiterOptions{PerSecond: 0.0001, Burst: 100, Subjects: 1600, Clock: clock.Now}))
	var all sync.WaitGroup
	var mu sync.Mutex
	allowed := map[string]int{}
	for range 8 {
		all.Go(func() {
			for i := range 1000 {
				subject := fmt.Sprint("s", i%5)
				if ok, _ := l.Allow(subject); ok {
					mu.Lock()
					allowed[subject]++
					mu.Unlock()
				}
			}
		})
	}
	all.Wait()
	for subject, n := range allowed {
		if n != 100 {
			t.Errorf("%s was allowed %d times, want its burst of 100", subject, n)
		}
	}
	if len(allowed) != 5 {
		t.Errorf("%d subjects were allowed, want 5", len(allowed))
	}
}
