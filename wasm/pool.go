package wasm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/nacredb/nacre"
)

// pool has a module's instances: those that are idle, and the calls that wait for one.
type pool struct {
	m *Module

	mu      sync.Mutex
	idle    []*instance // the last used last
	n       int         // instances that are there or being made
	users   int         // calls that have an instance or wait for one
	waiting []chan *instance
	closed  bool
	drained chan struct{} // closed when the pool is closed and nobody uses it
	sweep   *time.Timer   // nil while nothing is idle
}

// take gives an instance, which nobody else has until it is put back: the one that is preferred where it is
// idle. A call waits where all are at work.
func (p *pool) take(caller context.Context, begun time.Time, prefer *holder) (*instance, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, nacre.Errorf(nacre.CodeClosed, "the module %q (%.12s) has been closed", p.m.name(), p.m.hash)
	}
	p.users++
	if n := len(p.idle); n > 0 {
		i := n - 1
		if prefer != nil && prefer.in != nil {
			if at := slices.Index(p.idle, prefer.in); at >= 0 {
				i = at
			}
		}
		in := p.idle[i]
		p.idle = slices.Delete(p.idle, i, i+1)
		p.mu.Unlock()
		return in, nil
	}
	if p.n < p.m.limits.Instances {
		p.n++
		p.mu.Unlock()
		return p.make(caller, begun)
	}
	ready := make(chan *instance, 1)
	p.waiting = append(p.waiting, ready)
	p.mu.Unlock()
	return p.wait(caller, begun, ready)
}

// wait gives the instance that somebody puts back, or makes one in the place of one that left.
func (p *pool) wait(caller context.Context, begun time.Time, ready chan *instance) (*instance, error) {
	timer := time.NewTimer(begun.Add(p.m.limits.Call).Sub(p.m.e.o.Clock()))
	defer timer.Stop()
	code, why := nacre.CodeDeadline, fmt.Sprintf("all %d instances were at work for %v", p.m.limits.Instances, p.m.limits.Call)
	select {
	case in := <-ready:
		if in == nil {
			return p.make(caller, begun)
		}
		return in, nil
	case <-timer.C:
	case <-caller.Done():
		code, why = codeOf(caller.Err()), "its caller left while it waited for an instance"
	case <-p.m.aborted:
		code, why = nacre.CodeClosed, "the module is being closed"
	}
	p.mu.Lock()
	i := slices.Index(p.waiting, ready)
	if i >= 0 {
		p.waiting = slices.Delete(p.waiting, i, i+1)
	}
	p.mu.Unlock()
	if i < 0 { // somebody gave it one meanwhile
		if in := <-ready; in != nil {
			p.put(in)
		} else {
			p.gone()
		}
	} else {
		p.leave()
	}
	return nil, &CallError{Code: code, Module: p.m.name(), Hash: p.m.hash, Doing: "a call", Message: why}
}

// make makes an instance, which is counted already. Where there is no memory for one more, it waits for another, which
// was used before.
func (p *pool) make(caller context.Context, begun time.Time) (*instance, error) {
	in, err := p.m.instantiate(caller, begun)
	if errors.Is(err, errNoRoom) {
		p.mu.Lock()
		if p.n > 1 {
			p.n--
			if len(p.idle) > 0 { // put back since
				in := p.idle[0]
				p.idle = slices.Delete(p.idle, 0, 1)
				p.mu.Unlock()
				return in, nil
			}
			ready := make(chan *instance, 1)
			p.waiting = append(p.waiting, ready)
			p.mu.Unlock()
			return p.wait(caller, begun, ready)
		}
		p.mu.Unlock()
	}
	if err != nil {
		p.gone()
		return nil, err
	}
	return in, nil
}

// gone is for an instance that is no more, or never was: whoever waits makes one in its place.
func (p *pool) gone() {
	p.mu.Lock()
	if len(p.waiting) > 0 {
		next := p.waiting[0]
		p.waiting = slices.Delete(p.waiting, 0, 1)
		next <- nil
	} else {
		p.n--
	}
	p.mu.Unlock()
	p.leave()
}

