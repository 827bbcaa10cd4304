package wire

import (
	"github.com/nacredb/nacre"
)

// maxNames is the most items and names of a filter, as in the root package.
const maxNames = 10_000

var (
	filterMembers = []string{"items"}
	itemMembers   = []string{"types", "tags", "streams", "categories"}
)

// AppendFilter appends a filter as JSON:
//
//	{"items":[{"types":[…],"tags":[…],"streams":[…],"categories":[…]}]}
func AppendFilter(dst []byte, f nacre.Filter) []byte {
	dst = append(dst, `{"items":[`...)
	for i := range f {
		if i > 0 {
			dst = append(dst, ',')
		}
		item := &f[i]
		dst = append(dst, '{')
		dst = appendNames(dst, "types", item.Types)
		dst = appendNames(dst, "tags", item.Tags)
		dst = appendNames(dst, "streams", item.Streams)
		dst = appendNames(dst, "categories", item.Categories)
		if dst[len(dst)-1] == ',' {
			dst = dst[:len(dst)-1]
		}
		dst = append(dst, '}')
	}
	return append(dst, ']', '}')
}

// appendNames appends a member and a comma, or nothing for an empty list.
func appendNames[T ~string](dst []byte, name string, names []T) []byte {
	if len(names) == 0 {
		return dst
	}
	dst = append(appendText(dst, name), ':')
	return append(appendTexts(dst, names), ',')
}

// DecodeFilter reads AppendFilter's form; a list that is empty is as one that is left out, except that
// items must be there. field is what an error calls the whole.
func DecodeFilter(body []byte, field string) (nacre.Filter, error) {
	var s scanner
	s.init(body, field)
	f := s.filter()
	if err := s.end(); err != nil {
		return nil, err
	}
	return f, nil
}

func (s *scanner) filter() nacre.Filter {
	var f nacre.Filter
	given, names := false, 0
	for s.object(); s.member(); {
		if s.known(filterMembers) < 0 {
			break
		}
		given = true
		for s.list(); s.element(); {
			if len(f) == maxNames {
				s.fail("is one more than the %d that are taken", maxNames)
				break
			}
			f = append(f, s.item(&names))
		}
	}
	if !given {
		s.missing("items", "give a list, empty for every event")
	}
	return f
}

func (s *scanner) item(names *int) (it nacre.FilterItem) {
	for s.object(); s.member(); {
		switch s.known(itemMembers) {
		case 0:
			it.Types = nameList[string](s, names)
		case 1:
			it.Tags = nameList[string](s, names)
		case 2:
			it.Streams = nameList[nacre.StreamID](s, names)
		case 3:
			it.Categories = nameList[string](s, names)
		}
	}
	return it
}

// nameList reads a list of names; those of the whole filter are counted.
func nameList[T ~string](s *scanner, names *int) []T {
	var out []T
	for s.list(); s.element(); {
		if *names++; *names > maxNames {
			s.fail("is one more than the %d names that a filter may have", maxNames)
			break
		}
		out = append(out, T(s.given()))
	}
	return out
}
