package main

import (
	"context"
	"encoding/json"
	"errors"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/query"
	"github.com/nacredb/nacre/wire"
	"github.com/spf13/cobra"
)

func (p *program) queryCommand() *cobra.Command {
	var o queryFlags
	cmd := &cobra.Command{
		Use:     "query COLLECTION [QUERY [VALUE…]]",
		GroupID: "entities",
		Short:   "Query the entities of a collection",
		Long: `Query the entities of a collection, as in

  [SELECT …] [WHERE] … [GROUP BY …] [ORDER BY …] [LIMIT …] [OFFSET …]

There is no FROM, since the collection stands beside it; without a query it is all of
them. A VALUE stands for a "?" of the query, in their order, and --param for a ":name".
Values are JSON where they are numbers, true, false, null, lists or texts in quotes, and
else texts as they are.

Entities come in pages of --limit; the next page begins with --after, and --all gives
all of them. A query that is wrong is told with the place.

With --live the result is kept current until it is interrupted: on a terminal as a table
that changes in place, elsewhere, and with --json, as one JSON object a line for each change
of the result: {"position":…,"changes":[{"kind":…,"id":…,"row":{…},"index":…}]}, or the
columns and rows of a query that has some. "reset" says that the changes begin anew.`,
		Example: `  nacre query albums "year > 2000 ORDER BY year DESC"
  nacre query albums "name LIKE ? AND tags CONTAINS ?" 'Origin%' rock
  nacre query albums "artist = :artist" --param artist=ann --json | jq .values.name
  nacre query albums "SELECT year, count(*) AS albums GROUP BY year"
  nacre query albums "year > 2000 ORDER BY plays DESC LIMIT 10" --live`,
		Args: takes(1, 2+maxValues),
	}
	f := cmd.Flags()
	f.StringArrayVar(&o.params, "param", nil, "the value of a parameter, as `NAME=VALUE`; may be repeated")
	f.IntVar(&o.limit, "limit", 100, "at most this `number` of entities")
	f.StringVar(&o.after, "after", "", "begin behind the page that ended with this `cursor`")
	f.BoolVar(&o.all, "all", false, "all that there are, and not only a page")
	f.BoolVar(&o.asJSON, "json", false, `one JSON object a line: {"id":…,"values":…}, or the columns of a query that has some`)
	f.BoolVar(&o.live, "live", false, "keep the result current, until interrupted")
	cmd.MarkFlagsMutuallyExclusive("all", "limit", "live")
	cmd.MarkFlagsMutuallyExclusive("after", "live")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		q, err := o.request(args)
		if err != nil {
			return err
		}
		// What is no query is told with its place before anything is opened.
		if _, err := query.Parse(q.Text); err != nil {
			return pointed(err, q.Text)
		}
		if o.live {
			return followed(ctx, p.entitiesOf(ctx, watchEntities, func(ctx context.Context, s entitySource) error {
				return pointed(p.runLive(ctx, s, args[0], q, o.asJSON), q.Text)
			}))
		}
		return p.entitiesOf(ctx, readEntities, func(ctx context.Context, s entitySource) error {
			return pointed(p.runQuery(ctx, s, args[0], q, &o), q.Text)
		})
	})
	return cmd
}

// maxValues is how many values for "?" a command line may have.
const maxValues = 10_000

type queryFlags struct {
	params []string
	limit  int
	after  string
	all    bool
	live   bool
	asJSON bool
}

// allPage is the size of the pages that --all goes through.
const allPage = 1000

// request makes of a command line what is asked.
func (o *queryFlags) request(args []string) (*queryRequest, error) {
	q := &queryRequest{After: o.after, Limit: o.limit}
	switch {
	case o.all:
		q.Limit = allPage
	case o.limit < 1 || o.limit > wire.MaxLimit:
		return nil, nacre.Errorf(nacre.CodeInvalid, "--limit: %d is not a number of entities: give 1 to %d, or --all", o.limit, wire.MaxLimit)
	}
	if len(args) > 1 {
		q.Text = args[1]
		for _, text := range args[2:] {
			q.Args = append(q.Args, looseValue(text))
		}
	}
	for _, param := range o.params {
		name, text, ok := strings.Cut(param, "=")
		if name = strings.TrimPrefix(name, ":"); !ok || name == "" {
			return nil, nacre.Errorf(nacre.CodeInvalid, "--param: %q is no NAME=VALUE", plain(param, 80))
		}
		if _, twice := q.Named[name]; twice {
			return nil, nacre.Errorf(nacre.CodeInvalid, "--param: %s is given twice", name)
		}
		if q.Named == nil {
			q.Named = map[string]json.RawMessage{}
		}
		q.Named[name] = looseValue(text)
	}
	return q, nil
}

