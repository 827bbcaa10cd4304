package nats

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/nacredb/nacre/delivery"
	"github.com/nacredb/nacre/internal/relay"
	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

var errClosed = errors.New("the sender is closed")

// codeTooLarge is JetStream's for a message that is larger than its stream takes.
const codeTooLarge jetstream.ErrorCode = 10054

// sender publishes the events of one subscription.
type sender struct {
	options *Options
	config  *config
	subject *relay.Template

	//nolint:containedctx // it ends what outlives a Send: a connection that is being made
	life context.Context
	end  context.CancelFunc

	mutex  sync.Mutex
	link   *link // the last one, or nil
	making *making
	closed bool
	group  sync.WaitGroup
}

// making is a connection that is being made, for all who wait for it.
type making struct {
	done chan struct{}
	link *link
	err  error
}

// Send implements delivery.Sender.
func (s *sender) Send(ctx context.Context, b *delivery.Batch) (delivery.Receipt, error) {
	messages, err := s.messages(b)
	if err != nil {
		return delivery.Receipt{}, &delivery.Failure{Permanent: true, Err: fmt.Errorf("nats: %w", err)}
	}
	// The client has no context while it writes, and a server that does not read can hold it.
	return relay.Detached(ctx, "nats", s.start, func() (delivery.Receipt, error) { return s.publish(ctx, b.Store, messages) })
}

// start runs a function that Close waits for.
func (s *sender) start(run func()) error {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return errClosed
	}
	s.group.Go(run)
	return nil
}

// publish publishes messages in order, so many at once as the configuration says, and waits for all of them.
func (s *sender) publish(ctx context.Context, store string, messages []*client.Msg) (delivery.Receipt, error) {
	l, err := s.connected(ctx, store)
	if err != nil {
		return delivery.Receipt{}, fmt.Errorf("nats: %w", err)
	}
	if l.unsure.Load() {
		if err := s.seeToStream(ctx, l, store); err != nil {
			return delivery.Receipt{}, fmt.Errorf("nats: %w", err)
		}
		l.unsure.Store(false)
	}
	options := []jetstream.PublishOpt{jetstream.WithRetryAttempts(0)} // the hub's part, with all behind it
	if s.config.Stream != "" {
		options = append(options, jetstream.WithExpectStream(s.config.Stream))
	}
	var last *jetstream.PubAck
	repeats := 0
	var waiting []jetstream.PubAckFuture
	await := func() error {
		first := waiting[0]
		waiting = waiting[1:]
		select {
		case ack := <-first.Ok():
			last = ack
			if ack.Duplicate {
				repeats++
			}
			return nil
		case err := <-first.Err():
			return s.failure(l, first.Msg(), err)
		case <-l.over:
			return fmt.Errorf("nats: the connection to %s was lost", address(s.config.URL))
		case <-ctx.Done():
			return fmt.Errorf("nats: %w", context.Cause(ctx))
		}
	}
	for _, m := range messages {
		if len(waiting) == int(s.config.InFlight) {
			if err := await(); err != nil {
				return delivery.Receipt{}, err
			}
		}
		if ctx.Err() != nil {
			return delivery.Receipt{}, fmt.Errorf("nats: %w", context.Cause(ctx))
		}
		future, err := l.stream.PublishMsgAsync(m, options...)
		if err != nil {
			return delivery.Receipt{}, s.failure(l, m, err)
		}
		waiting = append(waiting, future)
	}
	for len(waiting) > 0 {
		if err := await(); err != nil {
			return delivery.Receipt{}, err
		}
	}
	response := fmt.Sprintf("up to sequence %d of stream %s", last.Sequence, last.Stream)
	if repeats > 0 {
		response += fmt.Sprintf(", which had %d of %d", repeats, len(messages))
	}
	return delivery.Receipt{Response: response}, nil
}

// failure is what was wrong with a message on a link.
func (s *sender) failure(l *link, m *client.Msg, err error) error {
	told := fmt.Errorf("nats: message %s to %s: %w", m.Header.Get(jetstream.MsgIDHeader), m.Subject, err)
	api, is := errors.AsType[*jetstream.APIError](err)
	switch {
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		l.unsure.Store(true) // the stream may have been removed
		return fmt.Errorf("%w: no stream takes this subject, or JetStream is not there", told)
	case errors.Is(err, client.ErrMaxPayload), is && api.ErrorCode == codeTooLarge:
		return &delivery.Failure{Permanent: true, Err: told}
	}
	return told
}

// connected is the connection, made where there is none.
func (s *sender) connected(ctx context.Context, store string) (*link, error) {
	s.mutex.Lock()
	if s.closed {
		s.mutex.Unlock()
		return nil, errClosed
	}
	if s.link != nil && !s.link.isOver() {
		defer s.mutex.Unlock()
		return s.link, nil
	}
	m := s.making
	if m == nil {
		m = &making{done: make(chan struct{})}
		s.making = m
		s.group.Go(func() { s.make(m, store) })
	}
	s.mutex.Unlock()
	select {
	case <-m.done:
		return m.link, m.err
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
}

// make makes a connection, unless the sender is closed meanwhile.
func (s *sender) make(m *making, store string) {
	m.link, m.err = s.connect(store)
	s.mutex.Lock()
	s.making = nil
	closed := s.closed
	if m.err == nil && !closed {
		s.link = m.link
	}
	s.mutex.Unlock()
	if m.err == nil && closed {
		m.link.close()
		m.link, m.err = nil, errClosed
	}
	close(m.done)
}

// Close implements delivery.Sender.
func (s *sender) Close() error {
	s.mutex.Lock()
	s.closed = true
	l := s.link
	s.mutex.Unlock()
	s.end()
	if l != nil {
		l.close()
	}
	s.group.Wait()
	return nil
}
