package wasm

import (
	"context"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	"github.com/tetratelabs/wazero/api"

	"github.com/nacredb/nacre"
)

// entity is what an instance of a component is beside: the object that it was made for, and how to call it. The layouts
// are those of the component model's canonical interface: a text is its address and length, a record its fields, a
// list the address and number of its elements, and a variant its case in a byte and what that carries behind it.
type entity struct {
	shape                                     *thaloShape
	realloc, constructor, apply, handle       api.Function
	afterConstructor, afterApply, afterHandle api.Function // nil where there are none
	objects                                   []object
	self                                      uint64 // where the object is
	tracer                                    tracer
	stack                                     [5]uint64
}

func newEntity(s *thaloShape) *entity { return &entity{shape: s} }

// bind finds the functions.
func (e *entity) bind(m api.Module) {
	s := e.shape
	for name, f := range map[string]*api.Function{
		s.realloc: &e.realloc, s.constructor: &e.constructor, s.apply: &e.apply, s.handle: &e.handle,
	} {
		*f = m.ExportedFunction(name)
	}
	// Two of these may have one name.
	for _, after := range []struct {
		name string
		f    *api.Function
	}{{s.afterConstructor, &e.afterConstructor}, {s.afterApply, &e.afterApply}, {s.afterHandle, &e.afterHandle}} {
		if after.name != "" {
			*after.f = m.ExportedFunction(after.name)
		}
	}
}

// What a guest is given at once when a stream is read.
const (
	partEvents = 256
	partBytes  = 256 << 10
)

const (
	wordSize  = 4
	textSize  = 2 * wordSize
	pairSize  = 2 * textSize // of two texts: an event, a command
	alignText = 4
)

// invoke calls a function of the guest.
func (in *instance) invoke(f api.Function, args ...uint64) (uint64, error) {
	stack := &in.entity.stack
	copy(stack[:], args)
	err := f.CallWithStack(&in.run, stack[:max(len(args), 1)])
	return stack[0], err
}

// allocate asks the guest for a place, which is aligned and inside its memory.
func (in *instance) allocate(size, align int) (uint32, error) {
	result, err := in.invoke(in.entity.realloc, 0, 0, uint64(align), uint64(size))
	if err != nil {
		return 0, err
	}
	at := api.DecodeU32(result)
	if _, ok := in.linear.read(at, uint32(size)); !ok || at%uint32(align) != 0 {
		return 0, in.run.error(CodeReply, fmt.Sprintf("it gave the place %d for %d bytes, which is not in its memory or not at a multiple of %d", at, size, align), nil)
	}
	return at, nil
}

// lower gives the guest a text.
func (in *instance) lower(text []byte) (at uint32, err error) {
	if int64(len(text)) > in.m.limits.Memory {
		return 0, in.run.error(CodeMemory, fmt.Sprintf("a text of %d bytes has no room in its memory of at most %d MiB", len(text), in.m.limits.Memory>>20), nil)
	}
	if at, err = in.allocate(len(text), 1); err != nil {
		return 0, err
	}
	place, _ := in.linear.read(at, uint32(len(text)))
	copy(place, text)
	return at, nil
}

// construct makes the object of an aggregate instance.
func (in *instance) construct(ctx context.Context, begun time.Time, id string) error {
	e := in.entity
	in.run.begin(ctx, begun, id, "making the entity", "")
	return in.run.finish(func() error {
		at, err := in.lower([]byte(id))
		if err != nil {
			return err
		}
		handle, err := in.invoke(e.constructor, uint64(at), uint64(len(id)))
		if err != nil {
			return err
		}
		i := int64(api.DecodeI32(handle)) - 1
		if i < 0 || i >= int64(len(e.objects)) || !e.objects[i].live {
			return in.run.error(CodeReply, fmt.Sprintf("its constructor gave the resource %d, which it did not make", api.DecodeI32(handle)), nil)
		}
		e.self = uint64(e.objects[i].at)
		if e.afterConstructor != nil {
			_, err = in.invoke(e.afterConstructor, handle)
		}
		return err
	}())
}

// applyAll has the guest apply events, in parts, each of which is a call with its own limits.
func (in *instance) applyAll(ctx context.Context, id string, events []*Event) error {
	for first := true; first || len(events) > 0; first = false {
		n, size := 0, 0
		for n < len(events) && n < partEvents && (n == 0 || size < partBytes) {
			size += len(events[n].Data)
			n++
		}
		in.run.begin(ctx, in.m.e.o.Clock(), id, "applying events", "")
		fault, err := in.applyPart(events[:n])
		if err = in.run.finish(err); err != nil {
			return err
		}
		if fault != nil {
			in.broken = true // it may have applied some of them
			return in.fault(fault, nil)
		}
		events = events[n:]
	}
	return nil
}

