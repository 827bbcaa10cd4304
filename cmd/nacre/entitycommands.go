package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
	"github.com/spf13/cobra"
)

// entitiesCommand is "entities".
func (p *program) entitiesCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:     "entities",
		GroupID: "entities",
		Short:   "Declare collections, and create, edit and inspect entities",
		Long: `Declare collections, and create, edit and inspect entities.

An entity is a thing that many writers change. What they do are events of its stream,
COLLECTION-ID, which merge the same way everywhere; nothing is lost, and everything
can be undone. A collection's schema says what its properties are called and mean:

  {"properties":{"name":{"kind":"register","type":"text"},
                 "tags":{"kind":"set","type":"text"}}}

Kinds are register, reference, counter, set, map and list; types are text, bool, int64,
float64, decimal, time, bytes, json and, of references, ref. With --server the store is
a server's, otherwise it is opened here.`,
		Example: `  nacre entities declare albums schema.json
  nacre entities create albums a-1 '{"name":"Origin","tags":["rock"]}'
  nacre entities edit albums a-1 --set year=2001 --add tags=live
  nacre query albums "year > 2000 ORDER BY year"
  nacre entities show albums a-1`,
		Args: takes(0, 0),
	}
	cmd.RunE = func(cmd *cobra.Command, _ []string) error { return cmd.Help() }
	for _, c := range []*cobra.Command{
		p.declareCommand(), p.collectionsCommand(), p.schemaCommand(),
		p.createEntityCommand(), p.editEntityCommand(), p.steersEntity("delete", "Delete an entity; its history stays, and restore brings it back"),
		p.steersEntity("restore", "Bring a deleted entity back"), p.transactCommand(), p.undoCommand(),
		p.showEntityCommand(), p.historyCommand(), p.diffEntityCommand(), p.conflictsCommand(), p.watchEntityCommand(),
	} {
		cmd.AddCommand(p.onServer(c))
	}
	return cmd
}

// actorFlag is who does it. A server knows its callers, and says who it was unless they say it themselves; elsewhere it is
// who is logged in.
func (p *program) actorFlag(cmd *cobra.Command) {
	cmd.Flags().StringVar(&p.actor, "actor", "", "`who` does it, for the history; unless given, who is logged in, or whose key it is")
}

// actorOf is who edits.
func (p *program) actorOf() string {
	known := p.remote.url != "" && (p.remote.apiKey != "" || p.remote.clientCert != "")
	if p.actor != "" || known {
		return p.actor
	}
	return os.Getenv("USER")
}

func (p *program) declareCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "declare COLLECTION FILE|-",
		Short: "Give a collection a schema, or another one",
		Long: `Give a collection a schema, or another one, from a file or the standard input ("-"). What
the schema prints can be changed and declared again: a property under another name with the
same id is renamed, another type is another property that shows what can be cast, and one
that is left out is not shown, while its history stays.`,
		Example: `  nacre entities declare albums schema.json
  echo '{"properties":{"name":{"kind":"register","type":"text"}}}' | nacre entities declare albums -`,
		Args: takes(2, 2),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the collection as one JSON object, as the server's route gives it")
	p.actorFlag(cmd)
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		schema, err := p.fileOf(args[1])
		if err != nil {
			return err
		}
		if !json.Valid(schema) {
			return &inputError{nacre.Errorf(nacre.CodeInvalid, "%s is no JSON: give {\"properties\":{…}}", sourceName(args[1]))}
		}
		return p.entitiesOf(ctx, declareEntities, func(ctx context.Context, s entitySource) error {
			c, err := s.declare(ctx, args[0], schema)
			if err != nil {
				return ofInput(err)
			}
			if asJSON {
				return printJSON(p.out, *c)
			}
			declared, err := schemaOf(c)
			if err != nil {
				return err
			}
			_, err = fmt.Fprintf(p.out, "collection %s has %s\n", c.Name, schemaText(declared))
			return err
		})
	})
	return cmd
}

// ofInput says that what is wrong stood in a file.
func ofInput(err error) error {
	if nacre.CodeOf(err) == nacre.CodeInvalid {
		return &inputError{err}
	}
	return err
}

func sourceName(file string) string {
	if file == "-" {
		return "the standard input"
	}
	return file
}

// fileOf is a file's text, or that of the standard input for "-".
func (p *program) fileOf(name string) ([]byte, error) {
	if name == "-" {
		return p.readData()
	}
	const most = 64 << 20
	file, err := os.Open(name)
	if err != nil {
		return nil, &inputError{nacre.Errorf(nacre.CodeInvalid, "the file cannot be read: %w", err)}
	}
	defer file.Close() //nolint:errcheck // it was read only
	text, err := io.ReadAll(io.LimitReader(file, most+1))
	switch {
	case err != nil:
		return nil, &inputError{nacre.Errorf(nacre.CodeInvalid, "the file cannot be read: %w", err)}
	case len(text) > most:
		return nil, nacre.Errorf(nacre.CodeTooLarge, "%s has more than %d bytes", name, most)
	case len(bytes.TrimSpace(text)) == 0:
		return nil, &inputError{nacre.Errorf(nacre.CodeInvalid, "%s is empty", name)}
	}
	return text, nil
}

