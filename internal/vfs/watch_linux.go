package vfs

import (
	"encoding/binary"
	"os"
	"syscall"
)

const (
	// watchChanges is what may concern a reader of the files in a directory.
	watchChanges = syscall.IN_MODIFY | syscall.IN_CLOSE_WRITE | syscall.IN_CREATE |
		syscall.IN_MOVED_TO | syscall.IN_MOVED_FROM | syscall.IN_DELETE

	// watchEnds is after what the name no longer leads to what is watched.
	watchEnds = syscall.IN_DELETE_SELF | syscall.IN_MOVE_SELF | syscall.IN_IGNORED | syscall.IN_UNMOUNT
)

// remoteFileSystems change behind this kernel's back, so inotify misses what
// other machines write: NFS, SMB and CIFS, 9P, Ceph, FUSE.
var remoteFileSystems = map[uint32]bool{
	0x6969: true, 0x517b: true, 0xff534d42: true, 0xfe534d42: true,
	0x01021997: true, 0x00c36400: true, 0x65735546: true,
}

// Watch implements DirWatcher with inotify.
func (osFS) Watch(dir string) (Watcher, error) {
	var stat syscall.Statfs_t
	if err := untilUninterrupted(func() error { return syscall.Statfs(dir, &stat) }); err != nil {
		return nil, &os.PathError{Op: "watch", Path: dir, Err: err}
	}
	if remoteFileSystems[uint32(stat.Type)] {
		return nil, &os.PathError{Op: "watch", Path: dir, Err: ErrNotSupported}
	}
	fd, err := syscall.InotifyInit1(syscall.IN_CLOEXEC | syscall.IN_NONBLOCK)
	if err != nil {
		return nil, os.NewSyscallError("inotify_init1", err)
	}
	// Since the descriptor does not block, reads of it wait in the runtime's
	// poller, and Close wakes them.
	queue := os.NewFile(uintptr(fd), "inotify")
	if _, err := syscall.InotifyAddWatch(fd, dir, watchChanges|watchEnds|syscall.IN_ONLYDIR); err != nil {
		_ = queue.Close() // nothing was read or written that could be lost
		return nil, &os.PathError{Op: "watch", Path: dir, Err: err}
	}
	ended := make(chan struct{})
	w := NewSignal(func() error {
		err := queue.Close()
		<-ended
		return err
	})
	go func() {
		defer close(ended)
		w.follow(queue)
	}()
	return w, nil
}

// follow turns events into notices until the queue is closed, or until the
// directory is gone from its name: from then on the clock wakes the follower,
// so that it finds out by itself what is there now.
func (s *Signal) follow(queue *os.File) {
	buffer := make([]byte, 16<<10)
	for {
		n, err := queue.Read(buffer)
		if err != nil || ends(buffer[:n]) {
			s.poll()
			return
		}
		s.Notify()
	}
}

// ends tells whether one of the events says that the watch is over. An event
// is watch, mask, cookie and length of the name, 4 bytes each, and the name.
func ends(events []byte) bool {
	for len(events) >= syscall.SizeofInotifyEvent {
		if binary.NativeEndian.Uint32(events[4:])&watchEnds != 0 {
			return true
		}
		size := syscall.SizeofInotifyEvent + int(binary.NativeEndian.Uint32(events[12:]))
		events = events[min(size, len(events)):]
	}
	return false
}
