package sqlite

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/merge"
	"github.com/nacredb/nacre/query"
)

// Rows stand in the tree of their ids, and so do states: one tree less to look in.
const (
	tableOptions  = " WITHOUT ROWID"
	statesOptions = " WITHOUT ROWID"
)

// maxColumns is how many properties can have a column; SQLite takes 2,000 columns.
const maxColumns = 1990

// column is the column of a property.
type column struct {
	Property string `json:"property"`
	Name     string `json:"name"`
	Type     string `json:"type"`

	typ query.Type
}

// layout is what the table of a collection looks like.
type layout struct {
	collection string
	table      string // its name
	Columns    []column
	Indexes    [][]string // names of columns

	byProperty map[string]int
	upsert     string
	remove     string
	values     string
	load       string
	updates    map[string]string // by the columns that they change; of who writes
}

const (
	// maxChanged is how many columns of a row are changed by themselves; where there are more, all are written.
	maxChanged = 4
	// maxUpdates is of how many sets of columns a table has statements.
	maxUpdates = 64
)

// newLayout is the layout of a schema's table.
func newLayout(collection string, s *merge.Schema) (*layout, error) {
	if s == nil {
		return nil, nacre.Errorf(nacre.CodeInvalid, "the collection %q is declared without a schema", collection)
	}
	l := &layout{collection: collection}
	types := map[string]query.Type{}
	var properties []string
	for _, name := range sortedKeys(s.Properties) {
		p := s.Properties[name]
		t := entity.ColumnType(&p)
		if query.SQLiteColumn(t) == "" {
			continue
		}
		if problem := unspeakable(name); problem != "" {
			return nil, nacre.Errorf(nacre.CodeInvalid, "the property %q of collection %q cannot have a column: its name %s", name, collection, problem)
		}
		properties, types[name] = append(properties, name), t
	}
	if len(properties) > maxColumns {
		return nil, nacre.Errorf(nacre.CodeTooLarge, "the collection %q has %d properties that need a column, and a table takes %d: declare some as json",
			collection, len(properties), maxColumns)
	}
	names := columnNames(properties)
	for _, p := range properties {
		l.Columns = append(l.Columns, column{p, names[p], types[p].String(), types[p]})
	}
	for _, index := range s.Indexes {
		var columns []string
		for _, p := range index {
			name, there := names[p]
			if !there {
				break // what stands behind a property without a column is of no use
			}
			if !slices.Contains(columns, name) {
				columns = append(columns, name)
			}
		}
		if len(columns) > 0 && !slices.ContainsFunc(l.Indexes, func(other []string) bool { return slices.Equal(other, columns) }) {
			l.Indexes = append(l.Indexes, columns)
		}
	}
	return l, nil
}

// unspeakable says why a name cannot stand in SQL.
func unspeakable(name string) string {
	switch {
	case strings.ContainsRune(name, 0):
		return "has the character U+0000"
	case name != strings.ToValidUTF8(name, ""):
		return "is not valid UTF-8"
	}
	return ""
}

// named is the layout with the name of its table.
func (l *layout) named(table string) *layout {
	n := &layout{collection: l.collection, table: table, Columns: l.Columns, Indexes: l.Indexes, updates: map[string]string{}}
	n.byProperty = make(map[string]int, len(l.Columns))
	columns, values, sets := `"id","state","heads","$sum","$merge"`, "?1,?2,?3,?4,?5", `"state"=?2,"heads"=?3,"$sum"=?4,"$merge"=?5`
	for i, c := range l.Columns {
		n.byProperty[c.Property] = i
		place := "?" + strconv.Itoa(i+6)
		columns += "," + quoted(c.Name)
		values += "," + place
		sets += "," + quoted(c.Name) + "=" + place
	}
	n.upsert = "INSERT INTO " + quoted(table) + "(" + columns + ") VALUES(" + values + `) ON CONFLICT("id") DO UPDATE SET ` + sets
	n.values = `SELECT "state" FROM ` + quoted(table) + ` WHERE "id"=?1`
	n.load = `SELECT "$sum", "$merge" FROM ` + quoted(table) + ` WHERE "id"=?2 UNION ALL ` + loadState
	n.remove = "DELETE FROM " + quoted(table) + ` WHERE "id"=?1`
	return n
}

