// Package entities has what other parts of Nacre make of the entities of a store: a read model follows the changes of rows, while writers
// edit and undo, and the store and the tables are closed and opened again.
package entities
