package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
	"github.com/spf13/cobra"
)

// moduleCommands are the parts of "wasm" that are about a store.
func (p *program) moduleCommands() []*cobra.Command {
	list := []*cobra.Command{
		p.publishModuleCommand(), p.executeCommand(), p.stateCommand(),
		p.listModulesCommand(), p.showModuleCommand(), p.moduleVersionsCommand(), p.diffModuleCommand(),
		p.pinModuleCommand(), p.unpinModuleCommand(), p.rollBackModuleCommand(), p.retireModuleCommand(),
	}
	for _, c := range list {
		p.onServer(c)
	}
	return list
}

func (p *program) publishModuleCommand() *cobra.Command {
	var params wire.PublishParams
	var running, call time.Duration
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "publish NAME FILE",
		Short: "Publish a module, or a new version of it",
		Long: `Publish a module, or a new version of it. NAME is the aggregate's, as the module calls
itself, and the category of its streams.

The module's own tests are run, and a sample of the streams that are there is folded by it
and by the version that is active. What speaks against it is told, and then nothing is
written. Otherwise it executes the category's commands from then on, unless the module is
pinned.`,
		Example: `  nacre wasm publish counter counter.wasm
  nacre wasm publish counter counter.wasm --dry-run --server http://127.0.0.1:4321`,
		Args: takes(2, 2),
	}
	f := cmd.Flags()
	f.BoolVar(&params.DryRun, "dry-run", false, "look at everything, and write nothing")
	f.Int64Var(&params.Limits.Memory, "memory", 0, "what an instance may have, in `bytes`; 64 MiB unless given")
	f.DurationVar(&running, "running", 0, "the `time` that a call may run; 1s unless given")
	f.DurationVar(&call, "call", 0, "the `time` that a call may take, waiting included; 10s unless given")
	f.BoolVar(&asJSON, "json", false, "as one JSON object, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		binary, err := readModule(args[1])
		if err != nil {
			return err
		}
		if params.Limits.Memory < 0 || running < 0 || call < 0 {
			return nacre.Errorf(nacre.CodeInvalid, "--memory, --running and --call are limits: give more than 0")
		}
		params.Limits.RunningMS, params.Limits.CallMS = wholeMillis(running), wholeMillis(call)
		return p.modulesOf(ctx, !params.DryRun, func(ctx context.Context, s moduleStore) error {
			done, err := s.publish(ctx, args[0], binary, &params)
			if err != nil {
				return refusalText(err)
			}
			if asJSON {
				return printJSON(p.out, done)
			}
			_, err = fmt.Fprintln(p.out, published(args[0], &done))
			return err
		})
	})
	return cmd
}

// wholeMillis is a time in milliseconds, rounded up.
func wholeMillis(d time.Duration) int64 { return (d + time.Millisecond - 1).Milliseconds() }

// readModule reads a module's file.
func readModule(file string) ([]byte, error) {
	binary, err := os.ReadFile(file)
	switch {
	case err != nil:
		return nil, &inputError{nacre.Errorf(nacre.CodeInvalid, "the module cannot be read: %w", err)}
	case len(binary) == 0:
		return nil, &inputError{nacre.Errorf(nacre.CodeInvalid, "%s is empty", file)}
	}
	return binary, nil
}

// refusalText is a refusal with each reason on a line of its own.
func refusalText(err error) error {
	var refused *wire.ModuleError
	if !errors.As(err, &refused) || len(refused.Reasons) < 2 {
		return err
	}
	return nacre.Errorf(wire.CodeModuleRefused, "module %q is refused\n  - %s", refused.Name, strings.Join(refused.Reasons, "\n  - "))
}

func published(name string, done *wire.PublishReply) string {
	v := fmt.Sprintf("version %d of %s (%s, %.12s)", done.Version.Version, name, sizeText(int64(done.Version.Size)), done.Version.Hash)
	switch {
	case done.DryRun && done.New:
		return v + " could be published"
	case done.DryRun && !done.Version.Active && !done.Module.Pinned:
		return v + " is there already, and could be active again"
	case !done.New && done.Version.Active:
		return v + " is active already"
	case done.Version.Active:
		return v + " is active"
	default:
		return fmt.Sprintf("%s is published; version %d is pinned and stays active", v, done.Module.Active)
	}
}

