package wasm

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/nacredb/nacre"
)

// ThaloStream is the stream that what Thalo calls a stream name stands for: spec/wasm-abi.md has the rules, under
// "Components made for Thalo". Names of entities, as "bankAccount-ann", stay what they are. A name that has no
// stream here is CodeInvalid.
func ThaloStream(name string) (nacre.StreamID, error) {
	category, id, _ := strings.Cut(name, "-")
	entity, types, typed := strings.Cut(category, ":")
	switch {
	case name == "":
		return "", invalid("stream", "is empty: give a name of Thalo's, as in \"account-123\"")
	case id == "":
		return "", invalid("stream", "%q has no id behind a \"-\": in Thalo it stands for all streams of a category, which a filter selects here", name)
	case !validName(entity):
		return "", invalid("stream", "%q begins with no name that an aggregate can have here: 1 to 64 of \"A-Z a-z 0-9 _\"; ThaloCategory makes one", name)
	case typed && types == "":
		return "", invalid("stream", "%q has a \":\" and no type behind it", name)
	}
	return nacre.StreamID(name), nil
}

// ThaloCategory is the name of an aggregate, and so the category of its streams, for a name under which Thalo has a
// module: the name itself where it can be one, and otherwise as Thalo normalizes names, in camel case. What stands
// behind a ":" is not a part of it. A name of which nothing is left is CodeInvalid.
func ThaloCategory(name string) (string, error) {
	entity, _, _ := strings.Cut(name, ":")
	if validName(entity) {
		return entity, nil
	}
	category := camelCase(entity)
	if !validName(category) {
		return "", invalid("name", "%q makes no name of an aggregate: that is 1 to 64 of \"A-Z a-z 0-9 _\", beginning with a letter or digit", name)
	}
	return category, nil
}

// ThaloCardinal is the first id of a compound one, as "ann" of "ann+2024". Here, an id is one text, with its "+".
func ThaloCardinal(id string) string {
	first, _, _ := strings.Cut(id, "+")
	return first
}

// camelCase joins words: the first in small letters, the others with a capital. Words end at what is neither a letter
// nor a digit, before a capital behind a small letter or digit, and before the last of several capitals.
func camelCase(name string) string {
	var b strings.Builder
	runes := []rune(name)
	begins := true // a word
	for i, r := range runes {
		if !unicode.IsLetter(r) && !unicode.IsDigit(r) || r == utf8.RuneError {
			begins = true
			continue
		}
		if i > 0 && unicode.IsUpper(r) {
			before, next := runes[i-1], ' '
			if i+1 < len(runes) {
				next = runes[i+1]
			}
			begins = begins || unicode.IsLower(before) || unicode.IsUpper(before) && unicode.IsLower(next)
		}
		if begins && b.Len() > 0 {
			b.WriteRune(unicode.ToUpper(r))
		} else {
			b.WriteRune(unicode.ToLower(r))
		}
		begins = false
	}
	return b.String()
}
