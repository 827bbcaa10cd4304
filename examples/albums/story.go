package main

import (
	"context"
	"io"
	"strings"

	"github.com/nacredb/nacre/entity"
)

// story is the collections, and those who change them.
type story struct {
	printer
	db      *entity.DB
	albums  *entity.Collection[Album]
	artists *entity.Collection[Artist]
	ann     *entity.Undoer
}

// newStory declares the collections; where they are declared already, it writes nothing.
func newStory(ctx context.Context, out io.Writer, db *entity.DB) (*story, error) {
	artists, err := entity.Of[Artist](ctx, db, "artists", nil)
	if err != nil {
		return nil, err
	}
	albums, err := entity.Of[Album](ctx, db, "albums", nil)
	if err != nil {
		return nil, err
	}
	ann := db.NewUndoer(&entity.TxOptions{Actor: "ann"}, 0)
	return &story{printer: printer{out}, db: db, albums: albums, artists: artists, ann: ann}, nil
}

// fill makes an artist and albums, all of them or none.
func (s *story) fill(ctx context.Context) error {
	s.chapter("An artist and four albums, in one transaction")
	commit, err := s.db.Transact(ctx, &entity.TxOptions{Actor: "ann"}, func(tx *entity.Tx) error {
		muse, err := s.artists.In(tx).Create(ctx, &Artist{ID: "muse", Name: "Muse"})
		if err != nil {
			return err
		}
		for _, a := range []Album{
			{ID: "showbiz", Name: "Showbiz", Year: 1999},
			{ID: "origin", Name: "Origin of symmetry", Year: 2001, Tags: []string{"rock"}, Tracks: []string{"New Born", "Bliss"}},
			{ID: "absolution", Name: "Absolution", Year: 2003},
			{ID: "origins", Name: "Origins", Year: 1996},
		} {
			a.Artist = entity.Ref[Artist](muse)
			if _, err := s.albums.In(tx).Create(ctx, &a); err != nil {
				return err
			}
		}
		return nil
	})
	s.line("%d events, at positions %d to %d", len(commit.Events), commit.First, commit.Last)
	return err
}

// query asks, as in SQL's WHERE, and across a reference.
func (s *story) query(ctx context.Context) error {
	for _, q := range []string{
		"name LIKE 'Origin%' AND year > 2000",
		"artist.name = 'Muse' AND year >= 1999 ORDER BY year DESC LIMIT 2",
	} {
		s.chapter(q)
		for album, err := range s.albums.Query(ctx, q) {
			if err != nil {
				return err
			}
			s.line("%d %s", album.Year, album.Name)
		}
	}
	return nil
}

// edit changes an album as a Go value: the difference is what is written.
func (s *story) edit(ctx context.Context) error {
	s.chapter("An edit says what is different")
	err := s.albums.With(&entity.TxOptions{Actor: "ann"}).Edit(ctx, "origin", func(a *Album) error {
		a.Plays += 2
		a.Tags = append(a.Tags, "alternative")
		a.Tracks = append(a.Tracks, "Space Dementia")
		return nil
	})
	if err != nil {
		return err
	}
	history, err := s.db.History(ctx, "albums", "origin", &entity.HistoryOptions{Backwards: true, Most: 1})
	if err != nil {
		return err
	}
	for _, change := range history[0].Changes {
		s.line("%s, a %s", change.Property, change.Kind)
	}
	return nil
}

// both has two people change what they both have read. Neither waits, and neither is refused.
func (s *story) both(ctx context.Context) error {
	s.chapter("Ann and Bob change the same album, and do not know of each other")
	ann, bob := s.db.Begin(&entity.TxOptions{Actor: "ann"}), s.db.Begin(&entity.TxOptions{Actor: "bob"})
	err := s.albums.In(ann).Edit(ctx, "origin", func(a *Album) error {
		a.Name = "Origin of Symmetry"
		a.Plays++
		a.Tags = append(a.Tags, "favourite")
		a.Tracks = append([]string{"Intro"}, a.Tracks...)
		return nil
	})
	if err != nil {
		return err
	}
	err = s.albums.In(bob).Edit(ctx, "origin", func(a *Album) error {
		a.Name = "Origin"
		a.Plays += 10
		a.Tags = []string{"alternative"} // no longer "rock"
		a.Tracks = append(a.Tracks, "Hyper Music")
		a.Notes = map[string]string{"shelf": "B3"}
		return nil
	})
	if err != nil {
		return err
	}
	for _, tx := range []*entity.Tx{ann, bob} {
		if _, err := tx.Commit(ctx); err != nil {
			return err
		}
	}
	album, err := s.albums.Get(ctx, "origin")
	if err != nil {
		return err
	}
	s.line("plays   %d", album.Plays)
	s.line("tags    %s", strings.Join(album.Tags, ", "))
	s.line("tracks  %s", strings.Join(album.Tracks, ", "))
	s.line("shelf   %s", album.Notes["shelf"])
	s.line("name    %s", album.Name)
	return nil
}

// settle shows who wrote what, and decides.
func (s *story) settle(ctx context.Context) error {
	s.chapter("A name is one value: both are there, one is shown")
	conflicts, err := s.db.Conflicts(ctx, "albums", "origin")
	if err != nil {
		return err
	}
	for _, c := range conflicts {
		for _, w := range c.Survivors {
			shown := ""
			if w.Shown {
				shown = ", which is shown"
			}
			s.line("%s: %s by %s%s", c.Property, w.Value, w.Author, shown)
		}
	}
	_, err = s.ann.Do(ctx, func(tx *entity.Tx) error {
		return s.albums.In(tx).Edit(ctx, "origin", func(a *Album) error {
			a.Name = "Origin of Symmetry"
			return nil
		})
	})
	if err != nil {
		return err
	}
	conflicts, err = s.db.Conflicts(ctx, "albums", "origin")
	s.line("Ann sets it: %d conflicts", len(conflicts))
	return err
}

// past tells what happened, and what was.
func (s *story) past(ctx context.Context) error {
	s.chapter("What happened to it")
	history, err := s.db.History(ctx, "albums", "origin", nil)
	if err != nil {
		return err
	}
	for i, e := range history {
		properties := make([]string, len(e.Changes))
		for j, change := range e.Changes {
			properties[j] = change.Property
		}
		s.line("%d by %s, who had seen %s: %s", i+1, e.Actor, numbers(e.Parents, history), strings.Join(properties, ", "))
	}
	then, err := s.albums.At(ctx, "origin", history[0].EventID)
	if err != nil {
		return err
	}
	s.line("in the beginning: %s, %v", then.Name, then.Tracks)
	return nil
}

// numbers are those of events in a history.
func numbers(ids []string, history []entity.Entry) string {
	var out []string
	for i, e := range history {
		for _, id := range ids {
			if e.EventID == id {
				out = append(out, string(rune('1'+i)))
			}
		}
	}
	if out == nil {
		return "nothing"
	}
	return strings.Join(out, " and ")
}

// undo takes back what Ann did last, and does it again.
func (s *story) undo(ctx context.Context) error {
	s.chapter("Ann takes back what she did last, and does it again")
	for _, step := range []func(context.Context) (entity.Commit, bool, error){s.ann.Undo, s.ann.Redo} {
		if _, _, err := step(ctx); err != nil {
			return err
		}
		album, err := s.albums.Get(ctx, "origin")
		if err != nil {
			return err
		}
		s.line("%s", album.Name)
	}
	return nil
}
