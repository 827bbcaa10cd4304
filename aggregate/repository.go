package aggregate

import (
	"context"
	"hash/maphash"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/decider"
)

// Repository holds the active instances of one aggregate. It is made by [New].
type Repository[S, C, E any] struct {
	store    *nacre.Store
	d        decider.Decider[S, C, E]
	o        Options
	events   *codec.Codec[E]
	commands *codec.Codec[C]
	schema   int // of the state
	keeper   *keeper[S]
	signals  *signals

	born      time.Time
	seed      maphash.Seed
	shards    [shardCount]shard[S, C, E]
	instances atomic.Int64

	room sync.Mutex // of hand
	hand int        // the shard where room is made next

	mu      sync.Mutex // of what follows
	closed  bool
	sweep   *time.Timer    // nil while no instance is in memory
	working sync.WaitGroup // what Close waits for
}

// shardCount spreads the look-up of instances over locks.
const shardCount = 64

type shard[S, C, E any] struct {
	mu        sync.Mutex
	instances map[string]*instance[S, C, E]
	most      int // that it held, since it was made
}

// remove takes an instance out. A map keeps the room that it once needed, so a smaller one takes its place.
func (s *shard[S, C, E]) remove(id string) {
	s.most = max(s.most, len(s.instances))
	delete(s.instances, id)
	if n := len(s.instances); s.most > 64 && n < s.most/4 {
		smaller := make(map[string]*instance[S, C, E], n)
		maps.Copy(smaller, s.instances)
		s.instances, s.most = smaller, n
	}
}

// New makes a repository of a decider's instances in a store. It reads nothing. Like http.Handle, it panics on
// a declaration that can never work: see [decider.Decider.Check].
func New[S, C, E any](store *nacre.Store, d decider.Decider[S, C, E], o *Options) *Repository[S, C, E] {
	if err := d.Check(); err != nil {
		panic(err)
	}
	options, err := o.withDefaults()
	if err != nil {
		panic(err)
	}
	r := &Repository[S, C, E]{store: store, d: d, o: options, schema: max(1, d.SchemaVersion), born: time.Now(), seed: maphash.MakeSeed()}
	if r.events, err = codec.New(d.Events, options.Codec); err != nil {
		panic(err)
	}
	if r.commands, err = codec.New(d.Commands, &codec.Options{Strict: true}); err != nil {
		panic(err)
	}
	if r.signals, err = newSignals(&options, d.Category); err != nil {
		panic(err)
	}
	r.keeper = newKeeper[S](store, d.Category, r.schema, &r.o)
	for i := range r.shards {
		r.shards[i].instances = map[string]*instance[S, C, E]{}
	}
	return r
}

// Get gives a handle on an instance, by its id: any text that makes a stream id behind the category and a "-".
// It reads nothing, and what is wrong with the id is told by the handle's methods.
func (r *Repository[S, C, E]) Get(id string) *Handle[S, C, E] {
	return &Handle[S, C, E]{r: r, id: id}
}

// Category is the decider's.
func (r *Repository[S, C, E]) Category() string { return r.d.Category }

// List yields the ids of the instances that have events, in byte order of their streams.
func (r *Repository[S, C, E]) List(ctx context.Context) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		if err := r.open(); err != nil {
			yield("", err)
			return
		}
		for info, err := range r.store.Streams(ctx, nacre.StreamQuery{Category: r.d.Category, Prefix: r.d.Category + "-"}) {
			if err != nil {
				yield("", err)
				return
			}
			if !yield(info.ID.Rest(), nil) {
				return
			}
		}
	}
}

// maxStreamID is the longest id of a stream, in bytes.
const maxStreamID = 256

// stream is that of an instance. The store refuses what cannot be a stream's id where it writes; whoever only
// reads is told here.
func (r *Repository[S, C, E]) stream(id string) (nacre.StreamID, error) {
	stream := r.d.Category + "-" + id
	switch {
	case id == "":
		return "", invalid("id", "is empty: an instance of %q needs a name", r.d.Category)
	case len(stream) > maxStreamID:
		return "", invalid("id", "makes a stream id of %d bytes: with %q and a \"-\", at most %d are taken", len(stream), r.d.Category, maxStreamID)
	case !utf8.ValidString(id):
		return "", invalid("id", "is not UTF-8: %q", id)
	case strings.ContainsFunc(id, func(c rune) bool {
		return unicode.IsControl(c) || c == '"' || c == '\\' || c == '\u2028' || c == '\u2029'
	}):
		return "", invalid("id", "has a quote, a backslash, a control character or a line separator: %q", id)
	}
	return nacre.StreamID(stream), nil
}

func (r *Repository[S, C, E]) shard(id string) *shard[S, C, E] {
	return &r.shards[maphash.String(r.seed, id)%shardCount]
}

// enter gives the instance, in memory from now on, unless the repository has been closed. It is left by leave.
func (r *Repository[S, C, E]) enter(id string) (*instance[S, C, E], error) {
	s := r.shard(id)
	s.mu.Lock()
	in := s.instances[id]
	fresh := in == nil
	if fresh {
		stream, err := r.stream(id)
		if err != nil {
			s.mu.Unlock()
			return nil, err
		}
		in = &instance[S, C, E]{r: r, shard: s, stream: stream, id: id, at: place{version: -1}, kept: -1}
		s.instances[id] = in
	}
	in.users++
	in.used = time.Since(r.born)
	s.mu.Unlock()
	if fresh {
		if err := r.admitted(); err != nil {
			r.leave(in)
			return nil, err
		}
	}
	return in, nil
}

