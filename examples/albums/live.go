package main

import (
	"context"

	"github.com/nacredb/nacre/entity"
)

// live subscribes to a query: its result, and then what becomes of it.
func (s *story) live(ctx context.Context) error {
	text := "name LIKE 'Origin%' AND year > '2000'"
	s.chapter("Live: " + text)
	live, err := s.db.Live(ctx, "albums", text, nil)
	if err != nil {
		return err
	}
	steps := s.steps()
	for notice, err := range live.All(ctx) {
		if err != nil {
			return err
		}
		for _, change := range notice.Changes {
			if change.Row == nil {
				s.line("%s %d: %s", change.Kind, change.Index, change.ID)
				continue
			}
			s.line("%s %d: %s is %s, played %s times", change.Kind, change.Index, change.ID, change.Row.Get("name"), change.Row.Get("plays"))
		}
		if len(steps) == 0 {
			return nil
		}
		if err := steps[0](ctx); err != nil {
			return err
		}
		steps = steps[1:]
	}
	return nil
}

// steps are what happens meanwhile, one for each notice.
func (s *story) steps() []func(context.Context) error {
	bob := s.albums.With(&entity.TxOptions{Actor: "bob"})
	return []func(context.Context) error{
		func(ctx context.Context) error {
			_, err := bob.Create(ctx, &Album{ID: "live", Name: "Origin (live)", Year: 2009})
			return err
		},
		func(ctx context.Context) error {
			// It is another year, and so the album is in the result.
			return bob.Edit(ctx, "origins", func(a *Album) error { a.Year = 2006; return nil })
		},
		func(ctx context.Context) error {
			return bob.Edit(ctx, "origin", func(a *Album) error { a.Plays++; return nil })
		},
		func(ctx context.Context) error {
			return bob.Edit(ctx, "live", func(a *Album) error { a.Name = "Live"; return nil })
		},
	}
}
