// Package entities has what other parts of Nacre make of the entities of a store: a read model follows the changes of rows, while writers
// edit and undo, and the store and the tables are closed and opened again.
//
// Begin with TestAProjectionFollowsRows. In the end what the projection has come to is what a query over the rows gives.
//
// NACRE_SEED repeats a run's random choices, though not the order in which its writers come.
package entities
