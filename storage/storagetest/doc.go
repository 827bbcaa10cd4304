// Package storagetest certifies a driver of nacre: what every store must do, whatever keeps its events.
//
// [Run] is called from a test of the driver's own package, with a [Harness] that opens empty stores
// and the [Features] that the driver declares. A declared feature is tested; one that is not declared
// must be answered with UNSUPPORTED.
//
//	func TestConformance(t *testing.T) {
//		storagetest.Run(t, storagetest.Harness{
//			Open:     func(t *testing.T) *nacre.Store { return memstore.Open(nil) },
//			Features: storagetest.Features{Companion: true, Lines: true},
//		})
//	}
//
// Guarantees:
//
//  1. A failed test tells what was expected and what came, and random ones the seed and the command
//     that replays them.
//  2. No test asserts a duration; where something must happen, the test waits for it, at most a minute.
//  3. Every store is closed, and every goroutine has ended, when Run returns.
//
// The tests of one noun are in the file of its name: append, batch, condition, and so on. They run in
// parallel, each on a store of its own. "-run TestConformance/Batch" runs one noun.
//
// What this package does not do: it does not break disks, networks or processes (drivers' own tests
// do), and it does not measure.
package storagetest
