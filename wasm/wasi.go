package wasm

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/tetratelabs/wazero/api"
)

// WASI without a world: what run-time libraries ask for before they let a program run, and nothing that could tell
// two instances, or two moments, from each other. spec/wasm-abi.md says what is answered.

// The answers of WASI functions.
const (
	wasiSuccess = 0
	wasiBadFile = 8
	wasiFault   = 21
	wasiInvalid = 28
	wasiNone    = 52
)

// maxVectors bounds the lists that a guest may give to one WASI function.
const maxVectors = 1024

var wasiTypes = map[string]string{
	"args_get": "ii", "args_sizes_get": "ii", "environ_get": "ii", "environ_sizes_get": "ii",
	"clock_res_get": "ii", "clock_time_get": "iIi", "random_get": "ii", "sched_yield": "", "poll_oneoff": "iiii",
	"proc_exit": "i", "proc_raise": "i",
	"fd_advise": "iIIi", "fd_allocate": "iII", "fd_close": "i", "fd_datasync": "i", "fd_fdstat_get": "ii",
	"fd_fdstat_set_flags": "ii", "fd_fdstat_set_rights": "iII", "fd_filestat_get": "ii", "fd_filestat_set_size": "iI",
	"fd_filestat_set_times": "iIIi", "fd_pread": "iiiIi", "fd_prestat_get": "ii", "fd_prestat_dir_name": "iii",
	"fd_pwrite": "iiiIi", "fd_read": "iiii", "fd_readdir": "iiiIi", "fd_renumber": "ii", "fd_seek": "iIii", "fd_sync": "i",
	"fd_tell": "ii", "fd_write": "iiii",
	"path_create_directory": "iii", "path_filestat_get": "iiiii", "path_filestat_set_times": "iiiiIIi",
	"path_link": "iiiiiii", "path_open": "iiiiiIIii", "path_readlink": "iiiiii", "path_remove_directory": "iii",
	"path_rename": "iiiiii", "path_symlink": "iiiii", "path_unlink_file": "iii",
	"sock_accept": "iii", "sock_recv": "iiiiii", "sock_send": "iiiii", "sock_shutdown": "ii",
}

// wasiAnswers are the functions that do more than to refuse.
var wasiAnswers = map[string]func(r *run, p []uint64) uint64{
	"args_get":          func(*run, []uint64) uint64 { return wasiSuccess },
	"environ_get":       func(*run, []uint64) uint64 { return wasiSuccess },
	"args_sizes_get":    func(r *run, p []uint64) uint64 { return r.zeros(p[0], p[1]) },
	"environ_sizes_get": func(r *run, p []uint64) uint64 { return r.zeros(p[0], p[1]) },
	"clock_res_get":     func(r *run, p []uint64) uint64 { return r.write64(p[1], 1) },
	"clock_time_get":    func(r *run, p []uint64) uint64 { return r.write64(p[2], 1) },
	"sched_yield":       func(*run, []uint64) uint64 { return wasiSuccess },
	"random_get":        (*run).wasiRandom,
	"poll_oneoff":       (*run).wasiPoll,
	"fd_write":          (*run).wasiWrite,
	"fd_fdstat_get":     (*run).wasiFile,
}

func wasiFunctions() []hostFunction {
	var all []hostFunction
	for name, letters := range wasiTypes {
		f := hostFunction{name: name, results: types(i32)}
		for _, letter := range letters {
			t := i32
			if letter == 'I' {
				t = i64
			}
			f.params = append(f.params, t)
		}
		answer := wasiAnswers[name]
		switch files := strings.HasPrefix(name, "fd_") || strings.HasPrefix(name, "path_") || strings.HasPrefix(name, "sock_"); {
		case name == "proc_exit":
			f.results = nil
			f.call = func(r *run, p []uint64) { r.end(CodeTrapped, fmt.Sprintf("it exited with %d", api.DecodeU32(p[0]))) }
		case answer != nil:
			f.call = func(r *run, p []uint64) { p[0] = answer(r, p) }
		case files:
			f.call = func(_ *run, p []uint64) { p[0] = wasiBadFile }
		default:
			f.call = func(_ *run, p []uint64) { p[0] = wasiNone }
		}
		all = append(all, f)
	}
	return all
}

