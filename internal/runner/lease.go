package runner

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"os"
	"sync"
	"time"

	"github.com/nacredb/nacre"
)

// Options: nil is the defaults.
type Options struct {
	// Lease is how long a holder that shows no sign of life is waited for. Default 15 s.
	Lease time.Duration
	// Heartbeat is how often the status is written. Default a third of Lease.
	Heartbeat time.Duration
	// NoWait gives CodeHeld where another process holds the lease. By default it is waited for.
	NoWait bool
	// Logger is told what nobody else is told. Default slog.Default.
	Logger *slog.Logger
	// Clock is for the times that are written. Default time.Now.
	Clock func() time.Time
}

func (o *Options) withDefaults() Options {
	var d Options
	if o != nil {
		d = *o
	}
	if d.Lease <= 0 {
		d.Lease = 15 * time.Second
	}
	if d.Heartbeat <= 0 {
		d.Heartbeat = d.Lease / 3
	}
	if d.Logger == nil {
		d.Logger = slog.Default()
	}
	if d.Clock == nil {
		d.Clock = time.Now
	}
	return d
}

// Lease is a runner that this process runs.
type Lease struct {
	id     ID
	o      Options
	store  *nacre.Store
	system *nacre.Store
	blobs  nacre.BlobKeeper
	token  string
	before Intent // of the last holder

	mu       sync.Mutex // of what follows; held while the runner's stream and blob are written
	h        history
	progress Progress
	beats    int64
	intent   Intent    // what is to be written with every state
	verified time.Time // when it was last known that the lease is held
	failing  bool      // the last heartbeat failed, and the log was told

	lost   chan struct{}
	losing sync.Once
	orders chan Order
	kick   chan struct{} // a heartbeat is wanted now
	end    context.CancelFunc
	done   sync.WaitGroup
}

// Acquire takes the lease of a runner. While another process holds it, it waits, until ctx ends. A runner that
// this process runs already is CodeAlreadyRunning. The lease holds until Release, whatever becomes of ctx.
func Acquire(ctx context.Context, store *nacre.Store, id ID, o *Options) (*Lease, error) {
	if err := id.Check(); err != nil {
		return nil, err
	}
	system, blobs, err := companion(store)
	if err != nil {
		return nil, err
	}
	l := &Lease{
		id: id, o: o.withDefaults(), store: store, system: system, blobs: blobs,
		lost: make(chan struct{}), orders: make(chan Order), kick: make(chan struct{}, 1),
	}
	if err := l.take(ctx); err != nil {
		return nil, err
	}
	l.before = l.h.intent
	background, end := context.WithCancel(context.WithoutCancel(ctx))
	l.end = end
	l.beat(ctx)
	l.done.Add(2)
	go l.heartbeats(background)
	go l.follow(background, l.h.obeyed)
	return l, nil
}

// take appends runner.started once the lease is free.
func (l *Lease) take(ctx context.Context) error {
	for {
		var err error
		if l.h, err = readHistory(ctx, l.system, l.id); err != nil {
			return err
		}
		if l.h.held {
			if living.has(l.h.token) {
				return nacre.Errorf(CodeAlreadyRunning, "%s %q runs in this process already: stop that one first", l.id.Kind, l.id.Name)
			}
			if !l.holderIsGone() {
				if l.o.NoWait {
					return nacre.Errorf(CodeHeld, "%s %q is run by process %d of %s: stop it there, or wait for it",
						l.id.Kind, l.id.Name, l.h.pid, l.h.host)
				}
				silent, err := l.awaitSilence(ctx)
				if err != nil {
					return err
				}
				if !silent {
					continue
				}
			}
		}
		host, _ := os.Hostname() // "" is a name that nobody else's is compared with
		r := record{
			Term: l.h.term + 1, Token: nacre.NewID(), Host: host, PID: os.Getpid(), Space: space(),
			Lease: l.o.Lease.Seconds(), StartedAt: l.now(),
		}
		living.add(r.Token)
		err = l.write(ctx, typeStarted, &r)
		if err == nil {
			l.token = r.Token
			return nil
		}
		living.remove(r.Token)
		if nacre.CodeOf(err) != nacre.CodeVersionConflict {
			return err
		}
	}
}

// holderIsGone tells whether the holder was a process of this machine that does not live any more.
func (l *Lease) holderIsGone() bool {
	host, err := os.Hostname()
	if err != nil || host == "" || host != l.h.host || l.h.space != space() {
		return false
	}
	// Its number may be this process's: in a container that was started again, every process has it.
	return l.h.pid == os.Getpid() || !alive(l.h.pid)
}

