package nacre

import "unsafe"

// unsafeString is a string that changes with b, as borrowed ones do.
func unsafeString(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
