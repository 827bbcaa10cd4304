// Package sqlmodel keeps read models in the tables of any database/sql database, with the user's driver.
//
// [New] makes a [Model], which is a projection.ReadModel of [*Tx]. The projection's rows and its checkpoint commit in
// one transaction, so that an event counts exactly once, whatever crashes; a second process that writes to the
// same tables is found out by the checkpoint.
//
// The dialects differ in their placeholders and in what a rebuild is. On Postgres a model has a schema of its own,
// so that it can be made again beside itself and swapped in one transaction. Elsewhere it is emptied by statements
// that the user gives ([Options.Reset]), and not readable until it has caught up. For SQLite, package sqlite keeps
// each model in a file of its own, which swaps as well.
//
// A Model may be used from many goroutines; a Tx by the Apply that it was given to. Times and sizes are as the
// database has them. Errors are the driver's, or have the codes of package projection.
//
// What this package does not do: it brings no driver, opens and closes no database, and makes no tables of Go types.
package sqlmodel
