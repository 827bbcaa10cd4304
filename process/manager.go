package process

import (
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime/debug"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/internal/runner"
)

// The codes of this package's errors, beside those of the store and of codec.
const (
	// CodePanicked: a function of the manager, or the dispatcher, panicked, or ended its goroutine; or an error that it gave panicked
	// when it was asked what it says. The log has the stack of a panic.
	CodePanicked nacre.Code = "PROCESS_PANICKED"
	// CodePaused: the manager is paused, and was asked to catch up.
	CodePaused nacre.Code = "PROCESS_PAUSED"
	// CodeAlreadyRunning: this process runs the manager already.
	CodeAlreadyRunning = runner.CodeAlreadyRunning
	// CodeHeld: another process runs the manager, and was not to be waited for.
	CodeHeld = runner.CodeHeld
)

// Manager reacts to events, an instance at a time. S is what it knows of an instance; it begins with its zero value
// and is kept as JSON. The functions are called from one goroutine. They are best pure: what they want done, they
// ask Effects for; the time is Effects.Now. A function that panics has done nothing.
type Manager[S any] struct {
	// Name is 1 to 64 of "a-z A-Z 0-9 . _ -". It is what the manager's memory goes by, for ever.
	Name string

	// Events are the types of events that it is given, each with a value of its Go type; all others are passed over in
	// the store.
	Events map[string]any

	// Codec has the upcasters and schema versions of the events.
	Codec *codec.Options

	// Commands are the names of the commands that it sends, each with a value of its type. They are not needed where the
	// Dispatcher is a [CommandCodec], as an aggregate.Bus is.
	Commands map[string]any

	// Correlate tells which instance an event belongs to, and whether it may begin one. An event is passed over where the
	// id is "", and where there is no such instance, or it has ended, and the event does not begin one.
	// Ids may have up to 180 bytes and whatever a stream id may have.
	Correlate func(e codec.Event[any]) (instance string, begins bool)

	// React changes the state by an event, and asks for effects.
	React func(s *S, e codec.Event[any], do *Effects)

	// Timeout does so for a timer that is due. It may be nil where no timer is set.
	Timeout func(s *S, timer string, do *Effects)

	// Rejected does so for a command that a domain error refused: why is what the dispatcher gave. It may be nil: then
	// such a command has ended, and the log is told.
	Rejected func(s *S, command any, why error, do *Effects)
}

// model is a Manager without its type.
type model struct {
	name   string
	events *codec.Codec[any]
	naming CommandCodec
	log    *slog.Logger

	correlate func(e codec.Event[any]) (string, bool)
	react     func(state json.RawMessage, e codec.Event[any], do *Effects) (json.RawMessage, error)
	timeout   func(state json.RawMessage, timer string, do *Effects) (json.RawMessage, error)
	rejected  func(state json.RawMessage, command any, why error, do *Effects) (json.RawMessage, error)
}

// compile checks a manager and hides its type.
func compile[S any](m Manager[S], to Dispatcher, log *slog.Logger) (*model, error) {
	if err := (runner.ID{Kind: runner.Process, Name: m.Name}).Check(); err != nil {
		return nil, err
	}
	switch {
	case len(m.Events) == 0:
		return nil, invalid("Events", "of %q is empty: give each type of event that it reacts to", m.Name)
	case m.Correlate == nil:
		return nil, invalid("Correlate", "of %q is nil: give the function that tells an event's instance", m.Name)
	case m.React == nil:
		return nil, invalid("React", "of %q is nil: give the function that reacts to an event", m.Name)
	case to == nil:
		return nil, invalid("to", "of %q is nil: give a Dispatcher, such as an aggregate.Bus", m.Name)
	}
	events, err := codec.New(m.Events, m.Codec)
	if err != nil {
		return nil, fmt.Errorf("process manager %q: Events: %w", m.Name, err)
	}
	naming, ok := to.(CommandCodec)
	if !ok {
		if len(m.Commands) == 0 {
			return nil, invalid("Commands", "of %q is empty, and a %T does not name commands: give each command that it sends a name", m.Name, to)
		}
		commands, err := codec.New(m.Commands, nil)
		if err != nil {
			return nil, fmt.Errorf("process manager %q: Commands: %w", m.Name, err)
		}
		naming = table{commands}
	}
	c := &model{name: m.Name, events: events, naming: naming, log: log, correlate: m.Correlate}
	c.react = func(state json.RawMessage, e codec.Event[any], do *Effects) (json.RawMessage, error) {
		return alter(state, func(s *S) { m.React(s, e, do) })
	}
	if m.Timeout != nil {
		c.timeout = func(state json.RawMessage, timer string, do *Effects) (json.RawMessage, error) {
			return alter(state, func(s *S) { m.Timeout(s, timer, do) })
		}
	}
	if m.Rejected != nil {
		c.rejected = func(state json.RawMessage, command any, why error, do *Effects) (json.RawMessage, error) {
			return alter(state, func(s *S) { m.Rejected(s, command, why, do) })
		}
	}
	return c, nil
}

// alter lets a function change a state that is JSON.
func alter[S any](state json.RawMessage, f func(*S)) (json.RawMessage, error) {
	var s S
	if len(state) > 0 {
		if err := codec.Unmarshal(state, &s); err != nil {
			return nil, &nacre.Error{Code: nacre.CodeInternal, Message: fmt.Sprintf("the instance's state does not decode as %T", s), Err: err}
		}
	}
	f(&s)
	out, err := codec.Marshal(s)
	if err != nil {
		return nil, &nacre.Error{Code: codec.CodeUnencodable, Message: fmt.Sprintf("the state, a %T, does not encode as JSON", s), Err: err}
	}
	return out, nil
}

// encode names a command.
func (m *model) encode(c any) (name string, payload json.RawMessage, err error) {
	err = m.guard("encoding a command", "", func() error {
		var e error
		name, payload, e = m.naming.EncodeCommand(c)
		return e
	})
	return name, payload, err
}

// route tells an event's instance.
func (m *model) route(e codec.Event[any]) (instance string, begins bool, err error) {
	err = m.guard("Correlate", "", func() error {
		instance, begins = m.correlate(e)
		return nil
	})
	if err == nil {
		err = checkInstance(m.name, instance)
	}
	return instance, begins, err
}

// guard turns a panic of user code into an error, and tells the log its stack. An error that it gives is asked here what it says, since it
// is user code as well.
func (m *model) guard(in, instance string, f func() error) (err error) {
	defer func() {
		if v := recover(); v != nil {
			m.log.Error("a process manager's code panicked", "manager", m.name, "instance", instance, "in", in, "panic", v, "stack", string(debug.Stack()))
			err = nacre.Errorf(CodePanicked, "%s panicked: %v; the log has the stack", in, v)
		}
	}()
	if err = f(); err != nil {
		_, _ = nacre.CodeOf(err), err.Error()
	}
	return err
}

func invalid(field, format string, args ...any) error {
	err := nacre.Errorf(nacre.CodeInvalid, format, args...)
	err.Field = field
	return err
}
