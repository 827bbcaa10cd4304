package sqlite

import (
	"maps"
	"slices"
	"strconv"
	"strings"
)

// folded is a name as SQLite compares it: it takes capitals of ASCII as small letters.
func folded(name string) string {
	return strings.Map(func(r rune) rune {
		if 'A' <= r && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, name)
}

// distinct gives each name one that SQLite tells from the others, and that is not reserved, by spec/tables.md: its own
// where it can have it, else its own, a tilde and a number. It depends on the set of names and on nothing else.
func distinct(names []string, reserved func(folded string) bool) map[string]string {
	out := make(map[string]string, len(names))
	taken := make(map[string]bool, len(names))
	var left []string
	sorted := slices.Clone(names)
	slices.Sort(sorted)
	for _, name := range slices.Backward(sorted) { // small letters stand behind capitals, and come first here
		if f := folded(name); taken[f] || reserved(f) {
			left = append(left, name)
		} else {
			out[name], taken[f] = name, true
		}
	}
	for _, name := range left {
		begin := name
		if strings.HasPrefix(folded(name), sqlitesOwn) {
			begin = "~" + name
		}
		for n := 2; ; n++ {
			candidate := begin + "~" + strconv.Itoa(n)
			if f := folded(candidate); !taken[f] && !reserved(f) {
				out[name], taken[f] = candidate, true
				break
			}
		}
	}
	return out
}

// tableNames are the tables of collections.
func tableNames(collections []string) map[string]string {
	return distinct(collections, func(f string) bool { return strings.HasPrefix(f, sqlitesOwn) })
}

// sqlitesOwn begins the names of tables that SQLite keeps for itself.
const sqlitesOwn = "sqlite_"

// ownColumns are columns that every table has, and SQLite's names of its row numbers.
var ownColumns = []string{"id", "state", "heads", "rowid", "oid", "_rowid_"}

// columnNames are the columns of properties.
func columnNames(properties []string) map[string]string {
	return distinct(properties, func(f string) bool { return slices.Contains(ownColumns, f) })
}

// quoted is a name in SQL.
func quoted(name string) string { return `"` + strings.ReplaceAll(name, `"`, `""`) + `"` }

// sortedKeys are a map's keys.
func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
