package consumer_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/consumer"
	"github.com/nacredb/nacre/delivery"
)

// seedOf gives a seed, which the environment may set to replay a run.
func seedOf(t *testing.T) uint64 {
	t.Helper()
	seed := rand.Uint64()
	if text := os.Getenv("NACRE_SEED"); text != "" {
		var err error
		if seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("replay: NACRE_SEED=%d go test -run '^%s$' ./consumer/", seed, t.Name())
	return seed
}

// unreliable is a group whose requests and answers are lost at random. A consumer that crashes has a closed one.
type unreliable struct {
	consumer.Group
	mu     sync.Mutex
	rng    *rand.Rand
	broken bool
}

var errBroken = errors.New("the connection broke off")

// luck tells whether the request, or its answer, is lost.
func (u *unreliable) luck() (request, answer bool) {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.broken || u.rng.IntN(20) == 0, u.rng.IntN(20) == 0
}

func (u *unreliable) Poll(ctx context.Context, r consumer.Request) ([]consumer.Delivery, error) {
	request, answer := u.luck()
	if request {
		return nil, errBroken
	}
	list, err := u.Group.Poll(ctx, r)
	if answer {
		return nil, errBroken
	}
	return list, err
}

func (u *unreliable) Ack(ctx context.Context, a consumer.Answer) (consumer.Outcome, error) {
	request, answer := u.luck()
	if request {
		return consumer.Outcome{}, errBroken
	}
	out, err := u.Group.Ack(ctx, a)
	if answer {
		return consumer.Outcome{}, errBroken
	}
	return out, err
}

func (u *unreliable) Leave(ctx context.Context, who string) error {
	if request, _ := u.luck(); request {
		return errBroken
	}
	return u.Group.(consumer.Leaver).Leave(ctx, who)
}

// Consumers come, go and crash, handlers fail, panic and are too slow, requests and answers are lost, the group is paused,
// and the hub is opened anew. Every event is handled, and in its stream never before the one before it was, and
// never two of a stream at once by the same consumer.
func TestWhateverHappensNothingIsLostAndOrderHolds(t *testing.T) {
	seed := seedOf(t)
	for i, p := range []delivery.Policy{{}, {Batch: 5}, {Pinned: true, Batch: 2}, {Order: delivery.Global, Batch: 3}} {
		t.Run(fmt.Sprint("policy ", i), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				rng := rand.New(rand.NewPCG(seed, uint64(i)))
				p.AckDeadlineMS, p.Retry = 5000, delivery.Retry{MaxAttempts: 1000}
				r := begin(t, &p)
				const n = 1500
				for range n {
					r.add(t, nacre.StreamID(fmt.Sprint("s-", rng.IntN(9))), 1)
				}
				var mu sync.Mutex
				handled := map[nacre.Position]bool{}
				next := map[nacre.StreamID]int64{}
				busy := map[string]bool{}
				handler := func(who string) func(context.Context, consumer.Delivery) error {
					return func(ctx context.Context, d consumer.Delivery) error {
						e := &d.Event
						mine := fmt.Sprint(who, " ", e.StreamID)
						mu.Lock()
						if busy[mine] {
							t.Errorf("%s handles two at once", mine)
						}
						busy[mine] = true
						if e.StreamPosition > next[e.StreamID] {
							t.Errorf("%s: %d, and %d is not handled", e.StreamID, e.StreamPosition, next[e.StreamID])
						}
						luck, took := rng.IntN(40), time.Duration(rng.IntN(50))*time.Millisecond
						mu.Unlock()
						defer func() {
							mu.Lock()
							busy[mine] = false
							mu.Unlock()
						}()
						switch luck {
						case 0:
							return errBusy
						case 1:
							return consumer.RetryAfter(300*time.Millisecond, errBusy)
						case 2:
							panic("it went wrong")
						case 3:
							took = 7 * time.Second // which is too late
						}
						time.Sleep(took)
						mu.Lock()
						defer mu.Unlock()
						handled[e.GlobalPosition] = true
						next[e.StreamID] = max(next[e.StreamID], e.StreamPosition+1)
						return nil
					}
				}
				type worker struct {
					*running
					group *unreliable
				}
				crew, born := []worker{}, 0
				hire := func() {
					born++
					u := &unreliable{Group: r.group, rng: rand.New(rand.NewPCG(seed, uint64(1000+born)))}
					who := fmt.Sprint("c", born)
					crew = append(crew, worker{r.run(t, u, handler(who), consumer.Options{
						Consumer: who, Concurrency: 1 + rng.IntN(5), Prefetch: rng.IntN(20), Wait: time.Second, Drain: 2 * time.Second,
						Global: p.Order == delivery.Global,
					}), u})
				}
				fire := func(crash bool) {
					w := crew[0]
					crew = crew[1:]
					if crash { // its handlers go on, and nobody hears of it
						w.group.mu.Lock()
						w.group.broken = true
						w.group.mu.Unlock()
					}
					w.end(t)
				}
				for r.status(t).Position < n {
					mu.Lock()
					what := rng.IntN(12)
					mu.Unlock()
					switch {
					case len(crew) < 2 || what < 3 && len(crew) < 5:
						hire()
					case what < 5:
						fire(false)
					case what < 7:
						fire(true)
					case what == 7:
						if err := r.hub.Pause(t.Context(), "g"); err != nil {
							t.Fatal(err)
						}
						time.Sleep(time.Second)
						if err := r.hub.Resume(t.Context(), "g"); err != nil {
							t.Fatal(err)
						}
					case what == 8:
						for len(crew) > 0 {
							fire(false)
						}
						r.close(t)
						r.open(t)
					}
					mu.Lock()
					rest := time.Duration(rng.IntN(1000)) * time.Millisecond
					mu.Unlock()
					time.Sleep(rest)
					if t.Failed() {
						break
					}
				}
				for len(crew) > 0 {
					fire(false)
				}
				r.close(t)
				t.Logf("%d consumers came and went", born)
				for at := nacre.Position(1); at <= n && !t.Failed(); at++ {
					if !handled[at] {
						t.Errorf("the event at %d was never handled", at)
					}
				}
			})
		})
	}
}
