package wire

import (
	"encoding/json"
	"math"
	"net/url"
	"time"

	"github.com/nacredb/nacre"
)

// ConnectionReply is one who follows a store's log now.
type ConnectionReply struct {
	ConnectionID string          `json:"connectionId"`
	ClientID     string          `json:"clientId"`  // as it called itself, else the connection's id
	Transport    string          `json:"transport"` // "sse" or "websocket"
	System       bool            `json:"system,omitzero"`
	ConnectedAt  Time            `json:"connectedAt"`
	IPAddress    string          `json:"ipAddress"`
	UserAgent    string          `json:"userAgent"`
	Filter       json.RawMessage `json:"filter"`
	Where        string          `json:"where,omitzero"` // "" where it has no condition
	// GlobalPosition is what it has been sent or does not select; EventsSent counts what it has been sent.
	GlobalPosition nacre.Position `json:"globalPosition"`
	EventsSent     uint64         `json:"eventsSent"`
}

// Time is a time as in an event's line.
type Time struct{ time.Time }

// MarshalJSON writes it.
func (t Time) MarshalJSON() ([]byte, error) { return appendTime(nil, t.Time), nil }

// ConnectionsReply is a page of those who follow a store's log now, the longest there first.
type ConnectionsReply struct {
	Connections    []ConnectionReply `json:"connections"`
	TotalCount     int               `json:"totalCount"`
	EventStoreName string            `json:"eventStoreName"`
	Pagination     Pagination        `json:"pagination"`
}

// ConnectionsClosedReply answers the ending of connections.
type ConnectionsClosedReply struct {
	Success bool   `json:"success"`
	Message string `json:"message"`
	Closed  int    `json:"connectionsClosedCount"`
}

// ConnectionsParams say which connections a request lists.
type ConnectionsParams struct {
	Limit, Offset int
	ClientID      string // "" is everyone
}

// ParseConnections reads the parameters of a GET …/websocket-connections: limit (50), offset and clientId.
func ParseConnections(values url.Values) (ConnectionsParams, error) {
	q := newQuery(values)
	p := ConnectionsParams{Limit: 50, ClientID: q.text(ParamClientID)}
	if n, given := q.integer("limit", 1, MaxLimit); given {
		p.Limit = int(n)
	}
	offset, _ := q.integer("offset", 0, math.MaxInt32)
	p.Offset = int(offset)
	return p, q.done()
}

// maxReason is what a reason for ending connections may have: a WebSocket's close frame has no room for more.
const maxReason = 100

// ParseReason reads the parameter of a DELETE …/websocket-connections/{clientId}: reason, which the client is
// told.
func ParseReason(values url.Values) (string, error) {
	q := newQuery(values)
	reason := q.text("reason")
	if len(reason) > maxReason {
		q.fail("reason", "has %d bytes, at most %d are taken", len(reason), maxReason)
	}
	return reason, q.done()
}

// maxClientID is what a client's name for itself may have.
const maxClientID = 128

// ParseClientID reads the parameter clientId of a follower: 1 to 128 bytes; "" where it is not given.
func ParseClientID(values url.Values) (string, error) {
	q := newQuery(values)
	id := q.text(ParamClientID)
	if len(id) > maxClientID {
		q.fail(ParamClientID, "has %d bytes, at most %d are taken", len(id), maxClientID)
	}
	if q.err != nil {
		return "", q.err
	}
	return id, nil
}
