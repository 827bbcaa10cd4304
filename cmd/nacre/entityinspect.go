package main

import (
	"bufio"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/wire"
	"github.com/spf13/cobra"
)

func (p *program) showEntityCommand() *cobra.Command {
	var at []string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "show COLLECTION ID",
		Short: "Tell all about an entity: values, conflicts, damage, what waits",
		Long: `Tell all about an entity, also about one that is deleted: its values; its heads, which are the
events that the next edit has as parents; conflicts, which are places where several wrote
different values at once, with who wrote what; what of its events cannot be read; and what waits
for events that are not there.

With --at it is the entity as it was at events: as those saw it who wrote them.`,
		Example: `  nacre entities show albums a-1
  nacre entities show albums a-1 --json | jq .conflicts`,
		Args: takes(2, 2),
	}
	f := cmd.Flags()
	f.StringSliceVar(&at, "at", nil, "as it was at these `events`: their ids, with commas between")
	f.BoolVar(&asJSON, "json", false, "as one JSON object, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		return p.entitiesOf(ctx, readEntities, func(ctx context.Context, s entitySource) error {
			if f.Changed("at") {
				v, err := s.at(ctx, args[0], args[1], at)
				if err != nil {
					return err
				}
				if asJSON {
					return printJSON(p.out, *v)
				}
				return showView(p.out, v, [][2]string{{"at", strings.Join(at, " ")}})
			}
			i, err := s.inspect(ctx, args[0], args[1])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, *i)
			}
			return showInspection(p.out, i)
		})
	})
	return cmd
}

// showView prints an entity, with what else there is to say of it on top.
func showView(to io.Writer, v *wire.EntityReply, about [][2]string) error {
	var b strings.Builder
	writeView(&b, v, about)
	_, err := io.WriteString(to, b.String())
	return err
}

func writeView(b *strings.Builder, v *wire.EntityReply, about [][2]string) {
	fmt.Fprintf(b, "%s %s\n", v.Collection, quotable(v.ID))
	state := "live"
	if v.Deleted {
		state = "deleted"
	}
	writeMembers(b, "  ", slices.Concat([][2]string{{"state", state}}, about))
	names, values := sortedMembers(v.Values)
	if len(names) == 0 {
		return
	}
	members := make([][2]string, len(names))
	for i, name := range names {
		members[i] = [2]string{plain(name, 0), plain(valueText(values[name]), 0)}
	}
	b.WriteString("values\n")
	writeMembers(b, "  ", members)
}

// sortedMembers are the members of an object in JSON, and their names, sorted.
func sortedMembers(text json.RawMessage) ([]string, map[string]json.RawMessage) {
	var members map[string]json.RawMessage
	_ = json.Unmarshal(text, &members) // what the store wrote; null and nothing have none
	names := make([]string, 0, len(members))
	for name := range members {
		names = append(names, name)
	}
	slices.Sort(names)
	return names, members
}

func showInspection(to io.Writer, i *entity.Inspection) error {
	var b strings.Builder
	writeView(&b, entityReply(&i.View), [][2]string{
		{"heads", cmp.Or(strings.Join(i.Heads, " "), "none yet")},
		{"events", strconv.FormatInt(i.Events, 10)},
		{"position", fmt.Sprint(i.Position)},
	})
	if len(i.Conflicts) > 0 {
		b.WriteString("conflicts\n")
	}
	for k := range i.Conflicts {
		c := &i.Conflicts[k]
		b.WriteString("  " + placeText(c) + "\n")
		var members [][2]string
		for _, s := range slices.Backward(c.Survivors) {
			mark := "not shown"
			if s.Shown {
				mark = "shown"
			}
			members = append(members, [2]string{mark, plain(string(s.Value), maxCell) + " by " + survivorText(&s)})
		}
		writeMembers(&b, "    ", members)
	}
	if len(i.Damage) > 0 {
		b.WriteString("damage, which has no effect\n")
	}
	for _, d := range i.Damage {
		b.WriteString("  " + d.EventID + "  " + damageText(&d) + "\n")
	}
	if len(i.Waiting) > 0 {
		b.WriteString("waiting\n")
	}
	for _, w := range i.Waiting {
		names := make([]string, len(w.For))
		for k, m := range w.For {
			names[k] = m.EventID + " of " + quotable(string(m.StreamID))
		}
		fmt.Fprintf(&b, "  %s at position %d waits for %s\n", w.EventID, w.Position, cmp.Or(strings.Join(names, ", "), "the rest of its transaction"))
	}
	_, err := io.WriteString(to, b.String())
	return err
}

