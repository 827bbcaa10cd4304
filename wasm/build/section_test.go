package build

import (
	"bytes"
	"encoding/binary"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// custom is a custom section.
func custom(name, text string) []byte {
	body := append(binary.AppendUvarint(nil, uint64(len(name))), name+text...)
	return append(binary.AppendUvarint([]byte{customSection}, uint64(len(body))), body...)
}

func TestSectionsAreTakenOutAndPutIn(t *testing.T) {
	kinds := []byte{1, 4, 1, 0x60, 0, 0} // a section of types
	long := custom("name", strings.Repeat("x", 1000))
	module := bytes.Join([][]byte{magic, custom("nacre:tests", "[1]"), kinds, long, custom(".debug_info", "x"), custom("sourceMappingURL", "y"), custom("producers", "")}, nil)
	got, err := finish(module, []byte(`[{}]`))
	if err != nil {
		t.Fatal(err)
	}
	want := bytes.Join([][]byte{magic, kinds, long, custom("producers", ""), custom("nacre:tests", "[{}]")}, nil)
	if !bytes.Equal(got, want) {
		t.Errorf("got %q, and not %q", got, want)
	}
	again, err := finish(got, []byte(`[{}]`))
	if err != nil || !bytes.Equal(again, got) {
		t.Errorf("the second time: %q, %v", again, err)
	}
	if got, err = finish(got, nil); err != nil || bytes.Contains(got, []byte("nacre:tests")) {
		t.Errorf("without tests: %q, %v", got, err)
	}
}

func TestWhatIsNoModuleIsRefused(t *testing.T) {
	huge := binary.AppendUvarint([]byte{1}, 1<<63)
	for _, bad := range [][]byte{nil, []byte("\x00asm"), append(bytes.Clone(magic), 1), append(bytes.Clone(magic), 1, 5, 0), append(bytes.Clone(magic), huge...)} {
		if got, err := finish(bad, nil); err == nil {
			t.Errorf("%q became %q", bad, got)
		}
	}
	if got, err := finish(append(bytes.Clone(magic), 0, 1, 200), nil); err != nil || len(got) != len(magic)+3 {
		t.Errorf("a custom section without a name: %q, %v", got, err)
	}
}

func TestFilesOfTests(t *testing.T) {
	for files, want := range map[string]string{
		"":                              "",
		`[{"then":{}}]`:                 `[{"then":{}}]`,
		`[{"then":{}}]|[]`:              `[{"then":{}}]`,
		`[{"then":1}]|[ {"then" : 2} ]`: `[{"then":1},{"then":2}]`,
		`{"then":{}}`:                   "b.test.json is no JSON array of cases",
		`[1]`:                           "b.test.json, case 1",
		`[{"then":{}},{}]`:              `b.test.json, case 2 has no "then"`,
		`nothing`:                       "is no JSON array",
	} {
		dir := t.TempDir()
		for i, text := range strings.Split(files, "|") {
			if text == "" {
				continue
			}
			if err := os.WriteFile(filepath.Join(dir, string(rune('b'+i))+".test.json"), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, n, err := readTests(dir)
		if err != nil {
			if !strings.Contains(err.Error(), want) || want == "" {
				t.Errorf("%s: %v, and not %s", files, err, want)
			}
			continue
		}
		if string(got) != want || n != strings.Count(want, "then") {
			t.Errorf("%s: %d in %s, and not %s", files, n, got, want)
		}
	}
}

func TestACompilerThatIsMissingIsSaid(t *testing.T) {
	if _, err := findCompiler(t.TempDir()); err == nil || !strings.Contains(err.Error(), `run "npm install" in it`) {
		t.Errorf("got %v", err)
	}
}
