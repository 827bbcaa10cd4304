package main

import (
	"cmp"
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/nacredb/nacre/wire"
	"github.com/spf13/cobra"
)

func (p *program) listModulesCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "list", Short: "List the modules of a store", Args: takes(0, 0)}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, _ []string) error {
		return p.modulesOf(ctx, false, func(ctx context.Context, s moduleStore) error {
			list, err := s.list(ctx)
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, list...)
			}
			if len(list) == 0 {
				p.note("nothing was published to store %q", p.store)
				return nil
			}
			table := columns{heads: []string{"NAME", ">ACTIVE", ">VERSIONS", "STATE", ">SIZE", "SINCE"}}
			for i := range list {
				m := &list[i]
				size := "-"
				if m.Current != nil {
					size = sizeText(int64(m.Current.Size))
				}
				table.add(m.Name, dash(m.Active), strconv.Itoa(m.Versions), moduleState(m), size, m.ChangedAt.Format(time.RFC3339))
			}
			return table.write(p.out)
		})
	})
	return cmd
}

func dash(n int) string {
	if n == 0 {
		return "-"
	}
	return strconv.Itoa(n)
}

func moduleState(m *wire.ModuleReply) string {
	switch {
	case m.Retired:
		return "retired"
	case m.Pinned:
		return "pinned"
	}
	return "active"
}

func (p *program) showModuleCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use: "show NAME", Short: "Print a module with the description of its active version, as JSON", Args: takes(1, 1),
	}
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		return p.modulesOf(ctx, false, func(ctx context.Context, s moduleStore) error {
			m, err := s.module(ctx, args[0])
			if err != nil {
				return err
			}
			return printJSON(p.out, m)
		})
	})
	return cmd
}

func (p *program) moduleVersionsCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{Use: "versions NAME", Short: "List what was published as a module", Args: takes(1, 1)}
	cmd.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		return p.modulesOf(ctx, false, func(ctx context.Context, s moduleStore) error {
			list, err := s.versions(ctx, args[0])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, list...)
			}
			table := columns{heads: []string{">VERSION", "STATE", "HASH", ">SIZE", "PUBLISHED", "BY"}}
			for i := range list {
				v := &list[i]
				state := "-"
				if v.Active {
					state = "active"
				}
				table.add(strconv.Itoa(v.Version), state, fmt.Sprintf("%.12s", v.Hash), sizeText(int64(v.Size)),
					v.PublishedAt.Format(time.RFC3339), cmp.Or(plain(v.Actor, 40), "-"))
			}
			return table.write(p.out)
		})
	})
	return cmd
}

func (p *program) diffModuleCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "diff NAME [FROM [TO]]",
		Short: "Tell what differs between two versions",
		Long: `Tell what differs between two versions. Without TO it is the active one, without FROM
the one that was active before it.`,
		Args: takes(1, 3),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "as one JSON object, as the server's route gives it")
	cmd.RunE = p.does(func(ctx context.Context, args []string) error {
		var versions [2]int
		for i, text := range args[1:] {
			var err error
			if versions[i], err = versionArgument(text); err != nil {
				return err
			}
		}
		return p.modulesOf(ctx, false, func(ctx context.Context, s moduleStore) error {
			d, err := s.diff(ctx, args[0], versions[0], versions[1])
			if err != nil {
				return err
			}
			if asJSON {
				return printJSON(p.out, d)
			}
			if len(d.Changes) == 0 {
				p.note("versions %d and %d describe themselves the same", d.From, d.To)
				return nil
			}
			table := columns{heads: []string{"WHAT", "NAME", "VERSION " + strconv.Itoa(d.From), "VERSION " + strconv.Itoa(d.To)}}
			for _, c := range d.Changes {
				table.add(c.What, cmp.Or(c.Name, "-"), cmp.Or(plain(c.Before, 60), "-"), cmp.Or(plain(c.After, 60), "-"))
			}
			return table.write(p.out)
		})
	})
	return cmd
}

// sizeText is a size for people.
func sizeText(n int64) string {
	switch {
	case n < 1<<10:
		return fmt.Sprintf("%d B", n)
	case n < 1<<20:
		return fmt.Sprintf("%.1f KiB", float64(n)/(1<<10))
	default:
		return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20))
	}
}
