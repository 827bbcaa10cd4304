package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/storage/filestore"
	"github.com/nacredb/nacre/wire"
	"github.com/spf13/cobra"
)

func (p *program) appendCommand() *cobra.Command {
	var expect, metadata, id string
	var tags []string
	cmd := &cobra.Command{
		Use:     "append STREAM TYPE [JSON|-]",
		GroupID: "write",
		Short:   "Append one event to a stream and print its stored line",
		Long: `Append one event to a stream and print its stored line.

JSON is the event's data, any JSON value; "-" reads it from the standard input,
and without it the data is {}. Data that begins with a minus is given behind "--".
With --id the same command can be run again: an id that the stream holds already,
with the same type and data, prints the line of the first time and writes nothing.`,
		Example: `  nacre append order-1 order.placed '{"total":30}' --expect no_stream --tag customer:7
  echo '{"carrier":"DHL"}' | nacre append order-1 order.shipped - --expect 0`,
		Args: takes(2, 3),
	}
	f := cmd.Flags()
	f.StringVar(&expect, "expect", "any", "the `version` that the stream must have: any, no_stream, stream_exists or a number")
	f.StringArrayVar(&tags, "tag", nil, "a `tag` of the event; may be repeated")
	f.StringVar(&metadata, "metadata", "", "metadata, an `object` in JSON")
	f.StringVar(&id, "id", "", "the event's `id`, which makes the append idempotent; made by the store unless given")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		expected, err := nacre.ParseExpectedVersion(expect)
		if err != nil {
			return nacre.Errorf(nacre.CodeInvalid, "--expect: %q is not a version: give any, no_stream, stream_exists or a number from 0", expect)
		}
		if f.Changed("id") && id == "" {
			return nacre.Errorf(nacre.CodeInvalid, "--id: is empty: give 1 to 64 printable characters, or leave it out")
		}
		event := nacre.Event{Type: args[1], Data: json.RawMessage("{}"), ID: id, Tags: tags, Metadata: json.RawMessage(metadata)}
		fromInput := false
		if len(args) == 3 {
			event.Data = json.RawMessage(args[2])
			if fromInput = args[2] == "-"; fromInput {
				if event.Data, err = p.readData(); err != nil {
					return err
				}
			}
		}
		return p.writing(ctx, filestore.Always, func(ctx context.Context, s *nacre.Store) error {
			stream := nacre.StreamID(args[0])
			done, err := s.Append(ctx, stream, expected, event)
			if err != nil {
				if fromInput {
					err = &inputError{err}
				}
				return err
			}
			return p.printAppended(ctx, s, stream, &done)
		})
	})
	return cmd
}

// readData reads an event's data from the standard input, up to more than a store takes.
func (p *program) readData() (json.RawMessage, error) {
	const most = 64 << 20
	data, err := io.ReadAll(io.LimitReader(p.in, most+1))
	if err != nil {
		return nil, nacre.Errorf(nacre.CodeInternal, "the standard input cannot be read: %w", err)
	}
	if len(data) > most {
		return nil, nacre.Errorf(nacre.CodeTooLarge, "the standard input has more than %d bytes", most)
	}
	if len(data) == 0 {
		return nil, &inputError{nacre.Errorf(nacre.CodeInvalid, `the standard input is empty: give a JSON value, or leave "-" out`)}
	}
	return data, nil
}

func (p *program) printAppended(ctx context.Context, s *nacre.Store, stream nacre.StreamID, done *nacre.Appended) error {
	// The event is durable: what goes wrong from here on must not look as if it were not.
	ctx = context.WithoutCancel(ctx)
	at := done.Position()
	_, err := p.printLines(s.ReadLines(ctx, nacre.Filter{{Streams: []nacre.StreamID{stream}}}, &nacre.ReadOptions{After: at - 1, Before: at + 1}))
	if nacre.CodeOf(err) == wire.CodeForbidden {
		// A key that may write and not read: the line without its checksum is what the answer tells.
		err = p.printEvents(done.Events)
	}
	if err != nil {
		return fmt.Errorf("the event was appended at position %d, but its line could not be printed: %w", at, err)
	}
	return nil
}

func (p *program) printEvents(events []nacre.Event) error {
	for i := range events {
		line, err := events[i].MarshalJSON()
		if err != nil {
			return err
		}
		if _, err := p.out.Write(append(line, '\n')); err != nil {
			return err
		}
	}
	return nil
}