// awaitSilence is true once the holder has shown no sign of life for its lease's length, false when its stream
// moved.
func (l *Lease) awaitSilence(ctx context.Context) (bool, error) {
	step := max(l.h.lease/10, time.Millisecond)
	seen, since := "", time.Now()
	for {
		blob, err := l.blobs.GetBlob(ctx, l.id.blob())
		switch code := nacre.CodeOf(err); {
		case err != nil && code != nacre.CodeNotFound && code != nacre.CodeDamaged:
			return false, err
		case string(blob) != seen:
			seen, since = string(blob), time.Now()
		case time.Since(since) >= l.h.lease, l.holderIsGone():
			return true, nil
		}
		version, err := l.system.Version(ctx, l.id.leaseStream())
		if err != nil || version != l.h.version {
			return false, err
		}
		select {
		case <-ctx.Done():
			return false, nacre.Errorf(codeOfEnd(ctx), "waiting for %s %q, which process %d of %s runs: %w", l.id.Kind, l.id.Name, l.h.pid, l.h.host, ctx.Err())
		case <-time.After(step):
		}
	}
}

func codeOfEnd(ctx context.Context) nacre.Code {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return nacre.CodeDeadline
	}
	return nacre.CodeCanceled
}

// write appends to the runner's stream behind what is known of it. l.mu is held, or nobody else has l yet.
func (l *Lease) write(ctx context.Context, eventType string, r *record) error {
	done, err := l.system.Append(ctx, l.id.leaseStream(), nacre.Exactly(l.h.version), nacre.NewEvent(eventType, r))
	if err != nil {
		return err
	}
	l.h.take(&done.Events[0], r)
	l.verified = time.Now()
	return nil
}

// ID is the runner's.
func (l *Lease) ID() ID { return l.id }

// Before is what the runner was to do when the lease was taken.
func (l *Lease) Before() Intent { return l.before }

// Orders hands out what the runner is ordered to do, each order until it was obeyed. Each is to be answered by
// Obeyed.
func (l *Lease) Orders() <-chan Order { return l.orders }

// Lost is closed when another process has taken the lease over.
func (l *Lease) Lost() <-chan struct{} { return l.lost }

// Check is nil while the lease is held; to be called before a commit. It asks the store only where the last
// sign is old.
func (l *Lease) Check(ctx context.Context) error {
	if l.isLost() {
		return l.errLost()
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Since(l.verified) < l.o.Lease*2/3 {
		return nil
	}
	return l.verify(ctx)
}

// verify looks whether the runner's stream still ends with this holder's event. l.mu is held.
func (l *Lease) verify(ctx context.Context) error {
	begun := time.Now()
	version, err := l.system.Version(ctx, l.id.leaseStream())
	if err != nil {
		return err
	}
	if version != l.h.version {
		ours, err := l.readOn(ctx)
		if err != nil || !ours {
			return l.notOurs(err)
		}
	}
	l.verified = begun
	return nil
}

// readOn takes what stands in the runner's stream beyond what is known of it, and tells whether it is still
// this holder's: an append may have taken place though its answer was lost. l.mu is held.
func (l *Lease) readOn(ctx context.Context) (bool, error) {
	err := l.h.readOn(ctx, l.system, l.id)
	return l.h.held && l.h.token == l.token, err
}

func (l *Lease) notOurs(err error) error {
	if err != nil {
		return err
	}
	l.lose()
	return l.errLost()
}

func (l *Lease) lose() {
	l.losing.Do(func() {
		l.o.Logger.Warn("another process has taken a runner over", "kind", l.id.Kind, "name", l.id.Name)
		close(l.lost)
	})
}

func (l *Lease) isLost() bool {
	select {
	case <-l.lost:
		return true
	default:
		return false
	}
}

func (l *Lease) errLost() error {
	return nacre.Errorf(CodeLeaseLost, "another process has taken %s %q over", l.id.Kind, l.id.Name)
}

// Report says how far the runner is; the next heartbeat writes it.
func (l *Lease) Report(p Progress) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.progress = p
}

// Intend says what the runner is to do whatever its state and whoever runs it; the next Change writes it.
func (l *Lease) Intend(i Intent) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.intent = i
}

// Confirm is Check, with a look at the store in any case: to be called before what cannot be guarded otherwise.
func (l *Lease) Confirm(ctx context.Context) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isLost() {
		return l.errLost()
	}
	return l.verify(ctx)
}

