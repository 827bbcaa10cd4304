package main

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"
	"github.com/nacredb/nacre"
	"github.com/spf13/cobra"
)

// settings are a command's flags that may also be given in the environment and in a file, by one name:
// --tls-cert, NACRE_TLS_CERT, and tls-cert in the file. Flags win over the environment, which wins over
// the file.
type settings struct {
	cmd   *cobra.Command
	names []string
}

func (s *settings) named(name string) string {
	s.names = append(s.names, name)
	return name
}

func (s *settings) text(to *string, name, value, usage string) {
	s.cmd.Flags().StringVar(to, s.named(name), value, usage)
}

func (s *settings) list(to *[]string, name string, value []string, usage string) {
	s.cmd.Flags().StringArrayVar(to, s.named(name), value, usage)
}

func (s *settings) flag(to *bool, name, usage string) {
	s.cmd.Flags().BoolVar(to, s.named(name), false, usage)
}

func (s *settings) count(to *int, name string, value int, usage string) {
	s.cmd.Flags().IntVar(to, s.named(name), value, usage)
}

func (s *settings) rate(to *float64, name string, value float64, usage string) {
	s.cmd.Flags().Float64Var(to, s.named(name), value, usage)
}

func (s *settings) time(to *time.Duration, name string, value time.Duration, usage string) {
	s.cmd.Flags().DurationVar(to, s.named(name), value, usage)
}

func (s *settings) bytes(to *size, name string, value size, usage string) {
	*to = value
	s.cmd.Flags().Var(to, s.named(name), usage)
}

// variable is the name of a setting in the environment.
func variable(name string) string {
	return "NACRE_" + strings.ToUpper(strings.ReplaceAll(name, "-", "_"))
}

// fill takes from the environment, and then from the file's table, what was not given as a flag.
func (s *settings) fill(file string, table map[string]any) error {
	for _, key := range slices.Sorted(maps.Keys(table)) {
		if !slices.Contains(s.names, key) {
			return nacre.Errorf(nacre.CodeInvalid, "%s: %q is no setting%s", file, key, s.like(key))
		}
	}
	for _, name := range s.names {
		if s.cmd.Flags().Changed(name) {
			continue
		}
		if text, there := os.LookupEnv(variable(name)); there && text != "" {
			if err := s.set(name, s.split(name, text)); err != nil {
				return nacre.Errorf(nacre.CodeInvalid, "%s: %w", variable(name), err)
			}
			continue
		}
		value, there := table[name]
		if !there {
			continue
		}
		texts, err := s.written(name, value)
		if err == nil {
			err = s.set(name, texts)
		}
		if err != nil {
			return nacre.Errorf(nacre.CodeInvalid, "%s: %s: %w", file, name, err)
		}
	}
	return nil
}

const listType = "stringArray"

// kind is what a setting's value is, in pflag's words and size's.
func (s *settings) kind(name string) string { return s.cmd.Flags().Lookup(name).Value.Type() }

func (s *settings) set(name string, texts []string) error {
	value := s.cmd.Flags().Lookup(name).Value
	for _, text := range texts {
		if err := value.Set(text); err != nil {
			return fmt.Errorf("%q is not %s", text, wanted(s.kind(name)))
		}
	}
	return nil
}

// split takes the values of a list in the environment apart.
func (s *settings) split(name, text string) []string {
	if s.kind(name) != listType {
		return []string{text}
	}
	var out []string
	for part := range strings.SplitSeq(text, ",") {
		if part = strings.TrimSpace(part); part != "" {
			out = append(out, part)
		}
	}
	return out
}

// written is a file's value as flags have it. A value of another kind than the setting's is refused: what
// was meant by it would be a guess.
func (s *settings) written(name string, value any) ([]string, error) {
	kind := s.kind(name)
	switch v := value.(type) {
	case string:
		if kind != "bool" && kind != "int" && kind != "float64" {
			return []string{v}, nil
		}
	case bool:
		if kind == "bool" {
			return []string{strconv.FormatBool(v)}, nil
		}
	case int64:
		if kind == "int" || kind == "float64" || kind == sizeType {
			return []string{strconv.FormatInt(v, 10)}, nil
		}
	case float64:
		if kind == "float64" {
			return []string{strconv.FormatFloat(v, 'g', -1, 64)}, nil
		}
	case []any:
		if kind == listType {
			out := make([]string, 0, len(v))
			for _, one := range v {
				text, ok := one.(string)
				if !ok {
					return nil, fmt.Errorf("%v is not a text in quotes", one)
				}
				out = append(out, text)
			}
			return out, nil
		}
	}
	return nil, fmt.Errorf("%v is not %s", value, wanted(kind))
}

