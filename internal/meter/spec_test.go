package meter_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/nacredb/nacre/internal/meter"
)

// The tests of the WebAssembly specification, which wazero has with it: scripts in JSON, and binaries.

type script struct {
	Commands []command `json:"commands"`
}

type command struct {
	Type     string `json:"type"`
	Line     int    `json:"line"`
	Name     string `json:"name"`
	As       string `json:"as"`
	Filename string `json:"filename"`
	Kind     string `json:"module_type"`
	Action   struct {
		Type   string     `json:"type"`
		Module string     `json:"module"`
		Field  string     `json:"field"`
		Args   []argument `json:"args"`
	} `json:"action"`
}

type argument struct {
	Type  string `json:"type"`
	Lane  string `json:"lane_type"`
	Value any    `json:"value"`
}

// bits is an argument as wazero takes it.
func (a argument) bits(t *testing.T) []uint64 {
	switch v := a.Value.(type) {
	case string:
		switch {
		case v == "null":
			return []uint64{0}
		case a.Type == "externref":
			return []uint64{number(t, v) + 1} // 0 is null
		}
		return []uint64{number(t, v)}
	case []any:
		width := 128 / len(v)
		out := []uint64{0, 0}
		for i, lane := range v {
			out[i*width/64] |= number(t, lane.(string)) << (i * width % 64)
		}
		return out
	case nil:
		return []uint64{0}
	}
	t.Fatalf("there is an argument %v", a.Value)
	return nil
}

func number(t *testing.T, s string) uint64 {
	v, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

// side is one of two ways to run a script.
type side struct {
	host   *host
	named  map[string]api.Module
	last   api.Module
	change func([]byte) ([]byte, error)
}

// instantiate gives what it came to: "" or what went wrong, in few words.
func (s *side) instantiate(binary []byte, name string) string {
	ctx := context.Background()
	changed, err := s.change(binary)
	if err != nil {
		return "refused"
	}
	compiled, err := s.host.runtime.CompileModule(ctx, changed)
	if err != nil {
		return "refused"
	}
	m, err := s.host.runtime.InstantiateModule(ctx, compiled, wazero.NewModuleConfig().WithName(name).WithStartFunctions())
	if err != nil {
		return "not started"
	}
	s.last = m
	return ""
}

func (s *side) module(name string) api.Module {
	if name == "" {
		return s.last
	}
	return s.named[name]
}

func (s *side) act(t *testing.T, c *command) (string, []uint64) {
	m := s.module(c.Action.Module)
	if c.Action.Type == "get" {
		return "", []uint64{m.ExportedGlobal(c.Action.Field).Get()}
	}
	var args []uint64
	for _, a := range c.Action.Args {
		args = append(args, a.bits(t)...)
	}
	problem, results := outcome(m.ExportedFunction(c.Action.Field), args...)
	kinds := m.ExportedFunction(c.Action.Field).Definition().ResultTypes()
	for i := range results {
		if len(kinds) == len(results) && (kinds[i] == api.ValueTypeExternref || kinds[i] == funcref) {
			results[i] = min(results[i], 1) // an address of the host
		}
	}
	return problem, results
}

// TestSpecification runs the scripts, with the modules as they are and instrumented, and compares.
func TestSpecification(t *testing.T) {
	list := exec.CommandContext(t.Context(), "go", "list", "-m", "-f", "{{.Dir}}", "github.com/tetratelabs/wazero")
	dir, err := list.Output()
	if err != nil {
		t.Skip("there is no go tool:", err)
	}
	root := filepath.Join(strings.TrimSpace(string(dir)), "internal", "integration_test", "spectest")
	scripts, err := filepath.Glob(filepath.Join(root, "v2", "testdata", "*.json"))
	if err != nil || len(scripts) == 0 {
		t.Skip("this copy of wazero comes without the specification's tests:", root)
	}
	base, err := os.ReadFile(filepath.Join(root, "testdata", "spectest.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	options := &meter.Options{Every: 20, Elements: 1 << 27, Nesting: 1 << 20}
	metered := func(b []byte) ([]byte, error) {
		out, _, err := meter.Instrument(b, options)
		return out, err
	}
	for _, path := range scripts {
		name := strings.TrimSuffix(filepath.Base(path), ".json")
		if (testing.Short() || racing) && strings.HasPrefix(name, "simd") {
			continue
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var s script
			if err := json.Unmarshal(text, &s); err != nil {
				t.Fatal(err)
			}
			sides := [2]*side{}
			for i, change := range []func([]byte) ([]byte, error){func(b []byte) ([]byte, error) { return b, nil }, metered} {
				h := newHost(t, wazero.NewRuntimeConfigInterpreter())
				h.next = 20
				if _, err := h.runtime.InstantiateWithConfig(t.Context(), base, wazero.NewModuleConfig().WithName("spectest")); err != nil {
					t.Fatal(err)
				}
				sides[i] = &side{host: h, named: map[string]api.Module{}, change: change}
			}
			runScript(t, filepath.Dir(path), &s, sides)
		})
	}
}

func runScript(t *testing.T, dir string, s *script, sides [2]*side) {
	skip := false // until the next module, as the one before is not for us
	for i := range s.Commands {
		c := &s.Commands[i]
		switch c.Type {
		case "register":
			continue // done with the module
		case "module", "assert_invalid", "assert_malformed", "assert_unlinkable", "assert_uninstantiable":
			if c.Kind == "text" {
				continue
			}
			binary, err := os.ReadFile(filepath.Join(dir, c.Filename))
			if err != nil {
				t.Fatal(err)
			}
			as := ""
			if i+1 < len(s.Commands) && s.Commands[i+1].Type == "register" {
				as = s.Commands[i+1].As
			}
			want, got := sides[0].instantiate(binary, as), sides[1].instantiate(binary, as)
			if want != got {
				t.Errorf("line %d, %s: %s is %q as it is, and %q instrumented", c.Line, c.Type, c.Filename, want, got)
			}
			skip = want != "" || got != ""
			if !skip && c.Name != "" {
				for _, side := range sides {
					side.named[c.Name] = side.last
				}
			}
		case "action", "assert_return", "assert_trap", "assert_exhaustion":
			if c.Action.Module == "" && skip {
				continue
			}
			wantErr, want := sides[0].act(t, c)
			gotErr, got := sides[1].act(t, c)
			if c.Type == "assert_exhaustion" {
				wantErr, gotErr = first(wantErr), first(gotErr)
			}
			if wantErr != gotErr || !slices.Equal(want, got) {
				t.Errorf("line %d: %s%v gives %v, %q as it is, and %v, %q instrumented", c.Line, c.Action.Field, c.Action.Args, want, wantErr, got, gotErr)
			}
		default:
			t.Errorf("line %d: there is no command %s", c.Line, c.Type)
		}
	}
}

// first tells only whether something went wrong: a stack ends in other ways than a depth.
func first(problem string) string {
	if problem != "" {
		return "it ended"
	}
	return ""
}