// looseValue is JSON where a text is that, and no object, and otherwise the text.
func looseValue(text string) json.RawMessage {
	if trimmed := strings.TrimSpace(text); json.Valid([]byte(trimmed)) && trimmed[0] != '{' {
		return json.RawMessage(trimmed)
	}
	return jsonString(text)
}

// jsonString is a text in JSON. What is not UTF-8 is left to be refused.
func jsonString(text string) json.RawMessage {
	out, _ := json.Marshal(text) //nolint:errchkjson // a string
	return out
}

func (p *program) runQuery(ctx context.Context, s entitySource, collection string, q *queryRequest, o *queryFlags) error {
	var found []wire.EntityRow
	for {
		page, err := s.query(ctx, collection, q)
		switch {
		case err != nil:
			return err
		case page.Columns != nil && o.asJSON:
			return p.printRows(page)
		case page.Columns != nil:
			return p.fit(resultTable(page))
		}
		if o.asJSON {
			if err := printJSON(p.out, page.Entities...); err != nil {
				return err
			}
		} else {
			found = append(found, page.Entities...)
		}
		if q.After = page.Next; q.After == "" || !o.all {
			break
		}
	}
	if !o.asJSON {
		if len(found) == 0 {
			p.note("%s has no such entities", collection)
			return nil
		}
		c, err := s.collection(ctx, collection)
		if err != nil {
			return err
		}
		schema, err := schemaOf(c)
		if err != nil {
			return err
		}
		table := entityTable(schema, found)
		if err := p.fit(table); err != nil {
			return err
		}
	}
	if q.After != "" {
		p.note("there are more: give --all, or --after %s", q.After)
	}
	return nil
}

// printRows prints a table's rows as objects, a line each.
func (p *program) printRows(page *wire.EntitiesReply) error {
	var out []byte
	for _, row := range page.Rows {
		out = append(out, '{')
		for i, cell := range row {
			if i > 0 {
				out = append(out, ',')
			}
			out = append(out, jsonString(page.Columns[i])...)
			out = append(append(out, ':'), cell...)
		}
		out = append(out, '}', '\n')
	}
	_, err := p.out.Write(out)
	return err
}

// pointed is the error of a query that is wrong with the line that it is about, and a mark below the place.
func pointed(err error, text string) error {
	line, column := placeOf(err)
	lines := strings.Split(text, "\n")
	if line < 1 || line > len(lines) || nacre.CodeOf(err) != nacre.CodeInvalid {
		return err
	}
	shown, mark := excerpt(lines[line-1], column)
	return nacre.Errorf(nacre.CodeInvalid, "%s\n  %s\n  %s", message(err), shown, mark)
}

// placeOf is where in a query an error is; line 0 where it says nothing of that.
func placeOf(err error) (line, column int) {
	if wrong, ok := errors.AsType[*query.Error](err); ok {
		return wrong.Line, wrong.Column
	}
	if wrong, ok := errors.AsType[*wire.QueryError](err); ok {
		return wrong.Line, wrong.Column
	}
	return 0, 0
}

// excerpt is the part of a line around a column, from 1, and the mark below it.
func excerpt(line string, column int) (shown, mark string) {
	const before, most = 50, 76
	runes := []rune(plain(line, 0))
	column = max(1, min(column, len(runes)+1))
	if column > before && len(runes) > most {
		cut := column - before
		runes = append([]rune("…"), runes[cut:]...)
		column -= cut - 1
	}
	if len(runes) > most {
		runes = append(runes[:most-1], '…')
	}
	return string(runes), strings.Repeat(" ", column-1) + "^"
}
