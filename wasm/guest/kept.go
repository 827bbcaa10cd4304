package guest

// Bounds of what is kept: a number of states, a power of 2, and what their JSON comes to in bytes, about.
const (
	keptStates = 512
	keptBytes  = 4 << 20
)

// kept are states by the host's numbers, each in the place that its number says. The host counts up, so that a new
// one takes the place of an old one.
type kept[S any] struct {
	places []place[S] // none before the first state
	bytes  int
	hand   int // where room is made next
}

type place[S any] struct {
	number int64
	taken  bool
	state  sized[S]
}

// sized is a state with the length of its JSON, about: what is known of it, and what was applied since.
type sized[S any] struct {
	state S
	bytes int
}

func (k *kept[S]) get(number int64) (sized[S], bool) {
	if k.places == nil {
		return sized[S]{}, false
	}
	p := &k.places[number&(keptStates-1)]
	if !p.taken || p.number != number {
		return sized[S]{}, false
	}
	return p.state, true
}

func (k *kept[S]) put(number int64, s sized[S]) {
	if k.places == nil {
		k.places = make([]place[S], keptStates)
	}
	p := &k.places[number&(keptStates-1)]
	k.bytes += s.bytes - p.state.bytes
	*p = place[S]{number: number, taken: true, state: s}
	for range keptStates {
		if k.bytes <= keptBytes {
			return
		}
		if other := &k.places[k.hand]; other != p {
			k.bytes -= other.state.bytes
			*other = place[S]{}
		}
		k.hand = (k.hand + 1) & (keptStates - 1)
	}
}