// inMemory is enter for an instance that is in memory; nil where it is not.
func (r *Repository[S, C, E]) inMemory(id string) *instance[S, C, E] {
	s := r.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	in := s.instances[id]
	if in != nil {
		in.users++
	}
	return in
}

func (r *Repository[S, C, E]) leave(in *instance[S, C, E]) {
	in.shard.mu.Lock()
	defer in.shard.mu.Unlock()
	in.users--
}

// hold keeps an instance in memory and the repository open, for somebody who may outlive the callers that
// entered. It is ended by release.
func (r *Repository[S, C, E]) hold(in *instance[S, C, E]) {
	r.working.Add(1)
	in.shard.mu.Lock()
	defer in.shard.mu.Unlock()
	in.users++
}

func (r *Repository[S, C, E]) release(in *instance[S, C, E]) {
	r.leave(in)
	r.working.Done()
}

// admitted counts an instance that has come into memory, and sees to it that idle ones leave.
func (r *Repository[S, C, E]) admitted() error {
	n := r.instances.Add(1)
	r.mu.Lock()
	if r.closed {
		r.mu.Unlock()
		return r.errClosed()
	}
	if r.sweep == nil && r.o.IdleAfter > 0 {
		r.arm()
	}
	r.mu.Unlock()
	if n > int64(r.o.MaxInstances) {
		r.makeRoom()
	}
	return nil
}

// arm plans the next look for idle instances. r.mu is held.
func (r *Repository[S, C, E]) arm() {
	r.working.Add(1)
	r.sweep = time.AfterFunc(max(r.o.IdleAfter/4, time.Millisecond), func() {
		defer r.working.Done()
		now := time.Since(r.born)
		for i := range r.shards {
			r.evict(&r.shards[i], func(in *instance[S, C, E]) bool { return now-in.used >= r.o.IdleAfter })
		}
		r.mu.Lock()
		defer r.mu.Unlock()
		r.sweep = nil
		if r.instances.Load() > 0 && !r.closed {
			r.arm()
		}
	})
}

// makeRoom lets half of a shard go, those that were not asked for the longest.
func (r *Repository[S, C, E]) makeRoom() {
	if !r.room.TryLock() {
		return // somebody else is at it
	}
	defer r.room.Unlock()
	var used []time.Duration
	for range r.shards {
		s := &r.shards[r.hand]
		r.hand = (r.hand + 1) % shardCount
		used = used[:0]
		s.mu.Lock()
		for _, in := range s.instances {
			if in.users == 0 {
				used = append(used, in.used)
			}
		}
		s.mu.Unlock()
		if len(used) == 0 {
			continue
		}
		slices.Sort(used)
		middle := used[len(used)/2]
		if r.evict(s, func(in *instance[S, C, E]) bool { return in.used <= middle }) > 0 {
			return
		}
	}
}

// evict lets instances of a shard go that nobody uses.
func (r *Repository[S, C, E]) evict(s *shard[S, C, E], goes func(*instance[S, C, E]) bool) (n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for id, in := range s.instances {
		if in.users == 0 && goes(in) {
			s.remove(id)
			n++
		}
	}
	r.instances.Add(int64(-n))
	return n
}

// Evict lets an instance leave memory, unless it is in use. It comes back when it is asked for.
func (r *Repository[S, C, E]) Evict(id string) {
	s := r.shard(id)
	s.mu.Lock()
	defer s.mu.Unlock()
	if in := s.instances[id]; in != nil && in.users == 0 {
		s.remove(id)
		r.instances.Add(-1)
	}
}

// Active is how many instances are in memory.
func (r *Repository[S, C, E]) Active() int { return int(r.instances.Load()) }

// begin counts work that Close waits for.
func (r *Repository[S, C, E]) begin() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		return r.errClosed()
	}
	r.working.Add(1)
	return nil
}

func (r *Repository[S, C, E]) errClosed() error {
	return nacre.Errorf(nacre.CodeClosed, "the repository of %q has been closed", r.d.Category)
}

// open tells whether the repository has been closed.
func (r *Repository[S, C, E]) open() error {
	if err := r.begin(); err != nil {
		return err
	}
	r.working.Done()
	return nil
}

// Close waits until the commands that were accepted have ended and the snapshots that were begun are kept, or
// until ctx ends. Whatever is asked of a handle afterwards is CodeClosed. A second Close does nothing; the store
// stays open.
func (r *Repository[S, C, E]) Close(ctx context.Context) error {
	r.mu.Lock()
	r.closed = true
	if r.sweep != nil && r.sweep.Stop() {
		r.sweep = nil
		r.working.Done()
	}
	r.mu.Unlock()
	done := make(chan struct{})
	go func() {
		defer close(done)
		r.working.Wait()
		r.keeper.wait()
	}()
	select {
	case <-done:
	case <-ctx.Done():
		return nacre.Errorf(codeOf(ctx.Err()), "closing the repository of %q: %w", r.d.Category, ctx.Err())
	}
	for i := range r.shards {
		r.evict(&r.shards[i], func(*instance[S, C, E]) bool { return true })
	}
	return nil
}

func codeOf(err error) nacre.Code {
	if err == context.DeadlineExceeded {
		return nacre.CodeDeadline
	}
	return nacre.CodeCanceled
}
