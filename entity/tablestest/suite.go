package tablestest

import (
	"testing"

	"github.com/nacredb/nacre/entity"
)

// Open opens empty tables for one test. The test closes them. Reopen opens what was closed again; it is nil where nothing
// outlives Close.
type Open func(t testing.TB) (tables entity.Tables, reopen func() entity.Tables)

// Run runs the suite.
func Run(t *testing.T, open Open) {
	for _, c := range []struct {
		name string
		run  func(*suite)
	}{
		{"Empty", (*suite).empty},
		{"MarksAndWaiting", (*suite).marksAndWaiting},
		{"States", (*suite).keepsStates},
		{"RowsComeAndGo", (*suite).rowsComeAndGo},
		{"WhatTablesHave", (*suite).whatTablesHave},
		{"BatchesAreWhole", (*suite).batchesAreWhole},
		{"Undeclared", (*suite).undeclared},
		{"NothingIsShared", (*suite).nothingIsShared},
		{"SchemasChange", (*suite).schemasChange},
		{"DeclaredOfManyStates", (*suite).declaredOfManyStates},
		{"PropertyNames", (*suite).propertyNames},
		{"CollectionNames", (*suite).collectionNames},
		{"Ids", (*suite).anyIDs},
		{"Types", (*suite).types},
		{"ManyProperties", (*suite).manyProperties},
		{"References", (*suite).references},
		{"Pages", (*suite).pages},
		{"Aggregates", (*suite).aggregates},
		{"CursorsOfOthers", (*suite).cursorsOfOthers},
		{"Bounds", (*suite).bounds},
		{"Reset", (*suite).reset},
		{"Reopen", (*suite).reopens},
		{"Close", (*suite).closes},
		{"Contexts", (*suite).contexts},
		{"Together", (*suite).together},
		{"Random", (*suite).random},
	} {
		t.Run(c.name, func(t *testing.T) {
			tables, reopen := open(t)
			s := &suite{world: newWorld(t, tables), reopen: reopen}
			defer func() {
				if err := s.tables.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			}()
			c.run(s)
		})
	}
}

// under is a number of things to try: fewer under the race detector, under which SQLite is thirty times slower.
func under(all, race int) int {
	if raceEnabled {
		return race
	}
	return all
}

// suite is one test.
type suite struct {
	*world
	reopen func() entity.Tables
}
