package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"math"
	"strconv"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/sqlite"
	"github.com/spf13/cobra"
)

// sqlForm is how rows are printed.
type sqlForm struct {
	json, csv bool
}

func (p *program) sqlCommand() *cobra.Command {
	var form sqlForm
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:     "sql STATEMENT",
		GroupID: "read",
		Short:   "Read the tables of entities by SQL",
		Long: `Read the tables of entities by SQL, in SQLite's dialect: one statement that begins with
SELECT, WITH, VALUES or EXPLAIN. A collection is a table of its name, with the columns id,
state (all properties as JSON), heads, and one for each declared property that has one
(those that begin with $ are what merging goes on from, and its checksum);
"select name, sql from sqlite_schema" lists them. Nothing can be changed, and whoever
writes to the store goes on meanwhile.

The tables are made from the log by "nacre query" and "nacre serve", and are as new
as the process that wrote them last made them. Rows are printed as a table.`,
		Example: `  nacre sql "select name, year from album where year < 1980 order by year"
  nacre sql --json "select * from album" | jq .name`,
		Args: takes(1, 1),
	}
	f := cmd.Flags()
	f.BoolVar(&form.json, "json", false, "print each row as a line of JSON; what is not text is in base64")
	f.BoolVar(&form.csv, "csv", false, "print comma-separated values, with the names of the columns first")
	f.DurationVar(&timeout, "timeout", time.Minute, "for how long the statement may run; 0 is for ever")
	cmd.MarkFlagsMutuallyExclusive("json", "csv")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		if timeout < 0 {
			return nacre.Errorf(nacre.CodeInvalid, "--timeout: %s is negative", timeout)
		}
		if err := p.needsDirectory("sql"); err != nil {
			return err
		}
		if timeout > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, timeout)
			defer cancel()
		}
		err := p.sql(ctx, args[0], form)
		if nacre.CodeOf(err) == nacre.CodeDeadline && errors.Is(ctx.Err(), context.DeadlineExceeded) {
			return nacre.Errorf(nacre.CodeDeadline, "the statement took longer than %s: ask for less, or give --timeout; 0 is for ever", timeout)
		}
		return err
	})
	return cmd
}

func (p *program) sql(ctx context.Context, text string, form sqlForm) (err error) {
	dir, err := p.present()
	if err != nil {
		return err
	}
	db, err := sqlite.OpenSQL(sqlite.Path(dir))
	if nacre.CodeOf(err) == nacre.CodeNotFound {
		return nacre.Errorf(nacre.CodeNotFound,
			`the store %q has no tables of entities yet: "nacre query" and "nacre serve" make them from its log, where collections have schemas`, p.store)
	}
	if err != nil {
		return err
	}
	defer func() {
		if e := db.Close(); err == nil {
			err = e
		}
	}()
	heads, rows, err := db.Query(ctx, text)
	if err != nil {
		return err
	}
	out := bufio.NewWriter(p.out)
	switch {
	case form.json:
		err = sqlLines(out, heads, rows)
	case form.csv:
		err = sqlCSV(out, heads, rows)
	default:
		err = sqlTable(out, heads, rows)
	}
	if e := out.Flush(); err == nil {
		err = e
	}
	return err
}

// sqlTable prints rows for people: numbers to the right, and what is no text as its bytes in hexadecimal.
func sqlTable(to io.Writer, heads []string, rows iter.Seq2[[]any, error]) error {
	table := &columns{}
	numbers := make([]bool, len(heads))
	first := true
	for row, err := range rows {
		if err != nil {
			return err
		}
		cells := make([]string, len(row))
		for i, v := range row {
			if v != nil {
				numbers[i] = isNumber(v) && (first || numbers[i])
			}
			cells[i] = plain(sqlText(v, "NULL", func(b []byte) string { return fmt.Sprintf("x'%X'", b) }), 0)
		}
		first = false
		table.add(cells...)
	}
	for i, head := range heads {
		mark := ""
		if numbers[i] {
			mark = ">"
		}
		table.heads = append(table.heads, mark+plain(head, 0))
	}
	return table.write(to)
}

func isNumber(v any) bool {
	switch v.(type) {
	case int64, float64:
		return true
	}
	return false
}

// sqlText is a value as text.
func sqlText(v any, null string, bytes func([]byte) string) string {
	switch v := v.(type) {
	case nil:
		return null
	case int64:
		return strconv.FormatInt(v, 10)
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64)
	case []byte:
		return bytes(v)
	}
	return fmt.Sprint(v)
}

func sqlCSV(to io.Writer, heads []string, rows iter.Seq2[[]any, error]) error {
	w := csv.NewWriter(to)
	if err := w.Write(heads); err != nil {
		return err
	}
	for row, err := range rows {
		if err != nil {
			w.Flush()
			return err
		}
		cells := make([]string, len(row))
		for i, v := range row {
			cells[i] = sqlText(v, "", base64.StdEncoding.EncodeToString)
		}
		if err := w.Write(cells); err != nil {
			return err
		}
	}
	w.Flush()
	return w.Error()
}

// sqlLines prints a JSON object a row, its members in the order of the columns. A name that comes again has a number.
func sqlLines(to io.Writer, heads []string, rows iter.Seq2[[]any, error]) error {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	encode := func(v any) error {
		if err := e.Encode(v); err != nil {
			return err
		}
		b.Truncate(b.Len() - 1) // the line's end
		return nil
	}
	names := uniqueNames(heads)
	for row, err := range rows {
		if err != nil {
			return err
		}
		b.Reset()
		for i, v := range row {
			begin := byte(',')
			if i == 0 {
				begin = '{'
			}
			b.WriteByte(begin)
			if f, ok := v.(float64); ok && (math.IsInf(f, 0) || math.IsNaN(f)) {
				v = nil // JSON has no such number
			}
			if err := encode(names[i]); err != nil {
				return err
			}
			b.WriteByte(':')
			if err := encode(v); err != nil {
				return err
			}
		}
		b.WriteString("}\n")
		if _, err := to.Write(b.Bytes()); err != nil {
			return err
		}
	}
	return nil
}

func uniqueNames(heads []string) []string {
	taken := map[string]bool{}
	names := make([]string, len(heads))
	for i, head := range heads {
		name := head
		for n := 2; taken[name]; n++ {
			name = head + ":" + strconv.Itoa(n)
		}
		taken[name], names[i] = true, name
	}
	return names
}
