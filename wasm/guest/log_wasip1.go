package guest

import "unsafe"

//go:wasmimport nacre log
func hostLog(level int32, address unsafe.Pointer, length int32)

func send(level Level, message string, fields []any) {
	text := record(message, fields)
	hostLog(int32(level), unsafe.Pointer(unsafe.SliceData(text)), int32(len(text)))
}