func (r *run) write32(at, value uint64) uint64 {
	out, ok := r.in.linear.read(api.DecodeU32(at), 4)
	if !ok {
		return wasiFault
	}
	binary.LittleEndian.PutUint32(out, api.DecodeU32(value))
	return wasiSuccess
}

func (r *run) write64(at, value uint64) uint64 {
	out, ok := r.in.linear.read(api.DecodeU32(at), 8)
	if !ok {
		return wasiFault
	}
	binary.LittleEndian.PutUint64(out, value)
	return wasiSuccess
}

func (r *run) zeros(a, b uint64) uint64 { return max(r.write32(a, 0), r.write32(b, 0)) }

// wasiRandom gives bytes that follow from how many were asked for before in the same call of the guest.
func (r *run) wasiRandom(p []uint64) uint64 {
	out, ok := r.in.linear.read(api.DecodeU32(p[0]), api.DecodeU32(p[1]))
	if !ok {
		return wasiFault
	}
	for len(out) > 0 {
		part := out[:min(len(out), 32<<10)]
		out = out[len(part):]
		r.work(len(part))
		source := rand.NewPCG(r.random, 0x6e61637265)
		for i := 0; i < len(part); i += 8 {
			var word [8]byte
			binary.LittleEndian.PutUint64(word[:], source.Uint64())
			copy(part[i:], word[:])
		}
		r.random++
	}
	return wasiSuccess
}

// wasiPoll tells that all time has passed that was to be waited for, and that there are no files.
func (r *run) wasiPoll(p []uint64) uint64 {
	const subscription, event = 48, 32
	n := api.DecodeU32(p[2])
	if n == 0 || n > maxVectors {
		return wasiInvalid
	}
	in, ok := r.in.linear.read(api.DecodeU32(p[0]), n*subscription)
	out, fits := r.in.linear.read(api.DecodeU32(p[1]), n*event)
	if !ok || !fits {
		return wasiFault
	}
	r.work(int(n) * (subscription + event))
	for i := range int(n) {
		var e [event]byte
		copy(e[:8], in[i*subscription:]) // what the guest knows it by
		kind := in[i*subscription+8]
		e[10] = kind
		if kind != 0 {
			e[8] = wasiBadFile
		}
		copy(out[i*event:], e[:])
	}
	return r.write32(p[3], uint64(n))
}

// wasiWrite logs what is written to 1 and 2.
func (r *run) wasiWrite(p []uint64) uint64 {
	fd, n := api.DecodeU32(p[0]), api.DecodeU32(p[2])
	if fd != 1 && fd != 2 {
		return wasiBadFile
	}
	if n > maxVectors {
		return wasiInvalid
	}
	vectors, ok := r.in.linear.read(api.DecodeU32(p[1]), n*8)
	if !ok {
		return wasiFault
	}
	total := uint64(0)
	for ; len(vectors) > 0; vectors = vectors[8:] {
		at, length := binary.LittleEndian.Uint32(vectors), binary.LittleEndian.Uint32(vectors[4:])
		text, ok := r.in.linear.read(at, length)
		if !ok {
			return wasiFault
		}
		total += uint64(length)
		text = text[:min(len(text), maxLogBytes)] // of more than that nothing is logged
		r.work(len(text))
		r.journal.write(int(fd), text)
	}
	return r.write32(p[3], total)
}

// wasiFile says of 0, 1 and 2 that they are terminals, of a kind.
func (r *run) wasiFile(p []uint64) uint64 {
	const device, read, write = 2, 1 << 1, 1 << 6
	fd := api.DecodeU32(p[0])
	if fd > 2 {
		return wasiBadFile
	}
	stat, ok := r.in.linear.read(api.DecodeU32(p[1]), 24)
	if !ok {
		return wasiFault
	}
	clear(stat)
	stat[0], stat[8] = device, write
	if fd == 0 {
		stat[8] = read
	}
	return wasiSuccess
}
