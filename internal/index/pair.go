package index

import "math/bits"

// lopsided is how many times as long as the other one list must be for leaping
// over it to be quicker than walking both.
const lopsided = 16

// pair is the intersection of two lists of about the same length: it walks
// both, decoded part by decoded part, since where positions interleave a leap
// for each of them finds nothing.
type pair struct {
	a, b *Iter
	done bool
}

// paired makes a pair of two sources where that is quicker, else nil.
func paired(sources []Source) Source {
	if len(sources) != 2 {
		return nil
	}
	a, ok := sources[0].(*Iter)
	if !ok {
		return nil
	}
	b, ok := sources[1].(*Iter)
	if !ok || a.postings.form == formLone || b.postings.form == formLone {
		return nil
	}
	few, many := a.postings.count, b.postings.count
	if few > many {
		few, many = many, few
	}
	if many/lopsided > few {
		return nil
	}
	return &pair{a: a, b: b}
}

func (x *pair) Next() (uint64, bool) {
	for !x.done {
		a, b := x.a, x.b
		if a.next == len(a.keys) && !a.load() || b.next == len(b.keys) && !b.load() {
			x.done = true
			break
		}
		i, j := meet(a.keys[a.next:], b.keys[b.next:])
		a.next, b.next = a.next+i, b.next+j
		switch {
		case a.next == len(a.keys):
			a.exhausted()
			a.pass(b.keys[b.next])
		case b.next == len(b.keys):
			b.exhausted()
			b.pass(a.keys[a.next])
		default:
			key := a.keys[a.next]
			a.next, b.next = a.next+1, b.next+1
			a.bound, b.bound = key, key
			return key ^ a.flip, true
		}
	}
	return 0, false
}

// meet finds the first place at which two ascending lists agree, or the end of
// one of them. It takes no branch that hangs on the keys: whose key is the next
// one is a coin's toss.
func meet(a, b []uint64) (i, j int) {
	for i < len(a) && j < len(b) {
		difference, less := bits.Sub64(a[i], b[j], 0)
		if difference == 0 {
			return i, j
		}
		i += int(less)
		j += int(1 - less)
	}
	return i, j
}

// exhausted tells the iterator that all its decoded keys are behind it.
func (it *Iter) exhausted() { it.bound = max(it.bound, it.keys[len(it.keys)-1]) }

// pass tells the iterator that nothing before a key is wanted.
func (it *Iter) pass(key uint64) {
	if key > it.bound {
		it.bound = key - 1
	}
}

func (x *pair) Seek(pos uint64) (uint64, bool) {
	for _, it := range [...]*Iter{x.a, x.b} {
		it.pass(pos ^ it.flip)
		it.trim()
	}
	return x.Next()
}

func (x *pair) Err() error {
	if x.a.err != nil {
		return x.a.err
	}
	return x.b.err
}
