package access

import (
	"hash/maphash"
	"math"
	"sync"
	"time"

	"github.com/nacredb/nacre"
)

// shards is how many locks the limiter has.
const shards = 16

// LimiterOptions bound how often one subject may ask.
type LimiterOptions struct {
	// PerSecond is how many requests a second a subject may make in the long run. Default 0, which is no
	// limit.
	PerSecond float64
	// Burst is how many requests it may make at once after a pause. Default PerSecond, rounded up.
	Burst int
	// Subjects is of how many subjects the limiter remembers what they have used. Beyond it the one that
	// has asked least recently is forgotten, and begins anew with a whole burst. Default 65,536, which is
	// some 10 MB.
	Subjects int
	// Clock tells the time. Default the machine's.
	Clock Clock
}

// Limiter is a token bucket for each subject. Nil allows everything.
type Limiter struct {
	rate, burst float64
	clock       Clock
	seed        maphash.Seed
	shards      [shards]shard
}

// shard is a part of the subjects, with those that asked last at the front.
type shard struct {
	mu      sync.Mutex
	cap     int
	buckets map[string]*bucket
	list    bucket // its next is the first, its before the last
}

type bucket struct {
	subject      string
	tokens       float64
	at           time.Time
	before, next *bucket
}

// NewLimiter gives nil, which allows everything, where there is no limit.
func NewLimiter(opts *LimiterOptions) (*Limiter, error) {
	if opts == nil {
		return nil, nil
	}
	o := *opts
	switch {
	case math.IsNaN(o.PerSecond) || math.IsInf(o.PerSecond, 0) || o.PerSecond < 0:
		return nil, nacre.Errorf(nacre.CodeInvalid, "the rate by key is %v requests a second: give a number from 0, which is no limit", o.PerSecond)
	case o.Burst < 0 || o.Subjects < 0:
		return nil, nacre.Errorf(nacre.CodeInvalid, "the burst %d or the number of subjects %d is negative", o.Burst, o.Subjects)
	case o.PerSecond == 0 && o.Burst > 0:
		return nil, nacre.Errorf(nacre.CodeInvalid, "a burst of %d is given without a rate: say how many requests a second", o.Burst)
	case o.PerSecond == 0:
		return nil, nil
	}
	if o.Burst == 0 {
		o.Burst = int(min(max(math.Ceil(o.PerSecond), 1), math.MaxInt32))
	}
	if o.Subjects == 0 {
		o.Subjects = 1 << 16
	}
	l := &Limiter{rate: o.PerSecond, burst: float64(o.Burst), clock: o.Clock.orMachine(), seed: maphash.MakeSeed()}
	for i := range l.shards {
		s := &l.shards[i]
		s.cap = (o.Subjects + shards - 1) / shards
		s.buckets = map[string]*bucket{}
		s.list.before, s.list.next = &s.list, &s.list
	}
	return l, nil
}

// Allow takes one request of a subject's, [Grant.Who]. Where it is not allowed, it would be after
// retryAfter, and costs nothing.
func (l *Limiter) Allow(subject string) (ok bool, retryAfter time.Duration) {
	if l == nil {
		return true, 0
	}
	s := &l.shards[maphash.String(l.seed, subject)%shards]
	s.mu.Lock()
	defer s.mu.Unlock()
	now := l.clock()
	b := s.buckets[subject]
	if b == nil {
		b = &bucket{subject: subject, tokens: l.burst, at: now}
		s.buckets[subject] = b
	} else {
		b.tokens, b.at = l.filled(b, now), now
		b.unlink()
	}
	s.pushFront(b)
	s.drop(l, now)
	if b.tokens >= 1 {
		b.tokens--
		return true, 0
	}
	return false, max(time.Duration(math.Ceil(min((1-b.tokens)/l.rate*float64(time.Second), float64(24*time.Hour)))), 1)
}

// filled is how many tokens a bucket has by now.
func (l *Limiter) filled(b *bucket, now time.Time) float64 {
	// A clock that was set back takes nothing away.
	return min(l.burst, b.tokens+max(now.Sub(b.at).Seconds(), 0)*l.rate)
}

// drop forgets the last where there are too many, and the last two where they are full again, which says
// the same as nothing. So a shard shrinks faster than requests can fill it.
func (s *shard) drop(l *Limiter, now time.Time) {
	for range 2 {
		last := s.list.before
		if last == s.list.next {
			return // the one who asks
		}
		if len(s.buckets) <= s.cap && l.filled(last, now) < l.burst {
			return
		}
		last.unlink()
		delete(s.buckets, last.subject)
	}
}

func (s *shard) pushFront(b *bucket) {
	b.before, b.next = &s.list, s.list.next
	b.before.next, b.next.before = b, b
}

func (b *bucket) unlink() {
	b.before.next, b.next.before = b.next, b.before
}

// size is how many subjects are remembered.
func (l *Limiter) size() int {
	n := 0
	for i := range l.shards {
		s := &l.shards[i]
		s.mu.Lock()
		n += len(s.buckets)
		s.mu.Unlock()
	}
	return n
}
