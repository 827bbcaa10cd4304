package main

import (
	"context"
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"
)

// version is set by release builds: -ldflags "-X main.version=v1.2.3".
var version string

func (p *program) versionCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "version",
		Short: "Print the version, the commit and the Go that built this program",
		Args:  takes(0, 0),
		RunE: p.does(func(context.Context, []string) error {
			_, err := fmt.Fprintln(p.out, versionText())
			return err
		}),
	}
}

func versionText() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	return fmt.Sprintf("nacre %s, commit %s, %s, %s", number(info), commit(info), info.GoVersion, platform())
}

func number(info *debug.BuildInfo) string {
	switch {
	case version != "":
		return version
	case info.Main.Version == "" || info.Main.Version == "(devel)":
		return "(no release)"
	}
	return info.Main.Version
}

// versionNumber is the version alone, as a word.
func versionNumber() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		info = &debug.BuildInfo{}
	}
	if n := number(info); n != "(no release)" {
		return n
	}
	return "unreleased"
}

// commit is what the program was built from.
func commit(info *debug.BuildInfo) string {
	text, changed := "unknown", ""
	for _, s := range info.Settings {
		switch {
		case s.Key == "vcs.revision":
			text = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			changed = " with changes"
		}
	}
	return text + changed
}