func (p *program) executeCommand() *cobra.Command {
	var body commandBody
	var expect, metadata string
	var about commandContext
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "execute NAME ID COMMAND [JSON|-]",
		Short: "Have a command executed, and print its events",
		Long: `Have a command executed by the instance ID of the aggregate NAME, and print its events,
as the log holds them. JSON is the command's payload; "-" reads it from the standard
input, and without it the payload is {}.

Where the aggregate refuses the command, that is told, with its data, and the exit code
is 1. With --command-id the same command can be run again: it takes place once.`,
		Example: `  nacre wasm execute counter c-1 increment '{"by":2}'
  nacre wasm execute account ann deposit '{"cents":500}' --command-id deposit-17 --actor ann`,
		Args: takes(3, 4),
	}
	f := cmd.Flags()
	f.StringVar(&expect, "expect", "", "the `version` that the stream must have: any, no_stream, stream_exists or a number")
	f.StringVar(&body.CommandID, "command-id", "", "the command's `id`, with which it takes place once")
	f.StringVar(&about.Actor, "actor", "", "`who` asks")
	f.StringVar(&about.CorrelationID, "correlation-id", "", "the `id` that the chain of commands and events has in common")
	f.StringVar(&about.CausationID, "causation-id", "", "the `id` of the event or command that led to this one")
	f.StringVar(&metadata, "metadata", "", "more metadata of the events, an `object` in JSON")
	f.BoolVar(&asJSON, "json", false, "print version, events and state as one JSON object, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		var err error
		if body.Payload, err = p.payload(args); err != nil {
			return err
		}
		if metadata != "" {
			about.Metadata = json.RawMessage(metadata)
			if !json.Valid(about.Metadata) {
				return nacre.Errorf(nacre.CodeInvalid, "--metadata: is no JSON")
			}
		}
		if expect != "" {
			v, err := nacre.ParseExpectedVersion(expect)
			if err != nil {
				return nacre.Errorf(nacre.CodeInvalid, "--expect: %q is not a version: give any, no_stream, stream_exists or a number from 0", expect)
			}
			if body.Expected, err = wire.Encode(wire.Version{ExpectedVersion: v}); err != nil {
				return err
			}
		}
		body.Context = &about
		text, err := json.Marshal(&body)
		if err != nil {
			return nacre.Errorf(nacre.CodeInternal, "%w", err)
		}
		return p.modulesOf(ctx, false, func(ctx context.Context, s moduleStore) error {
			done, err := s.execute(ctx, args[0], args[1], args[2], text)
			if err != nil {
				return domainText(err)
			}
			if asJSON {
				return printJSON(p.out, done)
			}
			if len(done.Events) == 0 {
				p.note("there was nothing to do: %s is at version %d", done.StreamID, done.Version)
			}
			return p.printEvents(done.Events)
		})
	})
	return cmd
}

// payload is the fourth argument, or what the standard input has.
func (p *program) payload(args []string) (json.RawMessage, error) {
	if len(args) < 4 {
		return json.RawMessage("{}"), nil
	}
	if args[3] == "-" {
		data, err := p.readData()
		if err == nil && !json.Valid(data) {
			err = &inputError{nacre.Errorf(nacre.CodeInvalid, "the payload on the standard input is no JSON")}
		}
		return data, err
	}
	if !json.Valid([]byte(args[3])) {
		return nil, nacre.Errorf(nacre.CodeInvalid, "the payload %q is no JSON", plain(args[3], 80))
	}
	return json.RawMessage(args[3]), nil
}

