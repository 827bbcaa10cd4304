package build

import (
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

//go:embed all:templates
var templates embed.FS

// ending is what the names of the templates' files end in, so that no tool takes them for sources.
const ending = ".tmpl"

// InitOptions: nil takes the published SDK.
type InitOptions struct {
	// SDK is a folder with the sources of Nacre, whose guest SDK is taken instead of the published one.
	SDK string
}

// Init writes the counter, as a module in a language, to a folder, which is made where it is not there. It gives the
// names of the files that it wrote, and what to do next.
func Init(dir string, language Language, o *InitOptions) (files, next []string, err error) {
	if o == nil {
		o = &InitOptions{}
	}
	if !slices.Contains(Languages, language) {
		return nil, nil, fmt.Errorf("there is no template in %q: give %s", language, listed(Languages))
	}
	values, next, err := dependency(language, o.SDK)
	if err != nil {
		return nil, nil, err
	}
	root := path.Join("templates", string(language))
	texts := map[string]string{}
	err = fs.WalkDir(templates, root, func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := templates.ReadFile(name)
		file := strings.TrimSuffix(strings.TrimPrefix(name, root+"/"), ending)
		texts[file] = values.Replace(string(text))
		files = append(files, file)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	slices.Sort(files)
	for _, file := range files {
		if _, err := os.Lstat(filepath.Join(dir, filepath.FromSlash(file))); !errors.Is(err, fs.ErrNotExist) {
			return nil, nil, fmt.Errorf("%s has a %s already, and nothing is overwritten: give another folder", dir, file)
		}
	}
	for _, file := range files {
		name := filepath.Join(dir, filepath.FromSlash(file))
		if err := os.MkdirAll(filepath.Dir(name), 0o777); err != nil {
			return nil, nil, err
		}
		if err := os.WriteFile(name, []byte(texts[file]), 0o666); err != nil {
			return nil, nil, err
		}
	}
	return files, next, nil
}

// The published SDKs.
const (
	goModule       = "github.com/nacredb/nacre"
	rustVersion    = "0.1"
	packageVersion = "^0.1.0"
)

// dependency is how a template names the SDK, and what has to be done for the SDK to be there.
func dependency(language Language, sdk string) (values *strings.Replacer, next []string, err error) {
	local := ""
	if sdk != "" {
		if local, err = filepath.Abs(sdk); err != nil {
			return nil, nil, err
		}
		if _, err := os.Stat(filepath.Join(local, "wasm", "guest")); err != nil {
			return nil, nil, fmt.Errorf("%s is not the folder of Nacre's sources: %w", sdk, err)
		}
		local = filepath.ToSlash(local)
	}
	switch language {
	case Go:
		if local == "" {
			return strings.NewReplacer("@REQUIRE@\n", ""), []string{"go get " + goModule}, nil
		}
		require := "\nrequire " + goModule + " v0.0.0\n\nreplace " + goModule + " => " + quotedPath(local)
		return strings.NewReplacer("@REQUIRE@", require), nil, nil
	case Rust:
		if local == "" {
			return strings.NewReplacer("@DEPENDENCY@", strconv.Quote(rustVersion)), nil, nil
		}
		return strings.NewReplacer("@DEPENDENCY@", "{ path = "+strconv.Quote(local+"/sdk/rust")+" }"), nil, nil
	default:
		if local == "" {
			return strings.NewReplacer("@DEPENDENCY@", packageVersion), []string{"npm install"}, nil
		}
		return strings.NewReplacer("@DEPENDENCY@", "file:"+local+"/sdk/assemblyscript"), []string{"npm install"}, nil
	}
}

// quotedPath is a path as a go.mod has it.
func quotedPath(p string) string {
	if strings.ContainsAny(p, " \t\"'`") {
		return strconv.Quote(p)
	}
	return p
}

func listed(languages []Language) string {
	names := make([]string, len(languages))
	for i, l := range languages {
		names[i] = string(l)
	}
	return strings.Join(names[:len(names)-1], ", ") + " or " + names[len(names)-1]
}
