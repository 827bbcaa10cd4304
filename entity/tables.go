package entity

import (
	"context"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/query"
)

// Tables keep what the entities of one log come to, for queries: one table a collection, as spec/query.md has it, and the
// state of each entity, from which merging goes on. All of it is derived from the log: lost or deleted tables are made
// again. Package entity/sqlite keeps them in a file, entity/memory in memory; entity/tablestest certifies others.
//
// A [DB] calls Write and Reset from one goroutine at a time, and the others from many, also meanwhile. After Close all of
// them fail with CodeClosed.
type Tables interface {
	// Mark is what was written last: the zero Mark where the tables are empty.
	Mark(ctx context.Context) (Mark, error)

	// Waiting are the positions of the events that wait, or had to, as they were written last.
	Waiting(ctx context.Context) ([]nacre.Position, error)

	// Write takes a batch and its mark, all or nothing. It need not be durable when it returns: after a crash the tables
	// may stand at an earlier batch, but never between two.
	Write(ctx context.Context, b *Batch) error

	// Load is the state of an entity as it was written last, nil where there is none.
	Load(ctx context.Context, collection, id string) ([]byte, error)

	// Query evaluates a plan, which was checked against the schema of the collection that was declared last, or of a
	// collection that references lead to. A plan that gathers or has columns gives a table, others rows. After is a sort
	// key behind which the rows begin, nil for all. The plan may have bounds (query.Bounds), which the functions of package query
	// that read rows keep.
	Query(ctx context.Context, collection string, p *query.Plan, after []byte) (*Result, error)

	// Reset empties the tables: no states, no collections, the zero Mark.
	Reset(ctx context.Context) error

	// Close frees what the tables hold. A second Close does nothing.
	Close() error
}

// Mark is how far tables are: up to where in the log, which event stands there, and in which epoch that was seen. Tables keep
// all three as they are.
type Mark struct {
	Epoch    string
	Position nacre.Position
	EventID  string
}

// Batch is what is written at once.
type Batch struct {
	Mark
	// Declared are the collections whose schema is new or changed; their tables are made anew, of the states that there
	// are, before Rows are written.
	Declared []Declared
	// Rows are the entities that changed, each once.
	Rows []TableRow
	// Waiting are all positions of events that wait, or had to, ascending, where they changed; nil where they did not.
	Waiting []nacre.Position
}

// Declared is a collection's schema.
type Declared struct {
	Collection string
	Schema     *merge.Schema
	// Row makes an entity's row, whose State is set, for the new schema.
	Row func(row *TableRow) error
}

// TableRow is an entity.
type TableRow struct {
	Collection, ID string
	// State is what merging goes on from.
	State []byte
	// Values is the JSON object of its properties by name; nil where the table of the collection has no row for it: it
	// is deleted, or the collection has no schema.
	Values []byte
	// Was is what the Values were as the table has them: empty where it has no row, nil where that is not known. It lets
	// tables leave alone what does not change, and is no more than a hint: what a batch leaves behind does not depend on
	// it, even where it is wrong, as after a change of the schema.
	Was []byte
	// Heads are the entity's heads, sorted.
	Heads []string
}

// Result is what a query gives, and how far the tables were that it read.
type Result struct {
	Mark
	Rows  []*query.Object // in the plan's order
	Table *query.Table    // of a plan that gathers or has columns
}