// placeText says where a conflict is.
func placeText(c *entity.Conflict) string {
	text := plain(c.Property, 0)
	if c.Key != "" {
		text += " " + quotable(c.Key)
	}
	return text
}

func survivorText(s *entity.Survivor) string {
	return fmt.Sprintf("%s at %s in %s", cmp.Or(plain(s.Author, 40), "nobody"), s.At.Format(time.RFC3339), s.EventID)
}

func damageText(d *entity.Damage) string {
	if d.Property == "" {
		return plain(d.Problem, 0)
	}
	return plain(d.Property, 0) + ": " + plain(d.Problem, 0)
}

func (p *program) conflictsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "conflicts COLLECTION [ID]",
		Short: "List what several wrote at once, of an entity or of all",
		Long: `List the places of an entity, or of all entities of a collection, to which several wrote
different values at once. The last value of a place is the one that is shown. To settle a
conflict, set the property to the value that it should have, even if it is shown already.`,
		Args: takes(1, 2),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		return p.entitiesOf(ctx, readEntities, func(ctx context.Context, s entitySource) error {
			t := &columns{heads: []string{"ID", "PROPERTY", "VALUE", "BY", "AT", "EVENT"}}
			one := func(id string) error {
				list, err := s.conflicts(ctx, args[0], id)
				if err != nil {
					return err
				}
				for i := range list {
					if asJSON {
						if err := printJSON(p.out, conflictLine{ID: id, Conflict: list[i]}); err != nil {
							return err
						}
					}
					for _, w := range list[i].Survivors {
						t.add(quotable(id), placeText(&list[i]), plain(string(w.Value), maxCell),
							cmp.Or(plain(w.Author, 40), "-"), w.At.Format(time.RFC3339), w.EventID)
					}
				}
				return nil
			}
			if err := eachOf(ctx, s, args, one); err != nil {
				return err
			}
			if len(t.rows) == 0 {
				p.note("there are no conflicts")
				return nil
			}
			if asJSON {
				return nil
			}
			return t.write(p.out)
		})
	})
	return cmd
}

// conflictLine is a conflict of some entity.
type conflictLine struct {
	ID string `json:"id"`
	entity.Conflict
}

// eachOf calls do with the id that is given, or with those of all entities of the collection.
func eachOf(ctx context.Context, s entitySource, args []string, do func(id string) error) error {
	if len(args) > 1 {
		return do(args[1])
	}
	q := &queryRequest{Limit: allPage}
	for {
		page, err := s.query(ctx, args[0], q)
		if err != nil {
			return err
		}
		for i := range page.Entities {
			err := do(page.Entities[i].ID)
			if err != nil && nacre.CodeOf(err) != nacre.CodeNotFound && nacre.CodeOf(err) != entity.CodeDeleted {
				return err
			}
		}
		if q.After = page.Next; q.After == "" {
			return nil
		}
	}
}

func (p *program) diffEntityCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff COLLECTION ID [FROM [TO]]",
		Short: "Tell what differs between two states of an entity",
		Long: `Tell what differs between two states of an entity. FROM and TO are ids of events, with commas
between where several are meant together. Without TO it is now, without FROM before
there was anything.`,
		Example: `  nacre entities diff albums a-1 01JD3Y8Q0V3M8S2Z6T5N9K4RWA`,
		Args:    takes(2, 4),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, `one JSON object a line, {"property":…,"old":…,"new":…}`)
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		var states [2][]string
		for i, text := range args[2:] {
			states[i] = strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' })
			if len(states[i]) == 0 {
				return nacre.Errorf(nacre.CodeInvalid, "%s: is empty: give ids of events, or leave it out", []string{"FROM", "TO"}[i])
			}
		}
		return p.entitiesOf(ctx, readEntities, func(ctx context.Context, s entitySource) error {
			list, err := s.diff(ctx, args[0], args[1], states[0], states[1])
			if err != nil {
				return err
			}
			if len(list) == 0 {
				p.note("nothing differs")
			}
			if asJSON || len(list) == 0 {
				return printJSON(p.out, list...)
			}
			t := &columns{heads: []string{"PROPERTY", "BEFORE", "AFTER"}}
			for _, d := range list {
				t.add(plain(d.Property, 0), plain(valueText(d.Old), 0), plain(valueText(d.New), 0))
			}
			return p.fit(t)
		})
	})
	return cmd
}

