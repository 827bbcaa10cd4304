package guest

// Bounds of what is kept: a number of states, and what their JSON comes to in bytes, about.
const (
	keptStates = 512
	keptBytes  = 4 << 20
)

// kept are states by the host's numbers, the oldest first out.
type kept[S any] struct {
	states map[int64]sized[S]
	ring   [keptStates]int64 // the numbers, in the order in which they came
	next   int               // where the next one goes
	count  int
	bytes  int
}

// sized is a state with the length of its JSON, about: what is known of it, and what was applied since.
type sized[S any] struct {
	state S
	bytes int
}

func (k *kept[S]) get(number int64) (sized[S], bool) {
	s, ok := k.states[number]
	return s, ok
}

func (k *kept[S]) put(number int64, s sized[S]) {
	if k.states == nil {
		k.states = make(map[int64]sized[S], keptStates)
	}
	if old, again := k.states[number]; again {
		k.bytes += s.bytes - old.bytes
		k.states[number] = s
		return
	}
	for k.count > 0 && (k.count == keptStates || k.bytes+s.bytes > keptBytes) {
		oldest := k.ring[(k.next-k.count+keptStates)%keptStates]
		k.bytes -= k.states[oldest].bytes
		delete(k.states, oldest)
		k.count--
	}
	k.states[number] = s
	k.ring[k.next] = number
	k.next = (k.next + 1) % keptStates
	k.count++
	k.bytes += s.bytes
}