// leave is for a call that is over.
func (p *pool) leave() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.users--
	if p.closed && p.users == 0 {
		close(p.drained)
	}
}

// put gives an instance back; it is dropped where a call of it went wrong.
func (p *pool) put(in *instance) {
	if in.broken {
		p.drop(in)
		p.gone()
		return
	}
	in.used = in.run.resumed
	p.mu.Lock()
	if len(p.waiting) > 0 {
		next := p.waiting[0]
		p.waiting = slices.Delete(p.waiting, 0, 1)
		next <- in
	} else {
		p.idle = append(p.idle, in)
		if p.sweep == nil && p.m.limits.IdleAfter > 0 && !p.closed {
			p.sweep = time.AfterFunc(p.m.limits.IdleAfter, p.evictIdle)
		}
	}
	p.users--
	if p.closed && p.users == 0 {
		close(p.drained)
	}
	p.mu.Unlock()
}

// drop closes an instance that nobody has any more.
func (p *pool) drop(in *instance) {
	p.mu.Lock()
	in.holder.in = nil
	p.mu.Unlock()
	in.close()
}

// evictIdle lets the instances go that nobody asked for in a while.
func (p *pool) evictIdle() {
	before := p.m.e.o.Clock().Add(-p.m.limits.IdleAfter)
	p.evict(func(in *instance) bool { return !in.used.After(before) })
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sweep = nil
	if len(p.idle) > 0 && !p.closed {
		p.sweep = time.AfterFunc(max(p.m.limits.IdleAfter/4, time.Millisecond), p.evictIdle)
	}
}

// evict lets idle instances go. Closing the pool waits for that.
func (p *pool) evict(goes func(*instance) bool) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return
	}
	p.users++
	p.mu.Unlock()
	p.dismiss(goes)
	p.leave()
}

func (p *pool) dismiss(goes func(*instance) bool) {
	var out []*instance
	p.mu.Lock()
	p.idle = slices.DeleteFunc(p.idle, func(in *instance) bool {
		if !goes(in) {
			return false
		}
		in.holder.in = nil
		out = append(out, in)
		return true
	})
	p.n -= len(out)
	p.mu.Unlock()
	for _, in := range out {
		in.close()
	}
}

// oldest is when the instance was last used that is idle for the longest.
func (p *pool) oldest() (time.Time, bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if len(p.idle) == 0 || p.closed {
		return time.Time{}, false
	}
	oldest := slices.MinFunc(p.idle, func(a, b *instance) int { return a.used.Compare(b.used) })
	return oldest.used, true
}

// evictOne lets the instance go that was idle for the longest; it is false where none is idle.
func (p *pool) evictOne() bool {
	used, ok := p.oldest()
	if ok {
		p.evictUsed(used)
	}
	return ok
}

// evictUsed lets one idle instance go that was not used after a time.
func (p *pool) evictUsed(before time.Time) {
	found := false
	p.evict(func(in *instance) bool {
		goes := !found && !in.used.After(before)
		found = found || goes
		return goes
	})
}

// count is how many instances are there, and how many of them are idle.
func (p *pool) count() (all, idle int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.n, len(p.idle)
}

// close takes no more calls, waits until those that are there have ended, and lets all instances go. Where ctx ends
// first, calls are ended at their next tick.
func (p *pool) close(ctx context.Context, abort func()) {
	p.mu.Lock()
	if !p.closed {
		p.closed = true
		if p.sweep != nil {
			p.sweep.Stop()
		}
		if p.users == 0 {
			close(p.drained)
		}
	}
	p.mu.Unlock()
	select {
	case <-p.drained:
	case <-ctx.Done():
		abort()
		<-p.drained
	}
	p.dismiss(func(*instance) bool { return true })
}

func codeOf(err error) nacre.Code {
	if code := nacre.CodeOf(err); code != "" {
		return code
	}
	return nacre.CodeCanceled
}