// Change writes what the runner does now, at once.
func (l *Lease) Change(ctx context.Context, s State, f *Failure) error {
	return l.say(ctx, typeChanged, &record{State: s, Failure: f})
}

// Obeyed writes that an order was carried out, or why it was not.
func (l *Lease) Obeyed(ctx context.Context, o Order, err error) error {
	return l.say(ctx, typeObeyed, &record{Order: o.Place, Do: o.Do, Failure: FailureOf(err, l.now())})
}

func (l *Lease) say(ctx context.Context, eventType string, r *record) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isLost() {
		return l.errLost()
	}
	r.Term, r.Position = l.h.term, l.progress.Position
	if eventType == typeChanged {
		r.Paused, r.Rebuild = l.intent.Paused, l.intent.Rebuild
	}
	err := l.put(ctx, eventType, r)
	select {
	case l.kick <- struct{}{}:
	default:
	}
	return err
}

// put is write, also where an append before took place though its answer was lost. l.mu is held.
func (l *Lease) put(ctx context.Context, eventType string, r *record) error {
	err := l.write(ctx, eventType, r)
	if nacre.CodeOf(err) != nacre.CodeVersionConflict {
		return err
	}
	ours, err := l.readOn(ctx)
	if err != nil || !ours {
		return l.notOurs(err)
	}
	return l.write(ctx, eventType, r)
}

// Release gives the lease back, and waits for what it began. A failure is what ended the runner.
func (l *Lease) Release(ctx context.Context, f *Failure) error {
	l.end()
	l.done.Wait()
	l.mu.Lock()
	defer l.mu.Unlock()
	if !living.remove(l.token) {
		return nil
	}
	if l.isLost() {
		return l.errLost()
	}
	defer l.losing.Do(func() { close(l.lost) }) // nobody commits under it any more
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), l.o.Heartbeat)
	defer cancel()
	err := l.put(ctx, typeStopped, &record{Term: l.h.term, State: l.h.state, Position: l.progress.Position, Failure: f})
	if err != nil {
		return err
	}
	return l.writeBlob(ctx)
}

// heartbeats writes the status now and then, until ctx ends.
func (l *Lease) heartbeats(ctx context.Context) {
	defer l.done.Done()
	tick := time.NewTicker(l.o.Heartbeat)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-l.lost:
			return
		case <-tick.C:
		case <-l.kick:
		}
		l.beat(ctx)
	}
}

// beat looks that the lease is held, and writes the status.
func (l *Lease) beat(ctx context.Context) {
	l.mu.Lock()
	defer l.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, l.o.Heartbeat) // nobody must wait for a store that hangs
	defer cancel()
	before := l.verified
	err := l.verify(ctx)
	if err == nil {
		if err = l.writeBlob(ctx); err != nil {
			l.verified = before // others have not seen it
		}
	}
	if err != nil && ctx.Err() == nil && !l.failing && nacre.CodeOf(err) != CodeLeaseLost {
		l.o.Logger.Warn("a runner's heartbeat failed", "kind", l.id.Kind, "name", l.id.Name, "error", err)
	}
	l.failing = err != nil
}

func (l *Lease) writeBlob(ctx context.Context) error {
	l.beats++
	s := Status{
		Kind: l.id.Kind, Name: l.id.Name, State: l.h.state, Progress: l.progress, Failure: l.h.failure,
		Lag:  l.progress.Head - min(l.progress.Head, l.progress.Position),
		Term: l.h.term, Token: l.h.token, Beat: l.beats, Host: l.h.host, PID: l.h.pid,
		StartedAt: l.h.startedAt, UpdatedAt: l.now(),
	}
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	return l.blobs.PutBlob(ctx, l.id.blob(), data)
}

// follow hands out orders, until ctx ends or the lease is lost.
func (l *Lease) follow(ctx context.Context, after nacre.Position) {
	defer l.done.Done()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l.done.Go(func() {
		select {
		case <-l.lost:
			cancel()
		case <-ctx.Done():
		}
	})
	for {
		err := followOrders(ctx, l.system, l.id, after, l.orders)
		if ctx.Err() != nil || nacre.CodeOf(err) == nacre.CodeClosed {
			return
		}
		l.o.Logger.Warn("a runner's orders cannot be read", "kind", l.id.Kind, "name", l.id.Name, "error", err)
		select {
		case <-ctx.Done():
			return
		case <-time.After(l.o.Heartbeat):
		}
		l.mu.Lock()
		after = l.h.obeyed
		l.mu.Unlock()
	}
}

func (l *Lease) now() time.Time { return l.o.Clock().UTC().Truncate(time.Microsecond) }
