package wire

import (
	"encoding/json"
	"fmt"
	"strings"

	"github.com/nacredb/nacre"
)

// CollectionReply is a collection.
type CollectionReply struct {
	Name   string          `json:"name"`
	Schema json.RawMessage `json:"schema"`
}

// CollectionsReply are a store's collections, by name.
type CollectionsReply struct {
	Collections []CollectionReply `json:"collections"`
}

// EntityReply is an entity as it was when it was read.
type EntityReply struct {
	Collection string `json:"collection"`
	ID         string `json:"id"`
	// Values are by name; null while it is deleted, and absent for who may not read.
	Values  json.RawMessage `json:"values,omitzero"`
	Heads   []string        `json:"heads"` // the events that the next edit has as parents
	Deleted bool            `json:"deleted,omitzero"`
}

// Committed is what edits came to in the log.
type Committed struct {
	TransactionID string         `json:"transactionId,omitzero"` // absent where there was nothing to write
	FirstPosition nacre.Position `json:"firstPosition"`
	LastPosition  nacre.Position `json:"lastPosition"`
	Duplicate     bool           `json:"duplicate,omitzero"` // the Idempotency-Key was known: it took place before
}

// EditReply answers an edit of one entity: what it came to, and the entity afterwards.
type EditReply struct {
	EntityReply
	Committed
}

// TransactionReply answers a TransactionRequest.
type TransactionReply struct {
	Committed
	IDs []string `json:"ids"` // the entities', in the order of the edits
}

// EntitiesReply is a page of a query: Entities, or Columns and Rows of a query with columns.
type EntitiesReply struct {
	Entities []EntityRow         `json:"entities,omitzero"`
	Columns  []string            `json:"columns,omitzero"`
	Rows     [][]json.RawMessage `json:"rows,omitzero"`
	Next     string              `json:"next,omitzero"` // the cursor of the next page, absent where there is none
	Position nacre.Position      `json:"position"`      // up to where the log counts
}

// EntityRow is an entity of a query's result.
type EntityRow struct {
	ID     string          `json:"id"`
	Values json.RawMessage `json:"values"`
}

// QueryError is a query that is wrong, with the code INVALID_ARGUMENT.
type QueryError struct {
	Field    string // of the request
	Line     int    // from 1; 0 where it is about no place
	Column   int    // in code points, from 1
	Expected string
	Found    string // "" where that says nothing
	Hint     string // what to do; may be ""
}

func (e *QueryError) Error() string {
	var b strings.Builder
	b.WriteString(e.Field + ": ")
	if e.Line > 0 {
		fmt.Fprintf(&b, "line %d, column %d: ", e.Line, e.Column)
	}
	b.WriteString("expected " + e.Expected)
	if e.Found != "" {
		b.WriteString(", found " + e.Found)
	}
	if e.Hint != "" {
		b.WriteString(": " + e.Hint)
	}
	return b.String()
}

// ErrorCode is what [nacre.CodeOf] finds.
func (*QueryError) ErrorCode() nacre.Code { return nacre.CodeInvalid }
