package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wasm"
	"github.com/spf13/cobra"
)

func (p *program) testModuleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "test MODULE [CASES...]",
		Short: "Run a module's own tests, and those of files",
		Long: `Run the tests that a module has inside, and those of files: JSON arrays of cases, each
with the events that are given, a command, and what it has to come to.

  [{"name":  "nobody is overdrawn",
    "given": [{"type": "account.deposited", "data": {"cents": 70}}],
    "when":  {"command": "withdraw", "payload": {"cents": 100}},
    "then":  {"error": {"type": "overdrawn", "data": {"short": 30}}}}]

Each case is run in one go, event by event, with kept states, and after all others, which
has to come to the same. What the module logs is shown with --verbose.`,
		Example: `  nacre wasm test account.wasm account.test.json`,
		Args:    takes(1, 1000),
	}
	cmd.RunE = p.does(func(ctx context.Context, args []string) error { return p.testModule(ctx, args[0], args[1:]) })
	return cmd
}

func (p *program) testModule(ctx context.Context, file string, caseFiles []string) (err error) {
	binary, err := readModule(file)
	if err != nil {
		return err
	}
	var cases []wasm.Case
	for _, name := range caseFiles {
		text, err := os.ReadFile(name)
		if err == nil {
			var more []wasm.Case
			if more, err = wasm.ReadCases(text); err == nil {
				cases = append(cases, more...)
				continue
			}
		}
		return &inputError{nacre.Errorf(nacre.CodeInvalid, "%s: %w", name, err)}
	}
	engine, err := wasm.NewEngine(ctx, &wasm.EngineOptions{Logger: slog.New(&warnings{to: p, level: p.level()})})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, engine.Close(context.WithoutCancel(ctx))) }()
	m, err := engine.Compile(ctx, binary, nil)
	if err != nil {
		return err
	}
	cases = append(m.Tests(), cases...)
	failures, err := m.RunCases(ctx, cases)
	if err != nil {
		return err
	}
	for _, f := range failures {
		if _, err := fmt.Fprintf(p.out, "FAILED  %s\n", f); err != nil {
			return err
		}
	}
	failed := map[string]bool{}
	for _, f := range failures {
		failed[f.Case] = true
	}
	if len(failed) > 0 {
		return nacre.Errorf(codeTestsFailed, "%d of %s of %s failed", len(failed), count(len(cases), "case", "cases"), m.Description().Name)
	}
	if len(cases) == 0 {
		p.note("%s has no tests inside, and no files were given", m.Description().Name)
		return nil
	}
	_, err = fmt.Fprintf(p.out, "ok  %s: %s\n", m.Description().Name, count(len(cases), "case", "cases"))
	return err
}

// codeTestsFailed: a module was tested, and is wrong.
const codeTestsFailed nacre.Code = "TESTS_FAILED"
