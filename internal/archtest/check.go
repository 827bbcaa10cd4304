package archtest

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Finding is something that breaks a rule.
type Finding struct {
	// File is the path inside the module, with slashes.
	File string
	// Line is from 1; 0 where the finding is about the whole file or folder.
	Line int
	// Text says what is wrong and what to do.
	Text string
}

// String is the finding as compilers print errors.
func (f Finding) String() string {
	if f.Line == 0 {
		return fmt.Sprintf("%s: %s", f.File, f.Text)
	}
	return fmt.Sprintf("%s:%d: %s", f.File, f.Line, f.Text)
}

// Check reads the sources below root, which has the module's go.mod, and returns what breaks a rule of
// the table, of package comments, names, lengths of files or forbidden words. The error is about reading.
func Check(root string, table []Rule) ([]Finding, error) {
	files, err := readTree(root)
	if err != nil {
		return nil, err
	}
	packages, err := parsePackages(files)
	if err != nil {
		return nil, err
	}
	var found []Finding
	for _, p := range packages {
		if p.nested == "" {
			found = append(found, checkImports(p, table)...)
		}
		found = append(found, checkComment(p)...)
		found = append(found, checkName(p)...)
	}
	for i := range files {
		found = append(found, checkLength(&files[i])...)
		found = append(found, checkWords(&files[i])...)
	}
	slices.SortFunc(found, func(a, b Finding) int {
		return cmp.Or(strings.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), strings.Compare(a.Text, b.Text))
	})
	return found, nil
}

// matches tells whether a path is what a pattern of the table means.
func matches(pattern, path string) bool {
	if pattern == everything {
		return true
	}
	if above, ok := strings.CutSuffix(pattern, "/..."); ok {
		return path == above || strings.HasPrefix(path, above+"/")
	}
	return path == pattern
}

func matchesAny(patterns []string, path string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return matches(pattern, path) })
}

// ruleOf is the row for a package: of those that fit, the one that says most.
func ruleOf(table []Rule, path string) (Rule, bool) {
	var best Rule
	found := false
	for _, r := range table {
		// An exact row says more than one with dots for the same folder.
		if matches(r.Package, path) && (!found || specific(r.Package) > specific(best.Package)) {
			best, found = r, true
		}
	}
	return best, found
}

func specific(pattern string) int {
	if above, ok := strings.CutSuffix(pattern, "/..."); ok {
		return 2 * len(above)
	}
	return 2*len(pattern) + 1
}
