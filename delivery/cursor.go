package delivery

import (
	"context"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"time"

	"github.com/nacredb/nacre"
)

// cursorBlob is what stands in the two blobs: spec/delivery.md.
type cursorBlob struct {
	Sequence      uint64          `json:"sequence"`
	Epoch         string          `json:"epoch"`
	Through       nacre.Position  `json:"through"`
	Position      nacre.Position  `json:"position"`
	CRC           string          `json:"crc"`
	Subscriptions json.RawMessage `json:"subscriptions"`
}

type cursorEntry struct {
	Read nacre.Position `json:"read"`
	Open []openEvent    `json:"open,omitempty"`
}

func cursorKey(sequence uint64) string { return fmt.Sprintf("delivery/cursors-%d.json", sequence%2) }

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

func checksum(text []byte) string { return fmt.Sprintf("%08x", crc32.Checksum(text, castagnoli)) }

// cursors are what was kept last. Their lock is the hub's saving.
type cursors struct {
	sequence uint64
	position nacre.Position
	at       time.Time
}

// places are how far subscriptions were, as the blobs say.
type places struct {
	found    bool
	foreign  bool // they are of another epoch
	through  nacre.Position
	position nacre.Position
	end      nacre.Position // of the log, which nothing is behind
	entries  map[string]cursorEntry
}

// of is where a subscription is to go on, and what is open before that.
func (p *places) of(k *known) (nacre.Position, []openEvent) {
	if !p.found || k.placed > p.through {
		return min(k.after, p.end), nil
	}
	e, listed := p.entries[k.name]
	switch {
	case !listed:
		return min(p.position, p.end), nil
	case p.foreign && len(e.Open) > 0: // what stands behind the first one now may be something else
		return min(e.Open[0].Position-1, p.end), nil
	case p.foreign || e.Read > p.end:
		e.Open = slices.DeleteFunc(e.Open, func(o openEvent) bool { return o.Position > p.end })
	}
	if k.resumed > p.through { // attempts are counted anew
		for i := range e.Open {
			e.Open[i].Attempts = 0
		}
	}
	return min(e.Read, p.end), e.Open
}

// readCursors reads what was kept last.
func (h *Hub) readCursors(ctx context.Context, head nacre.Head) (*places, error) {
	p := &places{end: head.Position}
	var best cursorBlob
	damaged := false
	for i := range uint64(2) {
		data, err := h.blobs.GetBlob(ctx, cursorKey(i))
		switch nacre.CodeOf(err) {
		case "":
		case nacre.CodeNotFound:
			continue
		case nacre.CodeDamaged:
			damaged = true
			continue
		default:
			return nil, err
		}
		var b cursorBlob
		if json.Unmarshal(data, &b) != nil || b.CRC != checksum(b.Subscriptions) {
			damaged = true
			continue
		}
		if b.Sequence >= best.Sequence {
			best = b
		}
	}
	if best.CRC == "" {
		if damaged {
			h.o.Logger.Error("how far subscriptions had come is damaged: each delivers again what came since it was created or replayed", "store", h.o.Name)
		}
		return p, nil
	}
	if damaged {
		h.o.Logger.Warn("how far subscriptions had come is damaged in one of two places: some events are delivered again", "store", h.o.Name)
	}
	if best.Epoch != head.Epoch {
		h.o.Logger.Warn("the log was cut or restored: subscriptions go on at its end where they were ahead of it", "store", h.o.Name,
			"epoch", head.Epoch, "position", head.Position)
	}
	p.found, p.foreign, p.through, p.position = true, best.Epoch != head.Epoch, best.Through, best.Position
	h.cursors = cursors{sequence: best.Sequence, position: best.Position, at: time.Now()}
	return p, json.Unmarshal(best.Subscriptions, &p.entries)
}

// every does something again and again while the hub is open, and tells of what fails.
func (h *Hub) every(interval time.Duration, do func(context.Context) error, what string) {
	defer h.loops.Done()
	tick := time.NewTicker(interval)
	defer tick.Stop()
	for {
		select {
		case <-h.ctx.Done():
			return
		case <-tick.C:
		}
		if err := do(h.ctx); err != nil && h.ctx.Err() == nil {
			h.o.Logger.Warn("what a hub keeps could not be written: it is tried again", "what", what, "store", h.o.Name, "error", err)
		}
	}
}

// keep keeps cursors, where there is something to keep, and shares out memory that has become free.
func (h *Hub) keep(ctx context.Context) error {
	h.loosen()
	if !h.due() {
		return nil
	}
	return h.saveCursors(ctx)
}

// due tells whether something is to be kept.
func (h *Hub) due() bool {
	if h.changed.Load() {
		return true
	}
	h.saving.Lock()
	defer h.saving.Unlock()
	if time.Since(h.cursors.at) < strollEvery {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.pos != h.cursors.position && h.index.len() > 0
}

// saveCursors keeps how far all subscriptions are.
func (h *Hub) saveCursors(ctx context.Context) (err error) {
	h.saving.Lock()
	defer h.saving.Unlock()
	h.changed.Store(false)
	defer func() {
		if err != nil {
			h.changed.Store(true)
		}
	}()
	b := cursorBlob{Sequence: h.cursors.sequence + 1, Epoch: *h.epoch.Load()}
	entries := map[string]cursorEntry{}
	h.mu.Lock()
	b.Position, b.Through = h.pos, h.through
	for name, s := range h.all {
		s.mu.Lock()
		if !s.live || s.q.open > 0 {
			var e cursorEntry
			e.Read, e.Open = s.progress(h.pos)
			entries[name] = e
		}
		s.mu.Unlock()
	}
	h.mu.Unlock()
	if b.Subscriptions, err = json.Marshal(entries); err != nil {
		return err
	}
	b.CRC = checksum(b.Subscriptions)
	data, err := json.Marshal(&b)
	if err != nil {
		return err
	}
	if err := h.blobs.PutBlob(ctx, cursorKey(b.Sequence), data); err != nil {
		return err
	}
	h.cursors = cursors{sequence: b.Sequence, position: b.Position, at: time.Now()}
	return nil
}
