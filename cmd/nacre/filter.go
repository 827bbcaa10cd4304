package main

import (
	"github.com/nacredb/nacre"
	"github.com/spf13/cobra"
)

// selection is the flags that say which events.
type selection struct {
	streams, categories, types, tags []string
	after, before                    uint64
	limit                            int
	where                            condition
}

func (s *selection) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringArrayVar(&s.streams, "stream", nil, "of this `stream`; repeated: of any of them")
	f.StringArrayVar(&s.categories, "category", nil, "of streams of this `category`; repeated: of any of them")
	f.StringArrayVar(&s.types, "type", nil, "of this `type`, in which * stands for any text; repeated: of any of them")
	f.StringArrayVar(&s.tags, "tag", nil, "with this `tag`; repeated: with all of them")
	f.Uint64Var(&s.after, "after", 0, "behind this global `position`")
	f.Uint64Var(&s.before, "before", 0, "before this global `position`")
	f.IntVar(&s.limit, "limit", 0, "at most this `number` of events")
	s.where.flag(cmd)
}

func (s *selection) filter() nacre.Filter {
	item := nacre.FilterItem{Categories: s.categories, Types: s.types, Tags: s.tags}
	for _, id := range s.streams {
		item.Streams = append(item.Streams, nacre.StreamID(id))
	}
	if len(item.Streams)+len(item.Categories)+len(item.Types)+len(item.Tags) == 0 {
		return nil
	}
	return nacre.Filter{item}
}

func (s *selection) options() *nacre.ReadOptions {
	return &nacre.ReadOptions{After: nacre.Position(s.after), Before: nacre.Position(s.before), Limit: s.limit}
}
