package archtest

import (
	"bytes"
	"errors"
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// source is a text file of the tree.
type source struct {
	name string // path inside the module, with slashes
	text []byte
}

// tooLargeToRead is the size above which a file is taken for data, in bytes. The longest allowed
// source is far below it.
const tooLargeToRead = 1 << 20

// notOurs are paths, in the notation of path.Match, that hold nothing that was written: the version control,
// what builds make, what runs leave behind (as in .gitignore), and other people's code.
var notOurs = []string{
	".git", "data", "dist",
	"node_modules", "*/node_modules", "*/*/node_modules",
	"sdk/*/dist", "sdk/*/target", "sdk/*/*/*/target", "sdk/*/build", "sdk/*/*/*/build", "server/console/dist",
}

func isOurs(name string) bool {
	return !slices.ContainsFunc(notOurs, func(pattern string) bool {
		match, err := path.Match(pattern, name)
		return match && err == nil
	})
}

// readTree reads every text file below root.
func readTree(root string) ([]source, error) {
	var files []source
	err := fs.WalkDir(os.DirFS(root), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist) && name != ".":
			return nil // removed while the walk went on: something else may build in the same tree
		case err != nil:
			return err
		case d.IsDir() && !isOurs(name):
			return fs.SkipDir
		case !d.Type().IsRegular() || !isOurs(name):
			return nil
		}
		info, err := d.Info()
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || info.Size() > tooLargeToRead {
			return err
		}
		text, err := os.ReadFile(filepath.Join(root, filepath.FromSlash(name)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil {
			return err
		}
		if bytes.IndexByte(text, 0) < 0 {
			files = append(files, source{name: name, text: text})
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("archtest: the sources cannot be read: %w", err)
	}
	return files, nil
}

// pkg is a folder with Go files.
type pkg struct {
	path   string // inside the module; "." is the root
	nested string // the folder of the module that it belongs to, where that is another one
	files  []goFile
}

// goFile is what the rules need of a Go file.
type goFile struct {
	name    string
	test    bool
	pkg     string // the declared name
	comment string // of the package
	imports []importLine
}

type importLine struct {
	path string
	line int
}

// declared is the package's name: of a production file where there is one.
func (p *pkg) declared() string {
	for _, f := range p.files {
		if !f.test {
			return f.pkg
		}
	}
	return strings.TrimSuffix(p.files[0].pkg, "_test")
}

// parsePackages reads the imports and comments of all Go files, apart from those that the go command
// leaves out as well: testdata, and names that begin with a dot or an underscore.
func parsePackages(files []source) ([]*pkg, error) {
	var modules []string
	for _, f := range files {
		if path.Base(f.name) == "go.mod" && f.name != "go.mod" {
			modules = append(modules, path.Dir(f.name))
		}
	}
	byPath := map[string]*pkg{}
	var packages []*pkg
	for _, f := range files {
		if path.Ext(f.name) != ".go" || leftOut(f.name) {
			continue
		}
		parsed, err := parseFile(f)
		if err != nil {
			return nil, err
		}
		dir := path.Dir(f.name)
		p := byPath[dir]
		if p == nil {
			p = &pkg{path: dir}
			for _, m := range modules {
				if dir == m || strings.HasPrefix(dir, m+"/") {
					p.nested = m
				}
			}
			byPath[dir] = p
			packages = append(packages, p)
		}
		p.files = append(p.files, parsed)
	}
	return packages, nil
}

func leftOut(name string) bool {
	return slices.ContainsFunc(strings.Split(name, "/"), func(part string) bool {
		return part == "testdata" || part == "vendor" || strings.HasPrefix(part, ".") || strings.HasPrefix(part, "_")
	})
}

func parseFile(f source) (goFile, error) {
	set := token.NewFileSet()
	parsed, err := parser.ParseFile(set, f.name, f.text, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return goFile{}, fmt.Errorf("archtest: %w", err)
	}
	g := goFile{
		name:    f.name,
		test:    strings.HasSuffix(f.name, "_test.go"),
		pkg:     parsed.Name.Name,
		comment: parsed.Doc.Text(),
	}
	for _, i := range parsed.Imports {
		p, err := strconv.Unquote(i.Path.Value)
		if err != nil {
			return goFile{}, fmt.Errorf("archtest: %s: import %s: %w", f.name, i.Path.Value, err)
		}
		g.imports = append(g.imports, importLine{path: p, line: set.Position(i.Pos()).Line})
	}
	return g, nil
}
