package wire

import (
	"math"
	"net/url"
	"time"
	"unicode/utf8"

	"github.com/nacredb/nacre"
)

// StoreRequest is the body of a POST …/event-stores.
type StoreRequest struct {
	Name        string         `json:"name"`
	Description string         `json:"description,omitzero"`
	Region      string         `json:"region,omitzero"`
	Settings    *StoreSettings `json:"settings,omitzero"`
}

// StoreSettings are kept and told for DeltaBase's clients. Nothing acts on them.
type StoreSettings struct {
	RetentionPeriodDays *int64 `json:"retentionPeriodDays,omitzero"`
	MaxStreamSizeBytes  *int64 `json:"maxStreamSizeBytes,omitzero"`
}

const maxDescription = 255 // characters

var (
	storeMembers    = []string{"description", "settings", "name", "region"}
	settingsMembers = []string{"retentionPeriodDays", "maxStreamSizeBytes"}
)

// DecodeStore reads a StoreRequest, and checks its name and lengths.
func DecodeStore(body []byte) (StoreRequest, error) {
	var r StoreRequest
	var s scanner
	s.init(body, "")
	for s.object(); s.member(); {
		switch s.known(storeMembers) {
		case 0:
			if r.Description = s.text(); utf8.RuneCountInString(r.Description) > maxDescription {
				s.fail("has more than %d characters", maxDescription)
			}
		case 1:
			r.Settings = s.settings()
		case 2:
			r.Name = s.text()
		case 3:
			r.Region = s.text()
		}
	}
	err := s.end()
	if err == nil {
		err = CheckStoreName(r.Name)
	}
	if err != nil {
		return StoreRequest{}, err
	}
	return r, nil
}

func (s *scanner) settings() *StoreSettings {
	out := &StoreSettings{}
	for s.object(); s.member(); {
		switch member := s.known(settingsMembers); member {
		case 0, 1:
			n := s.integer(1, math.MaxInt64)
			if member == 0 {
				out.RetentionPeriodDays = &n
			} else {
				out.MaxStreamSizeBytes = &n
			}
		}
	}
	return out
}

// CheckStoreName refuses a name that is not 3 to 63 of a-z, 0-9, "_" and "-", beginning with a letter or
// digit.
func CheckStoreName(name string) error {
	good := len(name) >= 3 && len(name) <= 63
	for i := range len(name) {
		b := name[i]
		good = good && (b >= 'a' && b <= 'z' || b >= '0' && b <= '9' || i > 0 && (b == '_' || b == '-'))
	}
	if !good {
		return invalid("name", `%.80q is not the name of an event store: 3 to 63 of a-z, 0-9, "_" and "-", beginning with a letter or digit`, name)
	}
	return nil
}

// StoreReply tells of a store, in all of DeltaBase's spellings. NewStoreReply fills them.
type StoreReply struct {
	ID                 string         `json:"id"`
	Name               string         `json:"name"`
	EventStoreID       string         `json:"eventStoreId"`
	EventStoreIDUpper  string         `json:"eventStoreID"`
	EventStoreName     string         `json:"eventStoreName"`
	StoreObjectID      string         `json:"eventStoreDurableObjectId"`
	StoreObjectIDUpper string         `json:"eventStoreDurableObjectID"`
	BusObjectID        string         `json:"eventBusDurableObjectId"`
	BusObjectIDUpper   string         `json:"eventBusDurableObjectID"`
	Description        string         `json:"description,omitzero"`
	Region             string         `json:"region,omitzero"`
	Settings           *StoreSettings `json:"settings,omitzero"`
	Status             string         `json:"status"`
	Created            time.Time      `json:"created"`
	CreatedAt          time.Time      `json:"createdAt"`
	UpdatedAt          time.Time      `json:"updatedAt"`
	Statistics         *Statistics    `json:"statistics,omitzero"`
}

// NewStoreReply tells of a store that was made as the request asked.
func NewStoreReply(r *StoreRequest, created time.Time) StoreReply {
	id, store, bus := "nacre:"+r.Name, "store:"+r.Name, "bus:"+r.Name
	return StoreReply{
		ID: id, Name: r.Name,
		EventStoreID: id, EventStoreIDUpper: id, EventStoreName: r.Name,
		StoreObjectID: store, StoreObjectIDUpper: store, BusObjectID: bus, BusObjectIDUpper: bus,
		Description: r.Description, Region: r.Region, Settings: r.Settings, Status: "active",
		Created: created, CreatedAt: created, UpdatedAt: created,
	}
}

// Statistics are a store's figures: ours, and DeltaBase's spellings of them.
type Statistics struct {
	nacre.Stats
	DatabaseSizeBytes    int64     `json:"databaseSizeBytes"`
	OldestEventTimestamp time.Time `json:"oldestEventTimestamp,omitzero"`
	NewestEventTimestamp time.Time `json:"newestEventTimestamp,omitzero"`
}

// NewStatistics gives a store's figures all their names.
func NewStatistics(s nacre.Stats) Statistics {
	return Statistics{
		Stats: s, DatabaseSizeBytes: s.LogBytes + s.IndexBytes,
		OldestEventTimestamp: s.Oldest, NewestEventTimestamp: s.Newest,
	}
}

// StoresReply is a page of stores.
type StoresReply struct {
	EventStores []StoreReply `json:"eventStores"`
	TotalCount  int          `json:"totalCount"`
	Pagination  Pagination   `json:"pagination"`
}

// Pagination is DeltaBase's.
type Pagination struct {
	Limit   int    `json:"limit"`
	Offset  int    `json:"offset"`
	Total   *int64 `json:"total,omitzero"`
	HasMore bool   `json:"hasMore"`
}

// StoresParams say which stores a request lists.
type StoresParams struct {
	Limit, Offset int
	Filter        string // part of the name; "" is every store
}

// ParseStores reads the parameters of a GET …/event-stores: limit (50), offset and filter.
func ParseStores(values url.Values) (StoresParams, error) {
	q := newQuery(values)
	p := StoresParams{Limit: 50, Filter: q.text("filter")}
	if n, given := q.integer("limit", 1, MaxLimit); given {
		p.Limit = int(n)
	}
	offset, _ := q.integer("offset", 0, math.MaxInt32)
	p.Offset = int(offset)
	return p, q.done()
}

// DeletedReply answers a deletion.
type DeletedReply struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
}

// BlobsReply is a list of blobs' keys.
type BlobsReply struct {
	Keys []string `json:"keys"`
}
