package guest

import "unsafe"

// input is where the host writes requests to.
var input []byte

// inputKept is the most that input keeps, in bytes, when less is asked for.
const inputKept = 1 << 20

//go:wasmexport nacre_abi
func exportABI() int32 { return 1 }

//go:wasmexport nacre_alloc
func exportAlloc(size int32) unsafe.Pointer {
	if n := int(size); n > cap(input) || cap(input) > inputKept && n <= inputKept {
		input = make([]byte, max(n+n/4, 1<<10))
	}
	return unsafe.Pointer(unsafe.SliceData(input))
}

//go:wasmexport nacre_describe
func exportDescribe() int64 { return located(module().Describe()) }

//go:wasmexport nacre_decide
func exportDecide(address unsafe.Pointer, length int32) int64 {
	return located(module().Decide(unsafe.Slice((*byte)(address), length)))
}

//go:wasmexport nacre_evolve
func exportEvolve(address unsafe.Pointer, length int32) int64 {
	return located(module().Evolve(unsafe.Slice((*byte)(address), length)))
}

func module() *Module {
	if served == nil {
		panic("guest: Serve was not called: call it in an init function")
	}
	return served
}

// located tells the host where a result is. Its owner keeps it from the garbage collector, which moves nothing.
func located(result []byte) int64 {
	return int64(uintptr(unsafe.Pointer(unsafe.SliceData(result))))<<32 | int64(len(result))
}
