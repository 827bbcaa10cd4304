package build

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// testsSection is the custom section with a module's own tests.
const testsSection = "nacre:tests"

// readTests gives the cases of a folder's *.test.json files, as one JSON array, and how many there are.
func readTests(dir string) ([]byte, int, error) {
	files, err := filepath.Glob(filepath.Join(dir, "*.test.json"))
	if err != nil {
		return nil, 0, err
	}
	slices.Sort(files)
	var all []json.RawMessage
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, 0, err
		}
		var cases []json.RawMessage
		if err := json.Unmarshal(text, &cases); err != nil {
			return nil, 0, fmt.Errorf("%s is no JSON array of cases: %w", file, err)
		}
		for i, c := range cases {
			var object struct{ Then json.RawMessage }
			if err := json.Unmarshal(c, &object); err != nil {
				return nil, 0, fmt.Errorf("%s, case %d: %w", file, i+1, err)
			}
			if object.Then == nil {
				return nil, 0, fmt.Errorf("%s, case %d has no \"then\": say what has to come", file, i+1)
			}
		}
		all = append(all, cases...)
	}
	if len(all) == 0 {
		return nil, 0, nil
	}
	text, err := json.Marshal(all)
	return text, len(all), err
}

// The head of a module, and the id of custom sections.
var magic = []byte("\x00asm\x01\x00\x00\x00")

const customSection = 0

// finish takes out of a binary what is for debuggers and says nothing to a host, and puts tests in.
func finish(module, tests []byte) ([]byte, error) {
	if !bytes.HasPrefix(module, magic) {
		return nil, errors.New("the tool chain made something that is no WebAssembly module")
	}
	out := bytes.Clone(magic)
	for rest := module[len(magic):]; len(rest) > 0; {
		size, n := binary.Uvarint(rest[1:])
		end := uint64(1+max(n, 0)) + size
		if n <= 0 || size > uint64(len(rest)) || end > uint64(len(rest)) {
			return nil, errors.New("the tool chain made a WebAssembly module whose sections do not end")
		}
		section := rest[:end]
		rest = rest[end:]
		if section[0] == customSection && dropped(section[1+n:]) {
			continue
		}
		out = append(out, section...)
	}
	if tests == nil {
		return out, nil
	}
	body := append(binary.AppendUvarint(nil, uint64(len(testsSection))), testsSection...)
	body = append(body, tests...)
	out = binary.AppendUvarint(append(out, customSection), uint64(len(body)))
	return append(out, body...), nil
}

// dropped tells whether a custom section is left out: tests from a build before, and what debuggers read.
func dropped(body []byte) bool {
	size, n := binary.Uvarint(body)
	if n <= 0 || size > uint64(len(body)-n) {
		return false
	}
	name := string(body[n : n+int(size)])
	return name == testsSection || strings.HasPrefix(name, ".debug_") || name == "sourceMappingURL" || name == "external_debug_info"
}
