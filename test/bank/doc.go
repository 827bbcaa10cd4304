// Package bank kills the bank of examples/bank again and again, and looks whether its money is all there.
//
// A process of its own moves money between accounts, on a folder or against a server, and is killed at any moment;
// the next one goes on from what the log says. In the end every transfer has ended, no cent is lost or made, each
// leg of a transfer took place once or was refunded, and the table in SQL says what the log says.
//
// NACRE_SOAK is how long it goes on, as in "10m"; without it, it takes a few seconds. NACRE_SEED repeats a run's random
// choices, though not the moment at which a process dies.
package bank
