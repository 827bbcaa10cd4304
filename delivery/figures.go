package delivery

import (
	"context"

	"github.com/nacredb/nacre"
)

// Figures are what somebody who watches a subscription wants to know, of each field as in [Status].
type Figures struct {
	Name              string
	State             State
	Lag               nacre.Position
	Open              int
	Delivered, Failed uint64
	DeadLetters       int // that are open
}

// Figures tells of all subscriptions, in the order of their names. It costs less than [Hub.List], so that it may be called
// often: of the dead letters, it reads what came since it was called last.
func (h *Hub) Figures(ctx context.Context) ([]Figures, error) {
	if h.closed.Load() {
		return nil, errClosed()
	}
	head, err := h.store.Head(ctx)
	if err != nil {
		return nil, err
	}
	letters, err := h.letters.Count(ctx, h.store)
	if err != nil {
		return nil, err
	}
	all := h.everyOne()
	list := make([]Figures, len(all))
	for i, s := range all {
		h.look(s, func(seen nacre.Position) {
			st := s.outline(seen, head.Position)
			list[i] = Figures{
				Name: s.name, State: st.State, Lag: st.Lag, Open: st.Open, Delivered: st.Delivered, Failed: st.Failed,
				DeadLetters: letters[s.name],
			}
		})
	}
	return list, nil
}
