package archtest

import (
	"fmt"
	"path"
	"strings"
)

// checkImports compares a package's imports with its row.
func checkImports(p *pkg, table []Rule) []Finding {
	rule, ok := ruleOf(table, p.path)
	if !ok {
		return []Finding{{File: p.path, Text: "the package is in no row of the table: " +
			"say in internal/archtest/table.go what it may import"}}
	}
	var found []Finding
	for _, f := range p.files {
		for _, i := range f.imports {
			if why := refused(p, f.test, rule, table, i.path); why != "" {
				found = append(found, Finding{File: f.name, Line: i.line, Text: why})
			}
		}
	}
	return found
}

// refused says why a package may not import something, or nothing where it may.
func refused(p *pkg, test bool, rule Rule, table []Rule, imported string) string {
	if imported == "C" {
		return "imports C: the project is built without cgo"
	}
	if inside, ok := insideModule(imported); ok {
		return refusedInside(p, test, rule, table, inside)
	}
	if standard(imported) || matchesAny(rule.Libs, imported) {
		return ""
	}
	if matchesAny(TestLibs, imported) {
		if test || rule.SupportsTests {
			return ""
		}
		return fmt.Sprintf("imports %s, which is for tests, in production code", imported)
	}
	return fmt.Sprintf("imports %s, which is none of the libraries of %s in the table", imported, p.name())
}

func refusedInside(p *pkg, test bool, rule Rule, table []Rule, inside string) string {
	if inside == p.path && test {
		return ""
	}
	if strings.HasPrefix(inside, "cmd/") {
		return fmt.Sprintf("imports %s: nothing imports a command", inside)
	}
	target, ok := ruleOf(table, inside)
	if !ok {
		return fmt.Sprintf("imports %s, which is in no row of the table", inside)
	}
	if target.SupportsTests {
		if test || rule.SupportsTests {
			return ""
		}
		return fmt.Sprintf("imports %s, which is for tests, in production code", inside)
	}
	switch {
	case matchesAny(rule.May, inside):
		return ""
	case !test:
		return fmt.Sprintf("imports %s, which the table does not allow to %s", inside, p.name())
	case matchesAny(rule.Tests, inside):
		return ""
	}
	return fmt.Sprintf("imports %s, which the table does not allow to the tests of %s", inside, p.name())
}

// insideModule is a package's path in this module, "." being the root.
func insideModule(imported string) (string, bool) {
	if imported == Module {
		return ".", true
	}
	return strings.CutPrefix(imported, Module+"/")
}

// standard tells whether a package comes with Go: the first part of other paths is a host, with a dot.
func standard(imported string) bool {
	first, _, _ := strings.Cut(imported, "/")
	return !strings.Contains(first, ".")
}

// checkName refuses names that say nothing about what stands in the package.
func checkName(p *pkg) []Finding {
	names := append(strings.Split(p.path, "/"), p.declared())
	for _, name := range names {
		switch strings.TrimSuffix(name, "_test") {
		case "util", "utils", "common", "core":
			return []Finding{{File: p.path, Text: fmt.Sprintf("%q is no name for a package: name it for the noun that stands in it", name)}}
		}
	}
	return nil
}

// name is what a package is called in a finding.
func (p *pkg) name() string {
	if p.path == "." {
		return path.Base(Module)
	}
	return p.path
}