// maxUndone is how many transactions are undone at once.
const maxUndone = 1000

func (p *program) undoCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "undo POSITION…",
		Short: "Take back what you did in the transactions at positions of the log",
		Long: `Take back what you did in the transaction at a position of the log: all that it did, to all of
its entities, in one new transaction. What others wrote since stays. Only one's own can be
undone: --actor has to be who did it. To do it again, undo the undo.

One undoes from the latest backwards: where you changed the same properties since, give all
of these positions; the error names them.`,
		Example: `  nacre entities undo 17
  nacre entities undo 17 19 22`,
		Args: takes(1, maxUndone),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print where in the log it stands, as the server's route gives it")
	p.actorFlag(cmd)
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		positions := make([]nacre.Position, len(args))
		for i, arg := range args {
			at, err := strconv.ParseUint(strings.TrimSuffix(arg, ","), 10, 63)
			if err != nil || at == 0 {
				return nacre.Errorf(nacre.CodeInvalid, "POSITION: %q is no position of the log: give numbers from 1", plain(arg, 80))
			}
			positions[i] = nacre.Position(at)
		}
		return p.entitiesOf(ctx, editEntities, func(ctx context.Context, s entitySource) error {
			done, err := s.undo(ctx, positions...)
			if wrong, ok := errors.AsType[*nacre.Error](err); ok && (wrong.Field == "commits" || wrong.Field == "positions") {
				told := *wrong
				told.Field = "POSITION"
				err = &told
			}
			switch {
			case err != nil:
				return err
			case asJSON:
				return printJSON(p.out, *done)
			case done.LastPosition == 0:
				p.note("nothing is left to undo")
				return nil
			}
			_, err = fmt.Fprintf(p.out, "undone, %s\n", committedText(done))
			return err
		})
	})
	return cmd
}

func (p *program) historyCommand() *cobra.Command {
	var o entity.HistoryOptions
	var after int64
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "history COLLECTION ID",
		Short: "Print what happened to an entity, as a graph, the newest first",
		Long: `Print what happened to an entity, as a graph, the newest first: who did what, and when. Lines
lead from each event to those whose effects its author had seen; events side by side did not
know of each other.`,
		Example: `  nacre entities history albums a-1
  nacre entities history albums a-1 --json | jq -r '.eventId + " " + .actor'`,
		Args: takes(2, 2),
	}
	f := cmd.Flags()
	f.IntVar(&o.Most, "limit", 50, "at most this `number` of events")
	f.Int64Var(&after, "after", 0, "go on behind the page that ended at this `position`")
	f.BoolVar(&asJSON, "json", false, "one JSON object a line, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		if o.Most < 1 || o.Most > wire.MaxLimit {
			return nacre.Errorf(nacre.CodeInvalid, "--limit: %d is not a number of events: give 1 to %d", o.Most, wire.MaxLimit)
		}
		if after < 0 {
			return nacre.Errorf(nacre.CodeInvalid, "--after: %d is no position of the log", after)
		}
		o.After, o.Backwards = nacre.Position(after), true
		return p.entitiesOf(ctx, readEntities, func(ctx context.Context, s entitySource) error {
			list, err := s.history(ctx, args[0], args[1], &o)
			if err != nil {
				return err
			}
			if asJSON {
				err = printJSON(p.out, list...)
			} else {
				err = drawHistory(p.out, args[0], list)
			}
			if err == nil && len(list) == o.Most && list[len(list)-1].StreamPosition > 0 {
				p.note("there may be more: give --after %d, or a greater --limit", list[len(list)-1].Position)
			}
			return err
		})
	})
	return cmd
}

// drawHistory prints entries, the newest first, beside the graph of their parents.
func drawHistory(to io.Writer, collection string, list []entity.Entry) error {
	out := bufio.NewWriter(to)
	var g graph
	for i := range list {
		e := &list[i]
		for _, line := range g.event(e.EventID, e.Parents, entryText(collection, e)) {
			_, _ = out.WriteString(line + "\n") // Flush tells
		}
	}
	return out.Flush()
}
