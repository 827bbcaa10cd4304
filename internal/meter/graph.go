package meter

// Which functions are so small, with all that they call, that they need no code of their own.
const (
	// shallowBytes is what a function and all that it calls may take of the stack without being counted.
	shallowBytes = 4 << 10
	// cheapUnits is what a function and all that it calls may cost for its callers to pay for it.
	cheapUnits = 64
)

// decide finds the functions that cannot come back to themselves, and are small: they are shallow where their frames are
// not worth counting, and cheap where the callers are charged instead. It goes through the calls depth first, without
// recursion, since modules may nest as deep as they like.
func (m *module) decide() {
	const (
		unseen = iota
		open
		done
	)
	state := make([]uint8, len(m.bodies))
	type visit struct {
		f    uint32
		next int // of its callees
	}
	var path []visit
	for first := range m.bodies {
		if state[first] != unseen {
			continue
		}
		path = append(path[:0], visit{uint32(first), m.enter(uint32(first))})
		state[first] = open
		for len(path) > 0 {
			v := &path[len(path)-1]
			f := &m.bodies[v.f]
			if v.next == f.callees.to {
				m.leave(f)
				state[v.f] = done
				path = path[:len(path)-1]
				continue
			}
			callee := m.callees[v.next]
			switch state[callee] {
			case unseen:
				state[callee] = open
				path = append(path, visit{callee, m.enter(callee)}) // comes back to this call when it is done
				continue
			case open:
				f.shallow, f.cheap = false, false
			case done:
				below := &m.bodies[callee]
				f.shallow = f.shallow && below.shallow
				f.cheap = f.cheap && below.cheap
				f.height = max(f.height, below.height)
				f.total = min(f.total+below.total, 1<<40)
			}
			v.next++
		}
	}
}

// enter begins with a function, and gives its first callee.
func (m *module) enter(index uint32) int {
	f := &m.bodies[index]
	f.shallow = !f.indirect
	f.cheap = !f.indirect && !f.looped // lengths are paid for where they are
	f.total = f.cost
	return f.callees.from
}

// leave judges a function all of whose callees are done.
func (m *module) leave(f *function) {
	f.height += f.frame
	f.shallow = f.shallow && f.height <= shallowBytes
	f.cheap = f.cheap && f.total <= cheapUnits
}