func (in *instance) applyPart(events []*Event) (*thaloSaid, error) {
	list, err := in.allocate(len(events)*pairSize, alignText)
	if err != nil {
		return nil, err
	}
	for i, e := range events {
		if err := in.lowerPair(list+uint32(i*pairSize), []byte(e.Type), e.Data); err != nil {
			return nil, err
		}
	}
	result, err := in.invoke(in.entity.apply, in.entity.self, uint64(list), uint64(len(events)))
	if err != nil {
		return nil, err
	}
	v := in.view(result)
	var said *thaloSaid
	if v.isErr() {
		said = v.fault(in.entity.shape.faults)
	}
	return said, in.after(in.entity.afterApply, result, v.err)
}

// lowerPair gives the guest a record of two texts.
func (in *instance) lowerPair(at uint32, a, b []byte) error {
	first, err := in.lower(a)
	if err != nil {
		return err
	}
	second, err := in.lower(b)
	if err != nil {
		return err
	}
	place, ok := in.linear.read(at, pairSize)
	if !ok {
		return in.run.error(CodeReply, "its memory became smaller", nil)
	}
	for i, v := range []int{int(first), len(a), int(second), len(b)} {
		binary.LittleEndian.PutUint32(place[i*wordSize:], uint32(v))
	}
	return nil
}

// after lets the guest free what a call returned.
func (in *instance) after(f api.Function, result uint64, err error) error {
	if err == nil && f != nil {
		_, err = in.invoke(f, result)
	}
	return err
}

// handleCommand has the guest decide.
func (in *instance) handleCommand(ctx context.Context, begun time.Time, id string, c *Command) ([]Event, *thaloSaid, error) {
	in.run.begin(ctx, begun, id, "the command", c.Command)
	events, said, err := in.handlePart(c)
	if err = in.run.finish(err); err != nil {
		return nil, nil, err
	}
	return events, said, nil
}

func (in *instance) handlePart(c *Command) ([]Event, *thaloSaid, error) {
	payload := []byte(c.Payload)
	if len(payload) == 0 {
		payload = []byte("null")
	}
	name, err := in.lower([]byte(c.Command))
	if err != nil {
		return nil, nil, err
	}
	text, err := in.lower(payload)
	if err != nil {
		return nil, nil, err
	}
	result, err := in.invoke(in.entity.handle, in.entity.self, uint64(name), uint64(len(c.Command)), uint64(text), uint64(len(payload)))
	if err != nil {
		return nil, nil, err
	}
	v := in.view(result)
	var events []Event
	var said *thaloSaid
	if v.isErr() {
		said = v.fault(in.entity.shape.faults)
	} else {
		events = v.events(v.at + wordSize)
	}
	if err := in.after(in.entity.afterHandle, result, v.err); err != nil {
		return nil, nil, err
	}
	return events, said, nil
}

// takeHeld gives the instance that a state is in, where it is idle; nobody else has it then. nil where it is not.
func (p *pool) takeHeld(h hold) *instance {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed || h.by == nil || h.by.in == nil {
		return nil
	}
	for i, in := range p.idle {
		if in == h.by.in && in.kept == h.number {
			p.idle = slices.Delete(p.idle, i, i+1)
			p.users++
			return in
		}
	}
	return nil
}

// takeNew gives an instance that was never used. Where there are as many as there may be, the one leaves that was not
// used for the longest, or the call waits for one.
func (p *pool) takeNew(caller context.Context, begun time.Time) (*instance, error) {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, p.errClosed()
	}
	p.users++
	var in *instance
	var err error
	switch {
	case p.n < p.m.limits.Instances:
		p.n++
		p.mu.Unlock()
		in, err = p.make(caller, begun)
	case len(p.idle) > 0:
		in = p.idle[0]
		p.idle = slices.Delete(p.idle, 0, 1)
		p.mu.Unlock()
	default:
		ready := make(chan *instance, 1)
		p.waiting = append(p.waiting, ready)
		p.mu.Unlock()
		in, err = p.wait(caller, begun, ready)
	}
	for err == nil && len(in.entity.objects) > 0 { // somebody else's
		p.drop(in)
		in, err = p.make(caller, begun)
	}
	return in, err
}

func (p *pool) errClosed() error {
	return nacre.Errorf(nacre.CodeClosed, "the module %q (%.12s) has been closed", p.m.name(), p.m.hash)
}
