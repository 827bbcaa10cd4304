// Package archtest keeps the shape of the code: which package may import what, and the house rules.
//
// [Check] looks at a module's sources and returns what breaks a rule; [Table] is the rule about
// imports, a row a package; [CheckPrograms] asks the go command what a program compiles that uses the
// store embedded, with [Programs] as the rule; [CheckModule] looks at go.mod. The package's own test
// runs them all on this module, so that a change that breaks a rule fails the ordinary tests.
//
// Guarantees:
//
//  1. A package that is in no row of the table is an error: a row is written with the package.
//  2. Imports are read from every Go file, whatever its build constraints, so that no rule depends on
//     the platform or the tags of the run.
//  3. An import of cmd, of a test-support package from production code, or of C is refused whatever
//     the table says.
//  4. Everything found is told, each with file and line, in the order of their names.
//
// The checks read files and start the go command; they change nothing and need no network where the
// modules are there. All functions may be called concurrently.
//
// What this package does not do: it does not look at names, comments of single functions, or calls.
// The linters do that; their rules are in .golangci.yml.
package archtest
