package entity

// Standing is how many queries the reactor has.
func (db *DB) Standing() int {
	db.live.mu.Lock()
	defer db.live.mu.Unlock()
	return len(db.live.all) + len(db.live.indexes) + len(db.live.others)
}

// Listeners is how many there are.
func (db *DB) Listeners() int {
	db.mu.Lock()
	defer db.mu.Unlock()
	return len(db.listeners)
}

// HoldLive has the reactor wait.
func (db *DB) HoldLive() (goOn func()) {
	db.live.mu.Lock()
	return db.live.mu.Unlock
}

// Dirty is how many changed entities wait for the tables.
func (db *DB) Dirty() int {
	db.mu.Lock()
	defer db.mu.Unlock()
	return len(db.states.dirty)
}