// wanted says what a kind of value is.
func wanted(kind string) string {
	switch kind {
	case "bool":
		return "true or false"
	case "int":
		return "a whole number"
	case "float64":
		return "a number"
	case "duration":
		return `a time such as "30s" or "2m"`
	case sizeType:
		return `a size such as "32MiB"`
	case listType:
		return `a list such as ["one", "two"]`
	}
	return "a text in quotes"
}

// like names a setting that may have been meant.
func (s *settings) like(key string) string {
	plain := func(name string) string {
		return strings.NewReplacer("-", "", "_", "", "s", "").Replace(strings.ToLower(name))
	}
	for _, name := range s.names {
		if plain(name) == plain(key) {
			return fmt.Sprintf(": is %q meant?", name)
		}
	}
	return `: "nacre serve --help" lists them`
}

// strangers are variables of the environment that look like settings and are none: misspelt ones do nothing.
func (s *settings) strangers(known ...string) []string {
	var out []string
	for _, pair := range os.Environ() {
		name, _, _ := strings.Cut(pair, "=")
		switch {
		case !strings.HasPrefix(name, "NACRE_"), slices.Contains(known, name):
		// What Kubernetes sets in every container beside a service named nacre.
		case strings.HasPrefix(name, "NACRE_SERVICE_"), strings.HasPrefix(name, "NACRE_PORT"):
		case strings.HasPrefix(name, "NACRE_TEST_"):
		case !slices.ContainsFunc(s.names, func(setting string) bool { return variable(setting) == name }):
			out = append(out, name)
		}
	}
	slices.Sort(out)
	return out
}

// readTable reads a file of settings.
func readTable(file string) (map[string]any, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, nacre.Errorf(nacre.CodeInvalid, "the file of settings cannot be read: %w", err)
	}
	var table map[string]any
	if err := toml.Unmarshal(text, &table); err != nil {
		if wrong, ok := errors.AsType[toml.ParseError](err); ok {
			return nil, nacre.Errorf(nacre.CodeInvalid, "%s, line %d: %s", file, wrong.Position.Line, wrong.Message)
		}
		return nil, nacre.Errorf(nacre.CodeInvalid, "%s: %w", file, err)
	}
	return table, nil
}

// size is a number of bytes that is written with a unit.
type size int64

const sizeType = "size"

var sizeUnits = []struct {
	name  string
	bytes int64
}{
	{"GiB", 1 << 30},
	{"MiB", 1 << 20},
	{"KiB", 1 << 10},
	{"GB", 1e9},
	{"MB", 1e6},
	{"KB", 1e3},
	{"B", 1},
}

// Type implements the interface of flags.
func (s *size) Type() string { return sizeType }

// String gives the size in the largest unit that it is a whole number of.
func (s *size) String() string {
	for _, u := range sizeUnits[:3] {
		if *s != 0 && int64(*s)%u.bytes == 0 {
			return strconv.FormatInt(int64(*s)/u.bytes, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(*s), 10)
}

// Set reads a number and a unit; without a unit it is bytes.
func (s *size) Set(text string) error {
	number, factor := strings.TrimSpace(text), int64(1)
	for _, u := range sizeUnits {
		if n := len(number) - len(u.name); n > 0 && strings.EqualFold(number[n:], u.name) {
			number, factor = strings.TrimSpace(number[:n]), u.bytes
			break
		}
	}
	n, err := strconv.ParseInt(number, 10, 64)
	if err != nil || n < 0 || n > (1<<62)/factor {
		return errors.New(`give a size such as "32MiB"`)
	}
	*s = size(n * factor)
	return nil
}
