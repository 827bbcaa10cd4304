package wire

import "github.com/nacredb/nacre"

// AppendFilter appends a filter as JSON: {"items":[{"types":[…],"tags":[…],"streams":[…],"categories":[…]}]}.
func AppendFilter(dst []byte, f nacre.Filter) []byte { panic("later") }

// DecodeFilter reads AppendFilter's form. field is what an error calls it.
func DecodeFilter(body []byte, field string) (nacre.Filter, error) { panic("later") }