func (p *program) collectionsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "collections", Short: "List the collections of a store", Args: takes(0, 0)}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, _ []string) error {
		return p.entitiesOf(ctx, readEntities, func(ctx context.Context, s entitySource) error {
			list, err := s.collections(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, list...)
			}
			if len(list) == 0 {
				p.note("store %q has no collections: declare one", p.store)
				return nil
			}
			table := columns{heads: []string{"NAME", "PROPERTIES"}}
			for i := range list {
				schema, err := schemaOf(&list[i])
				if err != nil {
					return err
				}
				table.add(list[i].Name, schemaText(schema))
			}
			return table.write(p.out)
		})
	})
	return cmd
}

func (p *program) schemaCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "schema COLLECTION", Short: "Print a collection's schema, to change it and declare it again", Args: takes(1, 1),
	}
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		return p.entitiesOf(ctx, readEntities, func(ctx context.Context, s entitySource) error {
			c, err := s.collection(ctx, args[0])
			if err != nil {
				return err
			}
			_, err = p.out.Write(indented(c.Schema))
			return err
		})
	})
	return cmd
}

// object is an argument, or the standard input for "-", that has to be an object in JSON.
func (p *program) object(text string) (json.RawMessage, error) {
	out := json.RawMessage(text)
	where := fmt.Sprintf("%q", plain(text, 80))
	if text == "-" {
		var err error
		if out, err = p.readData(); err != nil {
			return nil, err
		}
		where = "the standard input"
	}
	trimmed := bytes.TrimSpace(out)
	if json.Valid(trimmed) && trimmed[0] == '{' {
		return trimmed, nil
	}
	err := nacre.Errorf(nacre.CodeInvalid, `%s is no object in JSON, as {"name":"…"} is`, where)
	if text == "-" {
		return nil, &inputError{err}
	}
	return nil, err
}

func (p *program) createEntityCommand() *cobra.Command {
	var edit editFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "create COLLECTION [ID] [JSON|-]",
		Short: "Create an entity, and print its id",
		Long: `Create an entity, and print its id. JSON has the values of its properties, by name; "-" reads
it from the standard input. They can be given as flags as well, or after it. Without an ID one
is made.`,
		Example: `  nacre entities create albums '{"name":"Origin","tags":["rock"]}'
  nacre entities create albums a-1 --set name=Origin --add tags=rock`,
		Args: takes(1, 3),
	}
	edit.flags(cmd)
	_ = cmd.Flags().MarkHidden("remove") // there is nothing yet
	cmd.Flags().BoolVar(&asJSON, "json", false, "print where in the log it stands, as the server's route gives it")
	p.actorFlag(cmd)
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		e := wire.EntityEdit{Do: "create", Collection: args[0]}
		rest := args[1:]
		if len(rest) > 0 && !looksLikeObject(rest[0]) {
			if e.ID, rest = rest[0], rest[1:]; e.ID == "" {
				return nacre.Errorf(nacre.CodeInvalid, "ID: is empty: leave it out, and one is made")
			}
		}
		if len(rest) > 1 {
			return nacre.Errorf(nacre.CodeInvalid, "%q is given behind the values: the ID stands in front of them", plain(rest[1], 80))
		}
		if len(rest) == 1 {
			var err error
			if e.Values, err = p.object(rest[0]); err != nil {
				return err
			}
		}
		return p.entitiesOf(ctx, editEntities, func(ctx context.Context, s entitySource) error {
			edits, err := withFlags(ctx, s, e, &edit)
			if err != nil {
				return err
			}
			done, err := s.apply(ctx, edits...)
			if err != nil {
				return alone(err)
			}
			if asJSON {
				done.IDs = done.IDs[:1]
				return printJSON(p.out, *done)
			}
			_, err = fmt.Fprintln(p.out, done.IDs[0])
			return err
		})
	})
	return cmd
}

func looksLikeObject(text string) bool {
	return text == "-" || strings.HasPrefix(strings.TrimSpace(text), "{")
}

// withFlags is an edit, and behind it what the flags say, which is one transaction.
func withFlags(ctx context.Context, s entitySource, e wire.EntityEdit, flags *editFlags) ([]wire.EntityEdit, error) {
	if !flags.given() {
		return []wire.EntityEdit{e}, nil
	}
	c, err := s.collection(ctx, e.Collection)
	if err != nil {
		return nil, err
	}
	schema, err := schemaOf(c)
	if err != nil {
		return nil, err
	}
	patch, err := flags.patch(schema)
	if err != nil {
		return nil, err
	}
	if e.Do == "patch" && e.Patch == nil {
		e.Patch = patch
		return []wire.EntityEdit{e}, nil
	}
	if e.ID == "" {
		e.ID = nacre.NewID()
	}
	return []wire.EntityEdit{e, {Do: "patch", Collection: e.Collection, ID: e.ID, Patch: patch}}, nil
}

