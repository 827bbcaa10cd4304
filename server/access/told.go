package access

import (
	"log/slog"
	"sync/atomic"
)

// toldOnce tells a log of an error when it begins and when it changes, not at every request.
type toldOnce struct{ last atomic.Pointer[string] }

func (t *toldOnce) tell(log *slog.Logger, effect string, err error) {
	if err == nil {
		if t.last.Load() != nil {
			t.last.Store(nil)
		}
		return
	}
	text := err.Error()
	if last := t.last.Load(); last != nil && *last == text {
		return
	}
	t.last.Store(&text)
	log.Warn("access is impaired", "effect", effect, "error", text)
}
