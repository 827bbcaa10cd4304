// Package projectiontest is the suite that every read model passes.
//
// [Run] runs it on a [Harness], which opens the model again and again, writes movements of accounts into it, and
// reads the sums back. What the suite checks is what package projection promises:
//
//  1. After whatever failures, restarts and rebuilds, the model holds what a plain fold of the log gives; a model
//     that counts exactly once holds each event once, others at least once.
//  2. A commit that fails leaves nothing, and a second writer is found out.
//
// Random cases print their seed, and NACRE_SEED=n repeats one. The suite is for tests only.
package projectiontest