func (p *program) editEntityCommand() *cobra.Command {
	var edit editFlags
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "edit COLLECTION ID [JSON|-]",
		Short: "Change an entity",
		Long: `Change an entity, by flags or by JSON, {"set":{…},"add":{…},"remove":{…}}, each by property.

What is set replaces what was shown, and nothing that others write meanwhile; what is added
and removed goes together with what others do. What changes nothing writes nothing, unless
it settles a conflict. VALUES of text properties are taken as they are, the others are JSON.`,
		Example: `  nacre entities edit albums a-1 --set name='Origin of Symmetry' --add tags=rock --remove tags=live
  nacre entities edit albums a-1 --add plays=1 --set notes.side=B --remove year
  nacre entities edit albums a-1 '{"set":{"year":2001},"add":{"tracks":{"at":0,"values":["New Born"]}}}'`,
		Args: takes(2, 3),
	}
	edit.flags(cmd)
	cmd.Flags().BoolVar(&asJSON, "json", false, "print where in the log it stands, as the server's route gives it")
	p.actorFlag(cmd)
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		e := wire.EntityEdit{Do: "patch", Collection: args[0], ID: args[1]}
		if len(args) == 3 {
			var err error
			if e.Patch, err = p.object(args[2]); err != nil {
				return err
			}
		} else if !edit.given() {
			return nacre.Errorf(nacre.CodeInvalid, `there is nothing to do: give --set, --add or --remove, or {"set":{…}}`)
		}
		return p.editOne(ctx, e, &edit, asJSON)
	})
	return cmd
}

// steersEntity is "delete" or "restore".
func (p *program) steersEntity(do, short string) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: do + " COLLECTION ID", Short: short, Args: takes(2, 2)}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print where in the log it stands, as the server's route gives it")
	p.actorFlag(cmd)
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		return p.editOne(ctx, wire.EntityEdit{Do: do, Collection: args[0], ID: args[1]}, &editFlags{}, asJSON)
	})
	return cmd
}

// alone is an error of one edit, of which the request need not say which it was.
func alone(err error) error {
	wrong, ok := errors.AsType[*nacre.Error](err)
	if !ok {
		return err
	}
	told := *wrong
	for _, prefix := range []string{"edits[0].", "edits[1].", "edits[0]", "edits[1]"} {
		told.Field = strings.TrimPrefix(told.Field, prefix)
	}
	return &told
}

// editOne edits an entity, and tells of it.
func (p *program) editOne(ctx context.Context, e wire.EntityEdit, flags *editFlags, asJSON bool) error {
	if e.ID == "" {
		return nacre.Errorf(nacre.CodeInvalid, "ID: is empty: give that of the entity")
	}
	return p.entitiesOf(ctx, editEntities, func(ctx context.Context, s entitySource) error {
		edits, err := withFlags(ctx, s, e, flags)
		if err != nil {
			return err
		}
		done, err := s.apply(ctx, edits...)
		if err != nil {
			return alone(err)
		}
		return p.tellEdits(edits[:1], done, asJSON)
	})
}

// tellEdits tells what edits came to.
func (p *program) tellEdits(edits []wire.EntityEdit, done *wire.TransactionReply, asJSON bool) error {
	if asJSON {
		done.IDs = done.IDs[:len(edits)]
		return printJSON(p.out, *done)
	}
	if done.LastPosition == 0 {
		p.note("there was nothing to change")
		return nil
	}
	var b strings.Builder
	for i := range edits {
		fmt.Fprintf(&b, "%s\n", editText(&edits[i], done.IDs[i]))
	}
	text := b.String()
	if len(edits) == 1 {
		text = strings.TrimSuffix(text, "\n") + ", " + committedText(&done.Committed) + "\n"
	}
	if _, err := io.WriteString(p.out, text); err != nil || len(edits) == 1 {
		return err
	}
	p.note("%s committed as one, %s", count(len(edits), "edit was", "edits were"), committedText(&done.Committed))
	return nil
}

func (p *program) watchEntityCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "watch COLLECTION ID",
		Short: "Print an entity, and again whenever it changes, until interrupted",
		Long: `Print an entity as one JSON object a line, and again whenever it changes, until it is
interrupted. Changes that come at once may be one line.`,
		Example: `  nacre entities watch albums a-1 | jq -c .values`,
		Args:    takes(2, 2),
	}
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		err := p.entitiesOf(ctx, watchEntities, func(ctx context.Context, s entitySource) error {
			for v, err := range s.watch(ctx, args[0], args[1]) {
				if err != nil {
					return err
				}
				if err := printJSON(p.out, *v); err != nil {
					return err
				}
			}
			return nil
		})
		return followed(ctx, err)
	})
	return cmd
}
