package main

import (
	"context"
	"encoding/json"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/codec"
	"github.com/nacredb/nacre/projection"
	"github.com/nacredb/nacre/projection/sqlmodel"
)

// step is the data of every event of a permit; the first one of a stream has the case.
type step struct {
	Activity string `json:"activity"`
	Role     string `json:"role"`
	Case     *struct {
		Unit string `json:"organizationalEntity"`
	} `json:"case"`
}

// steps decodes all types alike.
var steps = map[string]step{"*": {}}

// permitCase is what one stream comes to.
type permitCase struct {
	Unit  string
	Steps int
	Last  string
}

func caseOf(ctx context.Context, store *nacre.Store, id nacre.StreamID) (permitCase, error) {
	c, _, err := projection.Fold(ctx, store, projection.OfStream(id), steps, nil, permitCase{}, func(c permitCase, e codec.Event[step]) permitCase {
		if e.Data.Case != nil {
			c.Unit = e.Data.Case.Unit
		}
		c.Steps++
		c.Last = e.Data.Activity
		return c
	})
	return c, err
}

const permitSchema = `CREATE TABLE permit (id TEXT PRIMARY KEY, unit TEXT NOT NULL, submitted REAL, paid REAL)`

// permits is a row a permit; times are in days.
var permits = projection.Projection[step, *sqlmodel.Tx]{
	Name:       "permits",
	Events:     steps,
	Categories: []string{"permit"},
	Apply: func(ctx context.Context, tx *sqlmodel.Tx, e codec.Event[step]) error {
		if e.Data.Case != nil {
			if _, err := tx.ExecContext(ctx, `INSERT INTO permit (id, unit) VALUES (?, ?)`, e.StreamID, e.Data.Case.Unit); err != nil {
				return err
			}
		}
		var update string
		switch e.Type {
		case "permit.submitted_by_employee": // the first time counts
			update = `UPDATE permit SET submitted = coalesce(submitted, ?) WHERE id = ?`
		case "payment.handled": // the last time counts
			update = `UPDATE permit SET paid = ? WHERE id = ?`
		default:
			return nil
		}
		at, err := occurredAt(&e.Event)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, update, float64(at.Unix())/86400, e.StreamID)
		return err
	},
}

// occurredAt is when it happened, which is long before it came into this log.
func occurredAt(e *nacre.Event) (time.Time, error) {
	var m struct {
		OccurredAt time.Time `json:"occurredAt"`
	}
	err := json.Unmarshal(e.Metadata, &m)
	return m.OccurredAt, err
}
