package entity

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// CheckID tells what is wrong with an entity's id in a collection: together with the collection's name and a "-" it is the
// id of a stream, which has 256 bytes at most, without quotes, backslashes, control characters and line separators.
func CheckID(collection, id string) error {
	problem := ""
	switch most := 256 - len(collection) - len("-"); {
	case id == "":
		problem = "is empty"
	case len(id) > most:
		problem = fmt.Sprintf("has %d bytes, at most %d are taken", len(id), most)
	case !utf8.ValidString(id):
		problem = "is not valid UTF-8"
	case strings.ContainsFunc(id, func(r rune) bool {
		return r < ' ' || r == '"' || r == '\\' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029'
	}):
		problem = "has a character that is not taken: quotes, backslashes, control characters or line separators"
	}
	if problem == "" {
		return nil
	}
	return invalid("id", "%s", problem)
}
