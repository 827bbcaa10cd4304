// Package server tests servers as a whole: the program in a process of its own, clients on other connections,
// and what both leave on the disk.
//
// It has tests only:
//
//  1. A server that is killed again and again: every acknowledged append is there once and in order, what was
//     not acknowledged is whole or absent, what was refused is absent, and followers see every event once and
//     in order over all restarts. The epoch stays, unless a write was torn: then each follower is told so once,
//     and nothing that it has seen is gone.
//  2. A server that is told to stop answers what it accepted, and nothing that was not answered is there.
//  3. What several clients see at the same time is linearizable, also while the server is killed.
//  4. Clients that send slowly, or read slowly or not at all, are ended by time-outs, cost bounded memory, and
//     hold nobody back.
//  5. A backup that was taken while others append is a beginning of the log, whole, or is refused.
//  6. Aggregates of WebAssembly modules survive kills: every acknowledged command is there once, and each state is what
//     its events come to.
//  7. Versions of a module are published, pinned and rolled back under load: no command is lost or repeated, and none
//     is decided by a version whose time is over.
//
// NACRE_SOAK is how long each test of random choices goes on, as in "10m"; without it they take a few
// seconds. NACRE_SEED replays a run's choices; the instants at which the system runs the processes are its
// own. Everything listens on the loopback.
//
// What this package does not do: it looks at no reply's every field, which package server's own tests do.
package server
