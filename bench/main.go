// Command bench measures this store beside the limit of the disk and beside its peers, in one run on one
// machine, and writes what it found.
//
// Entry points: go run . runs the cases that need no preparation; go run . -large also builds a store of
// 20 million events and measures it; -quick shows in about a minute that everything works.
//
// What holds for every figure:
//
//  1. What is compared is measured in the same run, in short slices in rotation, on the same file system,
//     with the same events, the same number of writers, and expected versions on. Medians are compared.
//  2. Every contender syncs before it acknowledges. After each case a sample of streams is read back.
//  3. The bare loop writes real lines of this store, made beforehand, in groups as large as all writers'
//     next events together, and syncs each group.
//
// It starts servers in its own process or on a unix socket, and ends those that it started. It writes below
// the folder -dir and to the file -out, and removes what it made, but for the large store with -keep.
//
// Sizes are in bytes, rates in events a second. It exits with 0 when it measured everything, whether the
// goals were reached or not, with 1 where something failed, and with 2 for wrong flags.
//
// What it does not do: it does not measure networks but the loopback, replicas, or stores that share a machine with others.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	if len(os.Args) > 1 && os.Args[1] == childArg {
		os.Exit(childMain(os.Args[2:]))
	}
	os.Exit(run(os.Args[1:], os.Stdout, os.Stderr))
}

func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	s, out, timeout, err := parse(args, stderr)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "bench:", err)
		return 2
	}
	ctx, cancel := context.WithTimeoutCause(ctx, timeout, fmt.Errorf("the run took longer than -timeout, %s", timeout))
	defer cancel()
	r := newReport(stderr, s.dir)
	if err := measure(ctx, &s, r); err != nil {
		if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
			err = fmt.Errorf("%w: %w", cause, err)
		}
		_, _ = fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	err = r.write(stdout)
	if out != "" {
		err = errors.Join(err, r.save(out))
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "bench:", err)
		return 1
	}
	return 0
}

// parse makes settings of the flags.
func parse(args []string, stderr io.Writer) (s settings, out string, timeout time.Duration, err error) {
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(stderr)
	quick := flags.Bool("quick", false, "a short run, which shows that everything works; nothing is written to -out unless it is given")
	large := flags.Bool("large", false, "also the case large, with its 20 million events")
	cases := flags.String("cases", "", "only these cases, separated by commas: "+strings.Join(caseNames, ","))
	flags.StringVar(&s.dir, "dir", os.TempDir(), "the folder in which stores are made, on the disk that is to be measured")
	flags.StringVar(&s.largeDir, "large-dir", "", "the folder of the large store, used again where it is whole (default nacre-bench-large in -dir)")
	events := flags.Int("events", 0, "events of the large store (default 20 million, 200,000 with -quick)")
	flags.BoolVar(&s.keep, "keep", false, "keep the large store that this run builds")
	flags.StringVar(&out, "out", "RESULTS.md", "the file that the report is written to")
	flags.DurationVar(&timeout, "timeout", 2*time.Hour, "the most that the run may take")
	if err := flags.Parse(args); err != nil {
		return s, "", 0, err
	}
	if flags.NArg() > 0 {
		return s, "", 0, fmt.Errorf("%q is not a flag", flags.Arg(0))
	}
	given := make(map[string]bool)
	flags.Visit(func(f *flag.Flag) { given[f.Name] = true })
	paths := s
	if s = fullSettings(); *quick {
		s = quickSettings()
		if !given["out"] {
			out = ""
		}
	}
	s.dir, s.largeDir, s.keep = paths.dir, paths.largeDir, paths.keep
	if s.largeDir == "" {
		s.largeDir = filepath.Join(s.dir, "nacre-bench-large")
	}
	if given["events"] {
		s.largeEvents = *events
	}
	s.cases = caseNames[:len(caseNames)-1]
	if *large {
		s.cases = caseNames
	}
	if given["cases"] {
		s.cases = strings.Split(*cases, ",")
	}
	return s, out, timeout, s.validate()
}

// measure runs the cases, each in a folder of its own.
func measure(ctx context.Context, s *settings, r *report) error {
	runs := map[string]func(context.Context, *settings, *report, string) error{
		"peers": peersCase, "sustained": sustainedCase, "batches": batchesCase,
		"conditions": conditionsCase, "read": readCase,
		"commands": commandsCase, "folds": foldsCase, "server": serverCase, "fanout": fanout, "delivery": deliveryCase,
		"wasm": wasmCase, "entities": entitiesCase, "live": liveCase, "large": largeCase,
	}
	for _, name := range caseNames {
		if !slices.Contains(s.cases, name) {
			continue
		}
		if err := inFolder(s.dir, name, func(dir string) error { return runs[name](ctx, s, r, dir) }); err != nil {
			return fmt.Errorf("case %s: %w", name, err)
		}
	}
	return nil
}

// inFolder makes a folder for a case, and removes it again.
func inFolder(parent, name string, run func(dir string) error) error {
	dir, err := os.MkdirTemp(parent, "nacre-bench-"+name+"-")
	if err != nil {
		return err
	}
	// A database's server may run as another user, who has to come through to its own folder.
	err = os.Chmod(dir, 0o711)
	if err == nil {
		err = run(dir)
	}
	return errors.Join(err, os.RemoveAll(dir))
}
