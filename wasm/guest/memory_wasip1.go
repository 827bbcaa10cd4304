package guest

import "runtime/debug"

// Instances are many and their heaps small: a collection costs less than the memory that waiting for it would take.
const heapGrowth = 40 // per cent of what is alive, at least 1.6 MiB

func init() { debug.SetGCPercent(heapGrowth) }
