package wire

import (
	"encoding/json"
	"math"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

// ModuleVersionReply is a version of a module that was published.
type ModuleVersionReply struct {
	Version     int             `json:"version"`
	Hash        string          `json:"hash"` // SHA-256 of the binary, in hexadecimal
	Size        int             `json:"size"` // bytes
	Active      bool            `json:"active"`
	Actor       string          `json:"actor,omitzero"`
	PublishedAt time.Time       `json:"publishedAt,omitzero"` // absent in a dry run of what was not published
	Limits      *ModuleLimits   `json:"limits,omitzero"`
	Description json.RawMessage `json:"description"`
}

// ModuleLimits are those that were set for a version; what is absent is the server's.
type ModuleLimits struct {
	Memory    int64 `json:"memory,omitzero"` // bytes
	Depth     int   `json:"depth,omitzero"`  // bytes
	Reply     int   `json:"reply,omitzero"`  // bytes
	RunningMS int64 `json:"runningMs,omitzero"`
	CallMS    int64 `json:"callMs,omitzero"`
}

// ModuleReply is a module.
type ModuleReply struct {
	Name      string              `json:"name"`
	Active    int                 `json:"active"` // the version that executes commands, 0 where it is retired
	Pinned    bool                `json:"pinned"`
	Retired   bool                `json:"retired"`
	Versions  int                 `json:"versions"`           // how many there are
	ChangedAt time.Time           `json:"changedAt,omitzero"` // absent where nothing was published
	Current   *ModuleVersionReply `json:"current,omitzero"`   // the active one
}

// ModulesReply are a store's modules.
type ModulesReply struct {
	Modules []ModuleReply `json:"modules"`
}

// ModuleVersionsReply are a module's versions, from 1.
type ModuleVersionsReply struct {
	Versions []ModuleVersionReply `json:"versions"`
}

// PublishReply answers a PUT of a module.
type PublishReply struct {
	Module  ModuleReply        `json:"module"`
	Version ModuleVersionReply `json:"version"`
	New     bool               `json:"new"`    // false where the binary was there already
	DryRun  bool               `json:"dryRun"` // nothing was written
}

// ModuleDiffReply is what differs between two versions.
type ModuleDiffReply struct {
	From    int            `json:"from"`
	To      int            `json:"to"`
	Changes []ModuleChange `json:"changes"`
}

// ModuleChange is a difference.
type ModuleChange struct {
	What   string `json:"what"` // "schemaVersion", "command", "event", "reads", "upcasts", "skip", "tests", "size", "limits"
	Name   string `json:"name,omitzero"`
	Before string `json:"before,omitzero"` // absent where it was added
	After  string `json:"after,omitzero"`  // absent where it was removed
}

// ModuleError has the code MODULE_REFUSED: a version does not become active.
type ModuleError struct {
	Name    string
	Reasons []string
}

func (e *ModuleError) Error() string {
	return "module " + strconv.Quote(e.Name) + " is refused: " + strings.Join(e.Reasons, "; ")
}

// ErrorCode is what [nacre.CodeOf] finds.
func (e *ModuleError) ErrorCode() nacre.Code { return CodeModuleRefused }

// PublishParams say how a module is published.
type PublishParams struct {
	DryRun bool
	Limits ModuleLimits
}

// ParsePublish reads the parameters of a PUT …/modules/{name}: dryRun, memory, depth, reply, runningMs, callMs.
func ParsePublish(values url.Values) (PublishParams, error) {
	q := newQuery(values)
	var p PublishParams
	p.DryRun = q.boolean("dryRun")
	p.Limits.Memory, _ = q.integer("memory", 1, math.MaxUint32+1)
	depth, _ := q.integer("depth", 1, math.MaxInt32)
	reply, _ := q.integer("reply", 1, math.MaxInt32)
	p.Limits.Depth, p.Limits.Reply = int(depth), int(reply)
	p.Limits.RunningMS, _ = q.integer("runningMs", 1, 3_600_000)
	p.Limits.CallMS, _ = q.integer("callMs", 1, 3_600_000)
	return p, q.done()
}

// Values are the parameters that ParsePublish reads as p.
func (p *PublishParams) Values() url.Values {
	q := url.Values{}
	if p.DryRun {
		q.Set("dryRun", "true")
	}
	for name, n := range map[string]int64{
		"memory": p.Limits.Memory, "depth": int64(p.Limits.Depth), "reply": int64(p.Limits.Reply),
		"runningMs": p.Limits.RunningMS, "callMs": p.Limits.CallMS,
	} {
		if n > 0 {
			q.Set(name, strconv.FormatInt(n, 10))
		}
	}
	return q
}

// ParseDiff reads the parameters of a GET …/modules/{name}/diff: from and to, 0 where they are absent.
func ParseDiff(values url.Values) (from, to int, err error) {
	q := newQuery(values)
	f, _ := q.integer("from", 1, math.MaxInt32)
	t, _ := q.integer("to", 1, math.MaxInt32)
	return int(f), int(t), q.done()
}

// VersionRequest is the body of a POST that pins a module or rolls it back.
type VersionRequest struct {
	Version int `json:"version,omitzero"` // 0 where it was not given
}

// DecodeVersion reads a VersionRequest; no body is an empty one.
func DecodeVersion(body []byte) (VersionRequest, error) {
	var r VersionRequest
	if len(body) == 0 {
		return r, nil
	}
	var s scanner
	s.init(body, "")
	for s.object(); s.member(); {
		if s.known([]string{"version"}) == 0 {
			r.Version = int(s.integer(1, math.MaxInt32))
		}
	}
	if err := s.end(); err != nil {
		return VersionRequest{}, err
	}
	return r, nil
}
