package index

import "fmt"

// BadBlockError tells that a part of an index file is not what was written.
// The file is derived: the remedy is to delete it and to build it again from
// the log.
type BadBlockError struct {
	// File is the file's path.
	File string
	// Offset is the byte at which the bad block begins.
	Offset int64
	// What is wrong with it.
	What string
}

// Error implements error.
func (e *BadBlockError) Error() string {
	return fmt.Sprintf("index file %s is damaged at byte %d: %s; delete the file, it is rebuilt from the log",
		e.File, e.Offset, e.What)
}
