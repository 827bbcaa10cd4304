package index

import (
	"bytes"
	"errors"
	"fmt"
	"hash/crc64"
	"runtime/debug"
)

// checkPiece is how many bytes of a part are read at once.
const checkPiece = 1 << 20

// Check verifies every byte of the file and the order of everything in it: that
// each part is what was written, that each list of postings can be walked to
// its end and its filter knows it, and that the counts of the header are true.
// The error joins what is wrong with each part, up to a few.
func (r *Run) Check() error {
	errs := r.checkParts()
	errs = append(errs, r.checkPostings())
	for kind := Stream; kind.hasNames(); kind++ {
		errs = append(errs, r.checkNames(kind))
	}
	return errors.Join(errs...)
}

// checkParts compares each part with its checksum in the header.
func (r *Run) checkParts() (errs []error) {
	for part, size := range r.head.sizes {
		var sum uint64
		var err error
		for done := uint64(0); done < size && err == nil; done += checkPiece {
			sum, err = r.sumOnto(sum, r.starts[part]+done, min(checkPiece, size-done))
		}
		if err == nil && sum != r.head.sums[part] {
			err = r.bad(r.starts[part], fmt.Sprintf("the checksum of the part of %d bytes that begins here is wrong", size))
		}
		errs = append(errs, err)
	}
	return errs
}

// checkPostings walks every list.
func (r *Run) checkPostings() error {
	var total uint64
	var it Iter
	err := r.All(func(term uint64, p Postings) error {
		if known, err := r.MayContain(term); err != nil || !known {
			if err == nil {
				err = r.bad(r.starts[partFilter], "the filter does not know a term of the directory")
			}
			return err
		}
		var count, last uint64
		it.start(&p, Forward, 0)
		for pos, ok := it.Next(); ok; pos, ok = it.Next() {
			count++
			last = pos
		}
		if it.Err() != nil {
			return it.Err()
		}
		if count != p.count || last != p.last {
			return r.bad(r.starts[partPostings], fmt.Sprintf(
				"a list has %d postings up to %d, and its head tells %d up to %d", count, last, p.count, p.last))
		}
		total += count
		return nil
	})
	if err == nil && total != r.head.postings {
		err = r.bad(0, fmt.Sprintf("the run has %d postings, and its header tells %d", total, r.head.postings))
	}
	return err
}

// checkNames walks the names of a kind.
func (r *Run) checkNames(kind Kind) error {
	var last []byte
	names := r.Names(kind, Forward, "", "")
	for i := 0; names.Next(); i++ {
		if i > 0 && bytes.Compare(last, names.Name()) >= 0 {
			return r.bad(r.starts[partNames+int(kind)-1], fmt.Sprintf("the names of kind %s are out of order", kind))
		}
		last = append(last[:0], names.Name()...)
	}
	return names.Err()
}

// sumOnto continues the checksum of a part of the file.
func (m *image) sumOnto(sum, at, n uint64) (_ uint64, err error) {
	b, err := m.raw(at, n, "a part of the file")
	if err != nil {
		return 0, err
	}
	defer m.recoverFault(debug.SetPanicOnFault(true), at, "a part of the file", &err)
	return crc64.Update(sum, wholeTable, b), nil
}
