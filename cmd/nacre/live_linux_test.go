package main

import (
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
	"unicode/utf8"
	"unsafe"
)

// pty is a terminal without anybody in front of it: the test types, and looks at what is shown.
type pty struct {
	master, slave *os.File

	mu     sync.Mutex
	screen *emulated
}

// openPty makes a terminal of a size.
func openPty(t *testing.T, w window) *pty {
	t.Helper()
	master, err := os.OpenFile("/dev/ptmx", os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = master.Close() })
	var number, locked int32
	control(t, master, syscall.TIOCSPTLCK, unsafe.Pointer(&locked))
	control(t, master, syscall.TIOCGPTN, unsafe.Pointer(&number))
	slave, err := os.OpenFile("/dev/pts/"+strconv.Itoa(int(number)), os.O_RDWR|syscall.O_NOCTTY, 0)
	if err != nil {
		t.Skipf("there are no terminals here: %v", err)
	}
	t.Cleanup(func() { _ = slave.Close() })
	p := &pty{master: master, slave: slave, screen: &emulated{cursor: true, wraps: true}}
	p.resize(t, w)
	go func() {
		buffer := make([]byte, 4096)
		for {
			n, err := master.Read(buffer)
			p.mu.Lock()
			p.screen.write(buffer[:n])
			p.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
	return p
}

// control asks the system for something. It leaves reads that are under way alone, which Fd would not.
func control(t *testing.T, f *os.File, request uintptr, argument unsafe.Pointer) {
	t.Helper()
	raw, err := f.SyscallConn()
	var errno syscall.Errno
	if err == nil {
		err = raw.Control(func(fd uintptr) { _, _, errno = syscall.Syscall(syscall.SYS_IOCTL, fd, request, uintptr(argument)) })
	}
	if err != nil || errno != 0 {
		t.Fatal(err, errno)
	}
}

func (p *pty) resize(t *testing.T, w window) {
	t.Helper()
	size := [4]uint16{uint16(w.height), uint16(w.width)}
	control(t, p.master, syscall.TIOCSWINSZ, unsafe.Pointer(&size))
}

// shows waits until the screen matches, or finds that it did since it was looked at last.
func (p *pty) shows(t *testing.T, pattern string) {
	t.Helper()
	want := regexp.MustCompile(pattern)
	for begun := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		p.mu.Lock()
		frames := append(slices.Clip(p.screen.before), p.screen.String())
		for i, text := range frames {
			if want.MatchString(text) {
				p.screen.before = slices.Delete(p.screen.before, 0, min(i+1, len(p.screen.before)))
				p.mu.Unlock()
				return
			}
		}
		p.mu.Unlock()
		if time.Since(begun) > time.Minute {
			t.Fatalf("the terminal shows\n%s\nand not %s", frames[len(frames)-1], pattern)
		}
	}
}

// is tells whether the terminal shows the program's screen, or the one that it had.
func (p *pty) is(t *testing.T, taken bool) {
	t.Helper()
	p.mu.Lock()
	defer p.mu.Unlock()
	if s := p.screen; s.other != taken || s.cursor == taken || s.wraps == taken {
		t.Errorf("another screen: %v; a cursor: %v; lines wrap: %v", s.other, s.cursor, s.wraps)
	}
}

// emulated is a terminal's screen.
type emulated struct {
	lines       [][]character
	row, column int
	bold        bool
	rest        []byte   // what is not whole
	before      []string // what it showed, whenever it was drawn anew

	cursor, wraps, other bool
}

type character struct {
	what rune
	bold bool
}

var sequence = regexp.MustCompile(`^\x1b\[(\??)([0-9;]*)([A-Za-z])`)

func (e *emulated) write(text []byte) {
	e.rest = append(e.rest, text...)
	for len(e.rest) > 0 {
		r, size := utf8.DecodeRune(e.rest)
		switch r {
		case '\x1b':
			found := sequence.FindSubmatch(e.rest)
			if found == nil {
				return
			}
			e.obey(string(found[1])+string(found[3]), string(found[2]))
			size = len(found[0])
		case '\r':
			e.column = 0
		case '\n':
			e.row++
		default:
			if !utf8.FullRune(e.rest) {
				return
			}
			e.put(character{r, e.bold})
		}
		e.rest = e.rest[size:]
	}
}

