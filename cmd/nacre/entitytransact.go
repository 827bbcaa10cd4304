package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
	"github.com/spf13/cobra"
)

func (p *program) transactCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "transact FILE|-",
		Short: "Make edits of any entities, all or nothing",
		Long: `Make edits of any entities, all of them or none, from a file or the standard input ("-"):
one JSON object a line, or an array of them. An edit is one of

  {"do":"create","collection":…,"id":…,"values":{…}}   the id may be left out
  {"do":"patch","collection":…,"id":…,"patch":{"set":{…},"add":{…},"remove":{…}}}
  {"do":"delete","collection":…,"id":…}
  {"do":"restore","collection":…,"id":…}

Later edits see what the earlier ones did. Nobody sees some of them without the others.`,
		Example: `  nacre entities transact edits.ndjson
  jq -c '{do:"create",collection:"albums",values:.}' albums.json | nacre entities transact -`,
		Args: takes(1, 1),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print where in the log it stands, with the entities' ids, as the server's route gives it")
	p.actorFlag(cmd)
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		text, err := p.fileOf(args[0])
		if err != nil {
			return err
		}
		edits, err := readEdits(sourceName(args[0]), text)
		if err != nil {
			return &inputError{err}
		}
		return p.entitiesOf(ctx, editEntities, func(ctx context.Context, s entitySource) error {
			done, err := s.apply(ctx, edits...)
			if err != nil {
				return ofInput(err)
			}
			return p.tellEdits(edits, done, asJSON)
		})
	})
	return cmd
}

// readEdits reads edits that stand one behind the other, or in an array.
func readEdits(source string, text []byte) ([]wire.EntityEdit, error) {
	var edits []wire.EntityEdit
	wrong := func(at int64, format string, args ...any) error {
		line := 1 + bytes.Count(text[:min(at, int64(len(text)))], []byte{'\n'})
		return nacre.Errorf(nacre.CodeInvalid, "%s, line %d: %s", source, line, fmt.Sprintf(format, args...))
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	array := bytes.HasPrefix(bytes.TrimSpace(text), []byte{'['})
	if array {
		_, _ = d.Token()
	}
	for !array || d.More() {
		begin := d.InputOffset()
		begin += int64(len(text[begin:]) - len(bytes.TrimLeft(text[begin:], ", \t\r\n")))
		var e wire.EntityEdit
		err := d.Decode(&e)
		if errors.Is(err, io.EOF) && !array {
			break
		}
		if syntax, ok := errors.AsType[*json.SyntaxError](err); ok {
			return nil, wrong(max(syntax.Offset-1, 0), "%s", syntax)
		}
		if err != nil {
			return nil, wrong(begin, "is no edit: %s", strings.TrimPrefix(err.Error(), "json: "))
		}
		if problem := editProblem(&e); problem != "" {
			return nil, wrong(begin, "%s", problem)
		}
		edits = append(edits, e)
	}
	if array {
		if _, err := d.Token(); err != nil {
			return nil, wrong(int64(len(text)), "the array does not end")
		}
		if _, err := d.Token(); !errors.Is(err, io.EOF) {
			return nil, wrong(d.InputOffset(), "something stands behind the array")
		}
	}
	if len(edits) == 0 {
		return nil, nacre.Errorf(nacre.CodeInvalid, "%s has no edits", source)
	}
	return edits, nil
}

// editProblem is what an edit lacks, or has too much.
func editProblem(e *wire.EntityEdit) string {
	creates, patches := e.Do == "create", e.Do == "patch"
	switch {
	case !creates && !patches && e.Do != "delete" && e.Do != "restore":
		return fmt.Sprintf(`"do" is %.40q: give "create", "patch", "delete" or "restore"`, e.Do)
	case e.Collection == "":
		return `"collection" is missing`
	case !creates && e.ID == "":
		return `"id" is missing: give that of the entity`
	case !creates && e.Values != nil:
		return `"values" goes with "create"`
	case !patches && e.Patch != nil:
		return `"patch" goes with "do":"patch"`
	case patches && e.Patch == nil:
		return `"patch" is missing: give {"set":{…},"add":{…},"remove":{…}}`
	}
	return ""
}
