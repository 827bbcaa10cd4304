package entity_test

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/memory"
	"github.com/nacredb/nacre/storage/memstore"
)

type Artist struct {
	ID   string
	Name string
}

type Album struct {
	ID     string `entity:"id"`
	Name   string
	Year   int                `entity:"year,index"`
	Plays  int64              `entity:",counter"`
	Tags   []string           `entity:",set"`
	Tracks []string           `entity:",list"`
	Artist entity.Ref[Artist] // to the collection of Artist
}

// exampleDB is a DB in memory; programs take storage/filestore and entity/sqlite.
func exampleDB(ctx context.Context) (db *entity.DB, closeAll func()) {
	store := memstore.Open(nil)
	db, err := entity.Open(ctx, store, memory.Open(), nil)
	if err != nil {
		panic(err)
	}
	return db, func() {
		_ = db.Close()
		_ = store.Close()
	}
}

func exampleCollections(ctx context.Context, db *entity.DB) (*entity.Collection[Album], *entity.Collection[Artist]) {
	artists, err := entity.Of[Artist](ctx, db, "artists", nil)
	if err != nil {
		panic(err)
	}
	albums, err := entity.Of[Album](ctx, db, "albums", nil)
	if err != nil {
		panic(err)
	}
	return albums, artists
}

func Example() {
	ctx := context.Background()
	db, closeAll := exampleDB(ctx)
	defer closeAll()
	albums, _ := exampleCollections(ctx, db)

	for name, year := range map[string]int{"Showbiz": 1999, "Origin of Symmetry": 2001, "Absolution": 2003} {
		if _, err := albums.Create(ctx, &Album{Name: name, Year: year}); err != nil {
			panic(err)
		}
	}
	for album, err := range albums.Query(ctx, "year > ? ORDER BY year", 2000) {
		if err != nil {
			panic(err)
		}
		fmt.Println(album.Year, album.Name)
	}
	// Output:
	// 2001 Origin of Symmetry
	// 2003 Absolution
}

// The difference becomes operations: what others did meanwhile, and what was not touched, stays.
func ExampleCollection_Edit() {
	ctx := context.Background()
	db, closeAll := exampleDB(ctx)
	defer closeAll()
	albums, _ := exampleCollections(ctx, db)
	id, err := albums.Create(ctx, &Album{Name: "Origin", Tracks: []string{"New Born", "Bliss"}})
	if err != nil {
		panic(err)
	}

	err = albums.Edit(ctx, id, func(a *Album) error {
		a.Year = 2001
		a.Plays++
		a.Tags = append(a.Tags, "rock")
		a.Tracks = append(a.Tracks, "Space Dementia")
		return nil
	})
	album, getErr := albums.Get(ctx, id)
	fmt.Println(album.Year, album.Plays, album.Tags, album.Tracks, err, getErr)

	history, err := db.History(ctx, "albums", id, &entity.HistoryOptions{Backwards: true, Most: 1})
	for _, change := range history[0].Changes {
		fmt.Println(change.Property, change.Kind)
	}
	fmt.Println(err)
	// Output:
	// 2001 1 [rock] [New Born Bliss Space Dementia] <nil> <nil>
	// plays counter
	// tags set
	// tracks list
	// year register
	// <nil>
}

// A transaction over two collections: both or nothing.
func ExampleCollection_In() {
	ctx := context.Background()
	db, closeAll := exampleDB(ctx)
	defer closeAll()
	albums, artists := exampleCollections(ctx, db)

	_, err := db.Transact(ctx, &entity.TxOptions{Actor: "ann"}, func(tx *entity.Tx) error {
		muse, err := artists.In(tx).Create(ctx, &Artist{Name: "Muse"})
		if err != nil {
			return err
		}
		_, err = albums.In(tx).Create(ctx, &Album{ID: "origin", Name: "Origin", Artist: entity.Ref[Artist](muse)})
		return err
	})
	if err != nil {
		panic(err)
	}
	album, err := albums.First(ctx, "artist.name = ?", "Muse")
	if err != nil {
		panic(err)
	}
	artist, err := album.Artist.Follow(ctx, artists)
	fmt.Println(album.Name, "by", artist.Name, err)
	// Output:
	// Origin by Muse <nil>
}

// Operations by name say what a difference cannot: where an element goes, or that a value is meant though it is there already.
func ExampleCollection_Change() {
	ctx := context.Background()
	db, closeAll := exampleDB(ctx)
	defer closeAll()
	albums, _ := exampleCollections(ctx, db)
	id, err := albums.Create(ctx, &Album{Tracks: []string{"New Born", "Bliss"}})
	if err != nil {
		panic(err)
	}

	err = albums.Change(ctx, id, func(e *entity.Editor[Album]) error {
		e.Add("plays", 3)
		e.Insert("tracks", 1, "Space Dementia")
		return nil
	})
	album, getErr := albums.Get(ctx, id)
	fmt.Println(album.Plays, album.Tracks, err, getErr)
	// Output:
	// 3 [New Born Space Dementia Bliss] <nil> <nil>
}

// The same without a Go type.
func ExampleDB_Apply() {
	ctx := context.Background()
	db, closeAll := exampleDB(ctx)
	defer closeAll()
	_, err := db.Declare(ctx, "albums", json.RawMessage(`{"properties":{
		"name":{"kind":"register","type":"text"},
		"tags":{"kind":"set","type":"text"}}}`), nil)
	if err != nil {
		panic(err)
	}

	applied, err := db.Apply(ctx, nil,
		entity.Edit{Do: "create", Collection: "albums", ID: "origin", Values: json.RawMessage(`{"name":"Origin"}`)},
		entity.Edit{Do: "patch", Collection: "albums", ID: "origin", Patch: json.RawMessage(`{"add":{"tags":["rock"]}}`)},
	)
	view, getErr := db.Get(ctx, "albums", "origin")
	fmt.Println(applied.IDs, string(view.Values), err, getErr)
	// Output:
	// [origin origin] {"name":"Origin","tags":["rock"]} <nil> <nil>
}