func (e *emulated) put(c character) {
	for len(e.lines) <= e.row {
		e.lines = append(e.lines, nil)
	}
	line := e.lines[e.row]
	for len(line) <= e.column {
		line = append(line, character{what: ' '})
	}
	line[e.column] = c
	e.lines[e.row] = line
	e.column++
}

func (e *emulated) obey(what, argument string) {
	switch what {
	case "m":
		e.bold = argument == bold
	case "H":
		e.before = append(e.before, e.String())
		e.row, e.column = 0, 0
	case "K":
		if e.row < len(e.lines) {
			e.lines[e.row] = e.lines[e.row][:min(e.column, len(e.lines[e.row]))]
		}
	case "J":
		e.lines = e.lines[:min(e.row+1, len(e.lines))]
	case "?h", "?l":
		on := what == "?h"
		switch argument {
		case "25":
			e.cursor = on
		case "7":
			e.wraps = on
		case "1049":
			e.other, e.lines, e.row, e.column = on, nil, 0, 0
		}
	}
}

// String is what is shown, with *bold*.
func (e *emulated) String() string {
	var b strings.Builder
	for i, line := range e.lines {
		if i > 0 {
			b.WriteByte('\n')
		}
		last := false
		for _, c := range line {
			if c.bold != last {
				b.WriteByte('*')
			}
			last = c.bold
			b.WriteRune(c.what)
		}
		if last {
			b.WriteByte('*')
		}
	}
	return b.String()
}

// TestLiveOnATerminal has a person who looks at a query, makes the window smaller, and interrupts it.
func TestLiveOnATerminal(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	nacre := func(args ...string) {
		t.Helper()
		if out, err := nacreCommand(t, append(args, "--data", data)...).CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	schema := data + "/schema.json"
	if err := os.WriteFile(schema, []byte(`{"properties":{"name":{"kind":"register","type":"text"},"year":{"kind":"register","type":"int64"}}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	nacre("entities", "declare", "albums", schema)
	nacre("entities", "create", "albums", "a-1", `{"name":"Origin","year":2001}`)

	p := openPty(t, window{60, 12})
	cmd := nacreCommand(t, "query", "albums", "year > 2000 ORDER BY year", "--live", "--data", data)
	cmd.Env = append(cmd.Env, "TERM=xterm")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = p.slave, p.slave, p.slave
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()

	p.shows(t, `1 row, position 2\n  id   name    year\n  a-1  Origin  2001$`)
	p.is(t, true)
	nacre("entities", "create", "albums", "a-2", `{"name":"Drones","year":2015}`)
	p.shows(t, `2 rows, position 3\n  id   name    year\n  a-1  Origin  2001\n\+ \*a-2\*  \*Drones\*  \*2015\*$`)
	nacre("entities", "edit", "albums", "a-1", "--set", "year=2020")
	p.shows(t, `\n~ a-1  Origin  \*2020\*$`)
	p.shows(t, `\n  a-2  Drones  2015\n  a-1  Origin  2020$`) // the marks go
	nacre("entities", "create", "albums", "a-3", `{"name":"Will of the People","year":2022}`)
	p.resize(t, window{26, 4})
	p.shows(t, `^3 rows, position 5\n  id +name +year\n  a-2 +Drones +2015\n… and 2 more$`)
	nacre("entities", "delete", "albums", "a-2")
	p.shows(t, `^2 rows, position 6\n  id +name +year\n  a-1 +Origin +2020\n`)

	if _, err := p.master.WriteString("\x03"); err != nil { // Ctrl-C
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Errorf("ended with %v", err)
	}
	p.shows(t, `^id +name +year\na-1 +Origin +2020\na-3 `)
	p.is(t, false)
}
