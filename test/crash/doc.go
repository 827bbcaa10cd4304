// Package crash kills processes that write to a store, at random instants, and looks at what they left.
//
// It has tests only. What was acknowledged has to be there, whole and once; what was not, whole or absent;
// positions have to be gapless, and filestore.Verify has to find nothing. The processes are the test
// binary itself, appending from several goroutines and telling each acknowledgement over a pipe, and the
// program cmd/nacre, importing. A server that is killed under its clients is tested in test/server.
//
// NACRE_SOAK is how long each test goes on, as in "10m"; without it they take a few seconds. NACRE_SEED
// replays a run's choices; the instants at which the system runs the processes are its own.
//
// What this package does not do: a killed process loses nothing that the system has taken from it. What
// a power loss takes is tested in storage/filestore, on a file system that can crash.
package crash