// update is the statement that changes some columns, ?7 and so on, of the row ?1 if its values are ?2; to the values ?3,
// the heads ?4, and the state ?6, whose checksum is ?5. It is "" where all columns are to be written.
func (l *layout) update(changed []int) string {
	if len(changed) > maxChanged {
		return ""
	}
	var room [maxChanged * 5]byte
	key := room[:0]
	for _, i := range changed {
		key = append(strconv.AppendInt(key, int64(i), 10), ',')
	}
	if text, there := l.updates[string(key)]; there || len(l.updates) >= maxUpdates {
		return text
	}
	var b strings.Builder
	b.WriteString("UPDATE " + quoted(l.table) + ` SET "state"=?3,"heads"=?4,"$sum"=?5,"$merge"=?6`)
	for n, i := range changed {
		b.WriteString("," + quoted(l.Columns[i].Name) + "=?" + strconv.Itoa(n+7))
	}
	b.WriteString(` WHERE "id"=?1 AND "state"=?2`)
	text := b.String()
	l.updates[string(key)] = text
	return text
}

// create makes the table.
func (l *layout) create(c *conn) error {
	var b strings.Builder
	b.WriteString("CREATE TABLE " + quoted(l.table) + ` ("id" TEXT PRIMARY KEY NOT NULL, "state" TEXT NOT NULL, "heads" TEXT NOT NULL`)
	for _, col := range l.Columns {
		b.WriteString(", " + quoted(col.Name) + " " + query.SQLiteColumn(col.typ))
	}
	b.WriteString(`, "$sum" INTEGER NOT NULL, "$merge" BLOB NOT NULL)` + tableOptions)
	return c.exec(b.String())
}

// index makes the table's indexes.
func (l *layout) index(c *conn) error {
	for i, columns := range l.Indexes {
		var list strings.Builder
		for _, name := range columns {
			list.WriteString(quoted(name) + ",")
		}
		if err := c.exec("CREATE INDEX " + quoted(l.indexName(i)) + " ON " + quoted(l.table) + " (" + list.String() + `"id")`); err != nil {
			return err
		}
	}
	return nil
}

func (l *layout) indexName(i int) string { return fmt.Sprintf("$%s.%d", l.table, i) }

// rename gives the table its name, and its indexes theirs, which are made again.
func (l *layout) rename(c *conn, to string) error {
	for i := range l.Indexes {
		if err := c.exec("DROP INDEX IF EXISTS " + quoted(l.indexName(i))); err != nil {
			return err
		}
	}
	return c.exec("ALTER TABLE " + quoted(l.table) + " RENAME TO " + quoted(to))
}

// text is the layout as it is kept.
func (l *layout) text() (string, error) {
	text, err := json.Marshal(struct {
		Columns []column   `json:"columns"`
		Indexes [][]string `json:"indexes"`
	}{l.Columns, l.Indexes})
	return string(text), err
}

// parseLayout reads what text made.
func parseLayout(collection, table, text string) (*layout, error) {
	l := &layout{collection: collection}
	if err := json.Unmarshal([]byte(text), l); err != nil {
		return nil, fmt.Errorf("the layout of collection %q: %w", collection, err)
	}
	for i := range l.Columns {
		t, ok := query.ParseType(l.Columns[i].Type)
		if !ok {
			return nil, fmt.Errorf("the layout of collection %q: there is no type %q", collection, l.Columns[i].Type)
		}
		l.Columns[i].typ = t
	}
	return l.named(table), nil
}

// layouts are all tables, by collection. They do not change.
type layouts map[string]*layout

// asked are the tables that a query asks for: a query.Tables.
type asked struct {
	of      string
	all     layouts
	missing error
}

func (a *asked) layout(collection string) *layout {
	if collection == "" {
		collection = a.of
	}
	l := a.all[collection]
	if l == nil && a.missing == nil {
		a.missing = nacre.Errorf(nacre.CodeNotFound, "the collection %q has no table: it was not declared", collection)
	}
	return l
}

// Table implements query.Tables.
func (a *asked) Table(collection string) string {
	if l := a.layout(collection); l != nil {
		return l.table
	}
	return ""
}

// Column implements query.Tables.
func (a *asked) Column(collection, property string) string {
	l := a.layout(collection)
	if l == nil {
		return ""
	}
	if i, there := l.byProperty[property]; there {
		return l.Columns[i].Name
	}
	if a.missing == nil {
		a.missing = nacre.Errorf(nacre.CodeInvalid, "the collection %q has no property %q with a column: its schema has changed since the query was made", l.collection, property)
	}
	return ""
}
