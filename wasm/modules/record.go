package modules

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/wasm"
)

// category is that of the streams in the companion log; spec/modules.md has what stands there.
const category = "module"

func streamOf(name string) nacre.StreamID { return nacre.StreamID(category + "-" + name) }

func blobOf(hash string) string { return "modules/" + hash }

// The types of a module's events.
const (
	typePublished = "module.published"
	typeActivated = "module.activated"
	typePinned    = "module.pinned"
	typeUnpinned  = "module.unpinned"
	typeRetired   = "module.retired"
)

type publishedData struct {
	Version     int             `json:"version"`
	Hash        string          `json:"hash"`
	Size        int             `json:"size"`
	Description json.RawMessage `json:"description"`
	Limits      limitsData      `json:"limits,omitzero"`
	Actor       string          `json:"actor,omitempty"`
}

// limitsData are bytes and milliseconds.
type limitsData struct {
	Memory    int64 `json:"memory,omitempty"`
	Depth     int   `json:"depth,omitempty"`
	Reply     int   `json:"reply,omitempty"`
	RunningMs int64 `json:"runningMs,omitempty"`
	CallMs    int64 `json:"callMs,omitempty"`
}

type activatedData struct {
	Version int    `json:"version"`
	By      string `json:"by"`
}

type pinnedData struct {
	Version int `json:"version"`
}

// Why a version became active.
const (
	byPublish  = "publish"
	byPin      = "pin"
	byUnpin    = "unpin"
	byRollback = "rollback"
)

// Version is one that was published.
type Version struct {
	Number      int
	Hash        string // SHA-256 of the binary, in hexadecimal
	Size        int    // bytes
	Description wasm.Description
	Limits      wasm.Limits // zero members are the host's defaults
	Actor       string      // who published it, where that was said
	PublishedAt time.Time
}

// Module is what a store knows of a module.
type Module struct {
	Name string
	// Active is the number of the version that executes commands, 0 where the module is retired; Pinned says that
	// it stays so when others are published.
	Active   int
	Pinned   bool
	Retired  bool
	Versions []Version // from 1
	// ChangedAt is when another version became active, or the module was retired.
	ChangedAt time.Time

	earlier []int // versions that were active before, the latest last
	at      int64 // the version of its stream
}

// Version is that of a number, false where there is none.
func (m *Module) Version(number int) (Version, bool) {
	if number < 1 || number > len(m.Versions) {
		return Version{}, false
	}
	return m.Versions[number-1], true
}

// read folds what the companion log has of a module; its at is -1 where there is nothing.
func read(ctx context.Context, system *nacre.Store, name string) (Module, error) {
	m := Module{Name: name, at: -1}
	for e, err := range system.ReadStream(ctx, streamOf(name), nil) {
		if err == nil {
			err = m.apply(&e)
		}
		if err != nil {
			return m, fmt.Errorf("what was published as module %q: %w", name, err)
		}
	}
	return m, nil
}

// apply takes an event in. Unknown ones are passed over.
func (m *Module) apply(e *nacre.Event) error {
	m.at = e.StreamPosition
	switch e.Type {
	case typePublished:
		var d publishedData
		if err := codec.Unmarshal(e.Data, &d); err != nil {
			return damaged(e, err)
		}
		v := Version{Number: d.Version, Hash: d.Hash, Size: d.Size, Actor: d.Actor, PublishedAt: e.CreatedAt, Limits: d.Limits.limits()}
		if err := codec.Unmarshal(d.Description, &v.Description); err != nil {
			return damaged(e, err)
		}
		if d.Version != len(m.Versions)+1 {
			return damaged(e, fmt.Errorf("version %d follows %d others", d.Version, len(m.Versions)))
		}
		m.Versions = append(m.Versions, v)
	case typeActivated:
		var d activatedData
		if err := codec.Unmarshal(e.Data, &d); err != nil {
			return damaged(e, err)
		}
		if _, ok := m.Version(d.Version); !ok {
			return damaged(e, fmt.Errorf("version %d is active, of %d", d.Version, len(m.Versions)))
		}
		m.activate(d.Version, d.By)
		m.ChangedAt = e.CreatedAt
	case typePinned:
		m.Pinned = true
	case typeUnpinned:
		m.Pinned = false
	case typeRetired:
		m.activate(0, "")
		m.Retired, m.Pinned, m.ChangedAt = true, false, e.CreatedAt
	}
	return nil
}

// activate changes the active version. Rolling back takes back what was done since, so that a second time goes further;
// so does bringing back what was retired.
func (m *Module) activate(number int, by string) {
	if n := len(m.earlier); (by == byRollback || m.Active == 0) && n > 0 && m.earlier[n-1] == number {
		m.earlier = m.earlier[:n-1]
	} else if m.Active > 0 && m.Active != number {
		m.earlier = append(m.earlier, m.Active)
	}
	m.Active, m.Retired = number, false
}

func damaged(e *nacre.Event, err error) error {
	return nacre.Errorf(nacre.CodeDamaged, "event %s at position %d of the companion log does not read: %w", e.Type, e.GlobalPosition, err)
}

func (d limitsData) limits() wasm.Limits {
	return wasm.Limits{
		Memory: d.Memory, Depth: d.Depth, Reply: d.Reply,
		Running: time.Duration(d.RunningMs) * time.Millisecond, Call: time.Duration(d.CallMs) * time.Millisecond,
	}
}

// dataOf writes limits; parts of milliseconds are rounded up.
func dataOf(l wasm.Limits) limitsData {
	return limitsData{Memory: l.Memory, Depth: l.Depth, Reply: l.Reply, RunningMs: millis(l.Running), CallMs: millis(l.Call)}
}

func millis(d time.Duration) int64 {
	n := d.Milliseconds()
	if time.Duration(n)*time.Millisecond < d {
		n++
	}
	return n
}
