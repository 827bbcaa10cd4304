package entity

import "github.com/nacredb/nacre"

// Progress is how far a DB is.
type Progress struct {
	// Applied is up to where the log has been folded.
	Applied nacre.Position
	// Tabled is up to where the tables, and so queries, stand.
	Tabled nacre.Position
	// Waiting is how many events wait for others.
	Waiting int
	// Trouble is why it goes no further at present; nil where nothing is wrong. It is tried again.
	Trouble error
}

// Progress tells how far the entities are. It reads no log and waits for nobody.
func (db *DB) Progress() Progress {
	var p Progress
	p.Applied, p.Trouble = db.applied.state()
	var trouble error
	if p.Tabled, trouble = db.written.state(); p.Trouble == nil {
		p.Trouble = trouble
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	p.Waiting = len(db.waiting)
	return p
}
