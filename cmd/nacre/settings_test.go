package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/cobra"
)

func TestSizes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]size{
		"0": 0, "17": 17, "17B": 17, "3KiB": 3 << 10, "32MiB": 32 << 20, "1 GiB": 1 << 30, "2kb": 2000, "5MB": 5e6, "1GB": 1e9,
	} {
		var s size
		if err := s.Set(text); err != nil || s != want {
			t.Errorf("%q: %d, %v", text, s, err)
		}
		var back size
		if err := back.Set(s.String()); err != nil || back != s {
			t.Errorf("%q is told as %q, which is %d, %v", text, s.String(), back, err)
		}
	}
	for _, text := range []string{"", "B", "MiB", "-1", "1.5MiB", "3XB", "99999999999GiB", "0x10"} {
		var s size
		if err := s.Set(text); err == nil {
			t.Errorf("%q was taken for %d", text, s)
		}
	}
}

func newServeConfig() *serveConfig {
	c := &serveConfig{}
	cmd := &cobra.Command{Use: "serve"}
	cmd.Flags().String("data", "./data", "")
	c.flags(cmd)
	return c
}

// Every setting can be given in all three ways, by the same name, and each way wins over the next.
func TestEverySettingInEveryWay(t *testing.T) {
	values := map[string]struct{ flag, env, file, want string }{
		"text":     {"a", "b", `"c"`, "a b c"},
		"string":   {"a", "b", `"c"`, "a b c"},
		"bool":     {"true", "true", "true", "true true true"},
		"int":      {"7", "8", "9", "7 8 9"},
		"float64":  {"7.5", "8.5", "9", "7.5 8.5 9"},
		"duration": {"7s", "8s", `"9s"`, "7s 8s 9s"},
		sizeType:   {"7KiB", "8KiB", "9216", "7KiB 8KiB 9KiB"},
		listType:   {"a", "b, c", `["d", "e"]`, "[a] [b,c] [d,e]"},
	}
	for _, name := range newServeConfig().all.names {
		c := newServeConfig()
		v, known := values[c.all.kind(name)]
		if !known {
			t.Fatalf("%s is a %s, which no file can have", name, c.all.kind(name))
		}
		file := filepath.Join(t.TempDir(), "nacre.toml")
		if err := os.WriteFile(file, []byte(name+" = "+v.file+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		c.config = file
		if err := c.complete(); err != nil {
			t.Fatal(err)
		}
		got := []string{c.all.cmd.Flags().Lookup(name).Value.String()}

		t.Setenv(variable(name), v.env)
		c = newServeConfig()
		c.config = file
		if err := c.complete(); err != nil {
			t.Fatal(err)
		}
		got = append(got, c.all.cmd.Flags().Lookup(name).Value.String())

		c = newServeConfig()
		c.config = file
		if err := c.all.cmd.ParseFlags([]string{"--" + name + "=" + v.flag}); err != nil {
			t.Fatal(err)
		}
		if err := c.complete(); err != nil {
			t.Fatal(err)
		}
		got = append(got, c.all.cmd.Flags().Lookup(name).Value.String())
		_ = os.Unsetenv(variable(name))

		slices.Reverse(got)
		if strings.Join(got, " ") != v.want {
			t.Errorf("%s: by flag, environment and file it is %v, not %s", name, got, v.want)
		}
	}
}

// What stands in no documentation is not found.
func TestEverySettingIsInTheDocs(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../../docs/cli.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range newServeConfig().all.names {
		if !bytes.Contains(text, []byte("`"+name+"`")) && !bytes.Contains(text, []byte("`--"+name+"`")) {
			t.Errorf("docs/cli.md does not tell of the setting %s", name)
		}
	}
}

func TestCertificatesOfTheFile(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "nacre.toml")
	text := `rate = 5
[[certificate]]
common-name = "orders"
permissions = ["read:events", "write:events"]
stores = ["orders"]
[[certificate]]
uri = "spiffe://example.org/bills"
name = "bills"
permissions = ["read:events"]
stream-prefixes = ["bill-"]
`
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	c := newServeConfig()
	c.config = file
	if err := c.complete(); err != nil {
		t.Fatal(err)
	}
	if c.rate != 5 || len(c.certificates) != 2 {
		t.Fatalf("%v %+v", c.rate, c.certificates)
	}
	first, second := c.certificates[0], c.certificates[1]
	if first.CommonName != "orders" || len(first.Permissions) != 2 || !slices.Equal(first.Stores, []string{"orders"}) {
		t.Errorf("%+v", first)
	}
	if second.URI != "spiffe://example.org/bills" || second.Name != "bills" || !slices.Equal(second.Streams, []string{"bill-"}) {
		t.Errorf("%+v", second)
	}
}

func TestStrangersInTheEnvironment(t *testing.T) {
	for _, name := range []string{"NACRE_LISTN", "NACRE_LISTEN", "NACRE_SERVER", "NACRE_SERVICE_HOST", "NACRE_PORT_4321_TCP"} {
		t.Setenv(name, "x")
	}
	got := newServeConfig().all.strangers(otherVariables...)
	if !slices.Contains(got, "NACRE_LISTN") || slices.Contains(got, "NACRE_LISTEN") || slices.Contains(got, "NACRE_SERVER") ||
		slices.Contains(got, "NACRE_SERVICE_HOST") || slices.Contains(got, "NACRE_PORT_4321_TCP") {
		t.Fatalf("%v", got)
	}
	var told bytes.Buffer
	p := &program{out: &told, err: &told, data: t.TempDir()}
	c := newServeConfig()
	c.listen = []string{"0.0.0.0:0"} // refused, after the warning
	if err := p.serve(context.Background(), c); err == nil || !strings.Contains(told.String(), "is it misspelt?\" name=NACRE_LISTN") {
		t.Fatalf("%v: %s", err, &told)
	}
}

func TestLifetimes(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{"720h": 720 * time.Hour, "30d": 720 * time.Hour, "90s": 90 * time.Second} {
		if d, err := parseLifetime(text); err != nil || d != want {
			t.Errorf("%q: %v, %v", text, d, err)
		}
	}
	for _, text := range []string{"", "d", "-3d", "0", "0d", "-1h", "tomorrow", "1.5d", "99999999d"} {
		if d, err := parseLifetime(text); err == nil {
			t.Errorf("%q was taken for %v", text, d)
		}
	}
}
