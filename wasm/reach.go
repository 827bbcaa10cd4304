package wasm

import "sync/atomic"

// cheap is up to which size a state is given again rather than asked for by a number that is probably forgotten, and
// tryAgain how seldom it is tried all the same.
const (
	cheap    = 4 << 10
	tryAgain = 64
)

// reach is what is known of how long a module's guests keep states: for so many calls. A state is not asked for by a number
// that is older, as a guest that no longer has it costs a second call.
type reach struct {
	calls   atomic.Uint64 // and one more; 0 is not known
	skipped atomic.Uint64
}

// worth tells whether a guest may still have what it was to keep so many calls ago.
func (r *reach) worth(age uint64, size int) bool {
	calls := r.calls.Load()
	return calls == 0 || age < calls-1 || size > cheap || r.skipped.Add(1)%tryAgain == 0
}

// missed notes that a guest did not have it any more.
func (r *reach) missed(age uint64) {
	if calls := r.calls.Load(); calls == 0 || age < calls-1 {
		r.calls.Store(age + 1)
	}
}

// found notes that it did.
func (r *reach) found(age uint64) {
	if calls := r.calls.Load(); calls > 0 && age >= calls-1 {
		r.calls.Store(age + 2)
	}
}
