package index

import "encoding/binary"

// nameList reads the names of one kind in a run; the zero value has none.
type nameList struct {
	run *Run
	// count is the number of names, at where their part begins, steps tells
	// where each block of it stands.
	count uint64
	at    uint64
	steps ladder
}

func (r *Run) namesOf(kind Kind) nameList {
	count := r.head.names[kind-1]
	part := partNames + int(kind) - 1
	// The blocks fill the part up to the ladder.
	end := r.head.sizes[part] - nameLadderSize(count)
	return nameList{run: r, count: count, at: r.starts[part], steps: ladder{
		image: &r.image, at: r.starts[part] + end, ranges: nameBlocks(count), end: end,
		what: "the list of the blocks of names",
	}}
}

func (l *nameList) blocks() uint64 { return nameBlocks(l.count) }

// content returns the verified block with a number.
func (l *nameList) content(number uint64) (content []byte, at uint64, err error) {
	from, to, err := l.steps.step(number)
	if err != nil {
		return nil, 0, err
	}
	at = l.at + from
	content, err = l.run.block(at, to-from, "a block of names")
	return content, at, err
}

// find returns the number of the last block whose first name is before `from`,
// 0 where there is none: a name from `from` on begins there or in the next one,
// a name before it stands there.
func (l *nameList) find(from string) (uint64, error) {
	low, high := uint64(1), l.blocks()
	for low < high {
		middle := (low + high) / 2
		content, at, err := l.content(middle)
		if err != nil {
			return 0, err
		}
		shared, name, _, ok := cutName(content)
		if !ok || shared != 0 {
			return 0, l.run.bad(at, "a block of names is not as it is written")
		}
		if string(name) < from {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low - 1, nil
}

// cutName takes the first name of a block apart.
func cutName(content []byte) (shared uint64, rest, behind []byte, ok bool) {
	shared, n := binary.Uvarint(content)
	if n <= 0 {
		return 0, nil, nil, false
	}
	content = content[n:]
	length, n := binary.Uvarint(content)
	if n <= 0 || length > uint64(len(content)-n) {
		return 0, nil, nil, false
	}
	return shared, content[n : n+int(length)], content[n+int(length):], true
}

// decode decodes a block, in whose order and number nothing may be wrong.
func (l *nameList) decode(number uint64, to *nameBlockText) error {
	content, at, err := l.content(number)
	if err != nil {
		return err
	}
	expected := min(nameBlock, l.count-number*nameBlock)
	to.text, to.ends = to.text[:0], to.ends[:0]
	var before []byte
	for len(content) > 0 {
		shared, rest, behind, ok := cutName(content)
		// A name is greater than the one before it where the first byte that
		// they do not share is.
		n := uint64(len(before))
		ok = ok && shared <= n && uint64(len(to.ends)) < expected
		if ok && len(to.ends) > 0 {
			ok = len(rest) > 0 && (shared == n || rest[0] > before[shared])
		}
		if !ok || len(to.ends) == 0 && shared != 0 {
			return l.run.bad(at, "a block of names is not as it is written")
		}
		start := len(to.text)
		to.text = append(to.text, before[:shared]...)
		to.text = append(to.text, rest...)
		to.ends = append(to.ends, len(to.text))
		before = to.text[start:]
		content = behind
	}
	if uint64(len(to.ends)) != expected {
		return l.run.bad(at, "a block of names has another number of names than it should")
	}
	return nil
}

// nameBlockText is a decoded block of names: the names one after the other, and
// where each ends.
type nameBlockText struct {
	text []byte
	ends []int
}

func (b *nameBlockText) count() int { return len(b.ends) }

func (b *nameBlockText) name(i int) []byte {
	start := 0
	if i > 0 {
		start = b.ends[i-1]
	}
	return b.text[start:b.ends[i]]
}

// search is the index of the first name that is not before `from`, count()
// where there is none.
func (b *nameBlockText) search(from string) int {
	low, high := 0, b.count()
	for low < high {
		middle := int(uint(low+high) >> 1)
		if string(b.name(middle)) < from {
			low = middle + 1
		} else {
			high = middle
		}
	}
	return low
}
