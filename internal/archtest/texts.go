package archtest

import (
	"bytes"
	"fmt"
	"go/doc"
	"path"
	"regexp"
	"slices"
	"strings"
	"unicode"
)

// maxLines is the longest that a source file may be. The aim is 400.
const maxLines = 800

// sourceTypes are the endings of files that people write and read as code.
var sourceTypes = []string{".go", ".ts", ".js", ".mjs", ".svelte", ".css", ".rs", ".sql", ".sh"}

var generated = regexp.MustCompile(`(?m)^// Code generated .* DO NOT EDIT\.$`)

// checkLength refuses source files that are too long. What a program generated is as long as it is.
func checkLength(f *source) []Finding {
	if !slices.Contains(sourceTypes, path.Ext(f.name)) || generated.Match(f.text) {
		return nil
	}
	lines := bytes.Count(f.text, []byte("\n"))
	if lines <= maxLines {
		return nil
	}
	return []Finding{{File: f.name, Text: fmt.Sprintf("has %d lines, more than %d: split it by noun", lines, maxLines)}}
}

// words are what the sources must not have: paths of the machine that somebody wrote them on, the hosts
// that somebody's modules came from, and how the work was done. They are put together here, so that this
// file has none of them.
var words = []struct {
	pattern *regexp.Regexp
	why     string
}{
	{word(`\B/wo`, `rk/`), "a path of one machine"},
	{word(`\B/ro`, `ot/`), "a path of one machine"},
	{word(`proxy\.gol`, `ang\.org`), "the host of a registry, which is a setting of whoever builds"},
	{word(`registry\.npm`, `js\.org`), "the host of a registry, which is a setting of whoever builds"},
	{word(`index\.cra`, `tes\.io`), "the host of a registry, which is a setting of whoever builds"},
	{word(`\b(cla`, `ude|anth`, `ropic|chat`, `gpt|ai assis`, `tant)\b`), "how the text was made, not what it says"},
	{word(`\b(previous|earlier|another|later) ses`, `sion of (the|this) project\b`), "how the text was made, not what it says"},
	{word(`\biss`, `ues? #?[0-9]+`), "a number that means something only in a tracker: say what it was about"},
}

func word(parts ...string) *regexp.Regexp {
	return regexp.MustCompile(`(?i)` + strings.Join(parts, ""))
}

// lockFiles are written by package managers, addresses included.
var lockFiles = []string{"go.sum", "package-lock.json", "Cargo.lock"}

// checkWords refuses what is true only on one machine or on one day.
func checkWords(f *source) []Finding {
	if slices.Contains(lockFiles, path.Base(f.name)) {
		return nil
	}
	var found []Finding
	for _, w := range words {
		for _, at := range w.pattern.FindAllIndex(f.text, -1) {
			found = append(found, Finding{
				File: f.name,
				Line: 1 + bytes.Count(f.text[:at[0]], []byte("\n")),
				Text: fmt.Sprintf("%q is %s", f.text[at[0]:at[1]], w.why),
			})
		}
	}
	return found
}

// checkComment wants one package comment, of more than one sentence, that begins as Go's do.
func checkComment(p *pkg) []Finding {
	var with []goFile
	for _, f := range p.files {
		if f.comment != "" {
			with = append(with, f)
		}
	}
	switch {
	case len(with) == 0:
		return []Finding{{File: p.path, Text: "the package has no package comment"}}
	case len(with) > 1:
		return []Finding{{File: p.path, Text: fmt.Sprintf("the package has its comment in %s and in %s: keep one", with[0].name, with[1].name)}}
	}
	comment := with[0].comment
	begins := []string{"Package " + p.declared() + " "}
	if p.declared() == "main" {
		// A command is named for its folder. An example may begin with the bare name.
		folder := path.Base(p.path)
		begins = []string{"Command " + folder + " ", capital(folder) + " "}
	}
	if !slices.ContainsFunc(begins, func(begin string) bool { return strings.HasPrefix(comment, begin) }) {
		return []Finding{{File: with[0].name, Text: fmt.Sprintf("the package comment does not begin with %q", begins[0])}}
	}
	first := new(doc.Package).Synopsis(comment)
	if len(strings.Join(strings.Fields(comment), " ")) <= len(first) {
		return []Finding{{File: with[0].name, Text: "the package comment is one sentence: say also where to begin and what is guaranteed"}}
	}
	return nil
}

func capital(name string) string {
	r := []rune(name)
	r[0] = unicode.ToUpper(r[0])
	return string(r)
}
