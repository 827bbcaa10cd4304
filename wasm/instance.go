package wasm

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"github.com/tetratelabs/wazero/experimental"

	"github.com/nacredb/nacre"
)

// The functions that a guest exports.
const (
	exportMemory     = "memory"
	exportABI        = "nacre_abi"
	exportAlloc      = "nacre_alloc"
	exportDescribe   = "nacre_describe"
	exportDecide     = "nacre_decide"
	exportEvolve     = "nacre_evolve"
	exportInitialize = "_initialize"
)

// abiVersion is the version of spec/wasm-abi.md that this host speaks.
const abiVersion = 1

// instance is one that runs, with a memory of its own. Whoever took it from the pool has it alone.
type instance struct {
	m      *Module
	module api.Module
	linear *linear
	alloc  api.Function
	decide api.Function
	evolve api.Function
	run    run
	stack  [2]uint64

	room     uint32 // where requests are written to
	roomSize uint32
	request  []byte // used again for each
	scanner  scanner
	events   []*Event // of a state that is being sent, used again

	entity *entity // of a component made for Thalo; nil elsewhere

	holder *holder
	kept   uint64 // the last number under which the guest was asked to keep a state

	used   time.Time // when it was last put back
	broken bool      // a call went wrong, and nothing is known of what is inside
}

// holder stands for an instance in the states that it may hold, and forgets it when it is gone.
type holder struct {
	in *instance // of the pool's lock
}

// errNoRoom is the cause where there is no memory for one more instance.
var errNoRoom = errors.New("no memory for one more instance")

// instantiate makes an instance and has it initialized.
func (m *Module) instantiate(caller context.Context, begun time.Time) (*instance, error) {
	in := &instance{m: m, holder: &holder{}, linear: &linear{m: m, bytes: []byte{}}}
	in.holder.in = in
	if m.thalo != nil {
		in.entity = newEntity(m.thalo)
	}
	r := &in.run
	r.in = in
	r.begin(caller, begun, "", "the start of an instance", "")
	r.patient = m.patience(m.e.o.StartSlowAfter)
	first := int64(m.memoryMin) * page
	if !m.takeMemory(first) {
		return nil, r.error(CodeMemory, fmt.Sprintf("it begins with %d KiB of memory, which there is no more for its module, or for all together", first>>10), errNoRoom)
	}
	in.linear.taken = first
	r.Context = experimental.WithMemoryAllocator(context.Background(), in.linear)
	module, err := m.e.runtime.InstantiateModule(r, m.compiled, wazero.NewModuleConfig().WithName("").WithStartFunctions())
	if err != nil {
		err = r.finish(err)
		in.linear.Free()
		return nil, err
	}
	r.Context = context.Background()
	in.module = module
	if in.entity != nil {
		in.entity.bind(module)
	}
	in.alloc, in.decide, in.evolve = module.ExportedFunction(exportAlloc), module.ExportedFunction(exportDecide), module.ExportedFunction(exportEvolve)
	if initialize := module.ExportedFunction(exportInitialize); initialize != nil {
		err = initialize.CallWithStack(r, in.stack[:0])
	}
	if err = r.finish(err); err != nil {
		in.close()
		return nil, err
	}
	return in, nil
}

func (in *instance) close() {
	// The guest has nothing that could fail to close.
	_ = in.module.Close(context.Background())
}

// call has the guest answer a request, which is in in.request, and gives its reply, which is the guest's memory
// until its next call. Where it fails, the instance is broken.
func (in *instance) call(f api.Function) ([]byte, error) {
	return in.result(in.send(f))
}

func (in *instance) send(f api.Function) error {
	size := uint64(len(in.request))
	if size > uint64(in.roomSize) {
		if err := in.enlarge(size); err != nil {
			return err
		}
	}
	out, ok := in.linear.read(in.room, uint32(len(in.request)))
	if !ok {
		return in.run.error(CodeReply, "its memory became smaller", nil)
	}
	copy(out, in.request)
	in.stack[0], in.stack[1] = uint64(in.room), size
	return f.CallWithStack(&in.run, in.stack[:])
}

// enlarge asks the guest for a place to write requests to.
func (in *instance) enlarge(size uint64) error {
	want := uint64(4 << 10)
	for want < size {
		want *= 2
	}
	if want > uint64(in.m.limits.Memory) {
		return in.run.error(CodeMemory, fmt.Sprintf("a request of %d bytes has no room in its memory of at most %d MiB", size, in.m.limits.Memory>>20), nil)
	}
	in.roomSize = 0
	in.stack[0] = want
	if err := in.alloc.CallWithStack(&in.run, in.stack[:]); err != nil {
		return err
	}
	at := api.DecodeU32(in.stack[0])
	if _, ok := in.linear.read(at, uint32(want)); !ok {
		return in.run.error(CodeReply, fmt.Sprintf("%s(%d) gave %d, and its memory ends at %d", exportAlloc, want, at, len(in.linear.bytes)), nil)
	}
	in.room, in.roomSize = at, uint32(want)
	return nil
}

// result ends a call, and finds the reply in the memory.
func (in *instance) result(err error) ([]byte, error) {
	var reply []byte
	if err == nil {
		reply, err = in.reply(in.stack[0])
	}
	return reply, in.run.finish(err)
}

func (in *instance) reply(place uint64) ([]byte, error) {
	at, length := uint32(place>>32), uint32(place)
	if int64(length) > int64(in.m.limits.Reply) {
		return nil, in.run.error(CodeReply, fmt.Sprintf("its reply has %d bytes, of at most %d", length, in.m.limits.Reply), nil)
	}
	reply, ok := in.linear.read(at, length)
	if !ok {
		return nil, in.run.error(CodeReply, fmt.Sprintf("its reply is said to be %d bytes at %d, and its memory ends at %d", length, at, len(in.linear.bytes)), nil)
	}
	return reply, nil
}

// bad is the error of a reply that does not say what it may; the instance is broken.
func (in *instance) bad(format string, args ...any) error {
	return in.blame(CodeReply, "", fmt.Sprintf(format, args...))
}

func (in *instance) blame(code nacre.Code, guestCode, message string) error {
	in.broken = true
	err := in.run.error(code, message, nil)
	err.GuestCode, err.logs, err.lost = guestCode, in.run.journal.records, in.run.journal.lost
	return err
}

// describe asks for the description, twice: it may not change.
func (in *instance) describe() ([]byte, error) {
	f := in.module.ExportedFunction(exportDescribe)
	var texts [2]string
	for i := range texts {
		in.run.begin(in.run.caller, in.run.begun, "", "the description", "")
		reply, err := in.result(f.CallWithStack(&in.run, in.stack[:]))
		if err != nil {
			return nil, err
		}
		texts[i] = string(reply)
	}
	if texts[0] != texts[1] {
		return nil, in.bad("it is another one when it is asked for again")
	}
	return []byte(texts[0]), nil
}

// abi asks for the version of the interface.
func (in *instance) abi() error {
	in.run.begin(in.run.caller, in.run.begun, "", "the version of its interface", "")
	err := in.run.finish(in.module.ExportedFunction(exportABI).CallWithStack(&in.run, in.stack[:]))
	if err != nil {
		return err
	}
	if version := api.DecodeI32(in.stack[0]); version != abiVersion {
		return refused("%s gives %d: this host speaks version %d of the interface", exportABI, version, abiVersion)
	}
	return nil
}
