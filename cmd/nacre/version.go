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
	number := version
	if number == "" {
		number = info.Main.Version
	}
	if number == "" || number == "(devel)" {
		number = "(no release)"
	}
	return fmt.Sprintf("nacre %s, commit %s, %s, %s", number, commit(info), info.GoVersion, platform())
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