// domainText is an aggregate's refusal with its type and data.
func domainText(err error) error {
	var refused *wire.DomainError
	if !errors.As(err, &refused) {
		return err
	}
	text := refused.Message
	if refused.Type != "" {
		text += "\n  type: " + refused.Type
	}
	if len(refused.Data) > 0 {
		text += "\n  data: " + string(refused.Data)
	}
	return nacre.Errorf(wire.CodeDomain, "the aggregate refuses: %s", text)
}

func (p *program) stateCommand() *cobra.Command {
	var version, position, at string
	var asJSON bool
	cmd := &cobra.Command{
		Use:     "state NAME ID",
		Short:   "Print the state of an aggregate's instance, now or at a moment",
		Example: `  nacre wasm state account ann --time 2026-11-20T12:00:00Z`,
		Args:    takes(2, 2),
	}
	f := cmd.Flags()
	f.StringVar(&version, "version", "", "right after the event at this stream `position`")
	f.StringVar(&position, "position", "", "as of a global `position`")
	f.StringVar(&at, "time", "", "as of a `time` or day")
	f.BoolVar(&asJSON, "json", false, "with version and position, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		of := url.Values{}
		for name, value := range map[string]string{"version": version, "position": position, "time": at} {
			if value != "" {
				of.Set(name, value)
			}
		}
		return p.modulesOf(ctx, false, func(ctx context.Context, s moduleStore) error {
			v, err := s.view(ctx, args[0], args[1], of)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, v)
			}
			_, err = fmt.Fprintf(p.out, "%s\n", v.State)
			return err
		})
	})
	return cmd
}

// versionArgument reads the number of a version.
func versionArgument(text string) (int, error) {
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		return 0, nacre.Errorf(nacre.CodeInvalid, "%q is no version: give a number from 1", text)
	}
	return n, nil
}

// steersModule is a command that changes a module, and tells what it is then.
func (p *program) steersModule(use, short, did string, least, most int, change func(context.Context, moduleStore, string, int) (wire.ModuleReply, error)) *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: use, Short: short, Args: takes(least, most)}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print the module as one JSON object, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		version := 0
		if len(args) > 1 {
			var err error
			if version, err = versionArgument(args[1]); err != nil {
				return err
			}
		}
		return p.modulesOf(ctx, false, func(ctx context.Context, s moduleStore) error {
			m, err := change(ctx, s, args[0], version)
			if err != nil {
				return refusalText(err)
			}
			if asJSON {
				return printJSON(p.out, m)
			}
			if m.Active == 0 {
				_, err = fmt.Fprintf(p.out, "%s %s\n", m.Name, did)
				return err
			}
			_, err = fmt.Fprintf(p.out, "%s %s: version %d is active\n", m.Name, did, m.Active)
			return err
		})
	})
	return cmd
}

func (p *program) pinModuleCommand() *cobra.Command {
	return p.steersModule("pin NAME VERSION", "Keep a version active, whatever is published", "is pinned", 2, 2,
		func(ctx context.Context, s moduleStore, name string, version int) (wire.ModuleReply, error) {
			return s.pin(ctx, name, version)
		})
}

func (p *program) unpinModuleCommand() *cobra.Command {
	return p.steersModule("unpin NAME", "Let the highest version be active again", "is not pinned", 1, 1,
		func(ctx context.Context, s moduleStore, name string, _ int) (wire.ModuleReply, error) {
			return s.unpin(ctx, name)
		})
}

func (p *program) rollBackModuleCommand() *cobra.Command {
	return p.steersModule("rollback NAME [VERSION]", "Go back to the version that was active before, or to VERSION", "was rolled back", 1, 2,
		func(ctx context.Context, s moduleStore, name string, version int) (wire.ModuleReply, error) {
			return s.rollback(ctx, name, version)
		})
}

func (p *program) retireModuleCommand() *cobra.Command {
	return p.steersModule("retire NAME", "End the commands of a module; its versions and events stay", "is retired", 1, 1,
		func(ctx context.Context, s moduleStore, name string, _ int) (wire.ModuleReply, error) {
			return s.retire(ctx, name)
		})
}
