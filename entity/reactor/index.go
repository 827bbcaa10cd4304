package reactor

import (
	"github.com/nacredb/nacre/query"
)

// Index files standing queries under what their conditions ask for. Q is a query's name. The zero value is empty.
type Index[Q comparable] struct {
	paths  map[string]*path[Q]
	always map[Q]bool
	filed  map[Q][]query.Term
	seen   map[Q]struct{} // while matching
	key    []byte
}

// path has the terms of one path.
type path[Q comparable] struct {
	term   query.Term // any of them, for the key of a row
	equal  map[string]map[Q]struct{}
	ranges ranges[Q]
	count  int
}

// Len is how many queries there are.
func (x *Index[Q]) Len() int { return len(x.filed) }

// Add files a query. Its name is new.
func (x *Index[Q]) Add(q Q, p *query.Plan) {
	if x.filed == nil {
		x.filed, x.always, x.paths, x.seen = map[Q][]query.Term{}, map[Q]bool{}, map[string]*path[Q]{}, map[Q]struct{}{}
	}
	terms, ok := branches(p)
	x.filed[q] = terms
	if !ok {
		x.always[q] = true
		return
	}
	for i := range terms {
		t := &terms[i]
		at := x.paths[t.Path]
		if at == nil {
			at = &path[Q]{term: *t, equal: map[string]map[Q]struct{}{}}
			x.paths[t.Path] = at
		}
		at.count++
		if !t.Equality() {
			at.ranges.add(t.Low, t.High, q)
			continue
		}
		same := at.equal[string(t.Low)]
		if same == nil {
			same = map[Q]struct{}{}
			at.equal[string(t.Low)] = same
		}
		same[q] = struct{}{}
	}
}

// branches are the terms to file a plan under, each once: of every branch of an OR, and of every value of an IN.
func branches(p *query.Plan) ([]query.Term, bool) {
	terms, ok := p.Index()
	if !ok {
		return nil, false
	}
	type name struct {
		path, low, high string
		begins, ends    bool
	}
	out, met := terms[:0:0], make(map[name]bool, len(terms))
	for i := range terms {
		t := &terms[i]
		n := name{t.Path, string(t.Low), string(t.High), t.Low != nil, t.High != nil}
		if !met[n] {
			met[n] = true
			out = append(out, *t)
		}
	}
	return out, true
}

// Remove takes a query out. One that is not there is not missed.
func (x *Index[Q]) Remove(q Q) {
	terms, there := x.filed[q]
	if !there {
		return
	}
	delete(x.filed, q)
	delete(x.always, q)
	for i := range terms {
		t := &terms[i]
		at := x.paths[t.Path]
		if at.count--; at.count == 0 {
			delete(x.paths, t.Path)
			continue
		}
		if !t.Equality() {
			at.ranges.remove(t.Low, t.High, q)
			continue
		}
		same := at.equal[string(t.Low)]
		delete(same, q)
		if len(same) == 0 {
			delete(at.equal, string(t.Low))
		}
	}
}

// Match appends the queries that a change of a row may concern, each once. Old and now are the row before and after; nil
// where there is none.
func (x *Index[Q]) Match(dst []Q, old, now query.Row) []Q {
	clear(x.seen)
	take := func(q Q) {
		if _, twice := x.seen[q]; !twice {
			x.seen[q] = struct{}{}
			dst = append(dst, q)
		}
	}
	for q := range x.always {
		take(q)
	}
	for _, at := range x.paths {
		before := -1 // the length of the key of the old row
		for i, row := range [...]query.Row{old, now} {
			if row == nil {
				continue
			}
			from := max(before, 0)
			x.key = at.term.AppendKey(x.key[:from], row)
			key := x.key[from:]
			if i == 1 && before >= 0 && string(key) == string(x.key[:before]) {
				break // the same terms
			}
			if i == 0 {
				before = len(key)
			}
			for q := range at.equal[string(key)] {
				take(q)
			}
			at.ranges.stab(key, take)
		}
	}
	return dst
}
