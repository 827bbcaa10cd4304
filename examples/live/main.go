// Live shows a query's result that keeps itself current, in a page without a library or a build: rows appear, change, move and
// vanish, whoever edits them.
//
//	go run ./examples/live
//
// The program is a server as "nacre serve" is one, with a page beside it, and keeps all in memory: nothing is left when it ends.
package main

import (
	"context"
	_ "embed"
	"errors"
	"flag"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
	"github.com/nacredb/nacre/entity/memory"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/storage/memstore"
)

//go:embed index.html
var page []byte

// Card is what the page lists.
type Card struct {
	ID    string `entity:"id"`
	Title string
	Votes int64 `entity:",counter"`
	Done  bool  `entity:",default=false"`
}

func main() {
	listen := flag.String("listen", "127.0.0.1:8080", "the address to serve")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	ln, err := new(net.ListenConfig).Listen(ctx, "tcp", *listen)
	if err == nil {
		fmt.Printf("open http://%s, in two windows\n", ln.Addr())
		err = serve(ctx, ln)
	}
	if err != nil {
		log.Fatal(err)
	}
}

// serve serves the page, and the store that it is about, until ctx ends.
func serve(ctx context.Context, ln net.Listener) error {
	s, err := server.New(&server.Options{Backend: inMemory{memstore.Open(nil)}, Entities: entities}) //nolint:contextcheck // what it begins outlives this call, until Close
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	mux.Handle("/event-stores/", s.Handler())
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html; charset=utf-8")
		_, _ = w.Write(page) // whoever is gone needs no page
	})
	hs := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	failed := make(chan error, 1)
	go func() { failed <- hs.Serve(ln) }()
	select {
	case err = <-failed:
	case <-ctx.Done():
	}
	late, cancel := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer cancel()
	return errors.Join(err, s.Close(late), hs.Close()) // the server first: it tells those who follow
}

// entities opens the entities of a store, and puts some there to begin with.
func entities(ctx context.Context, _ string, store *nacre.Store) (server.Entities, error) {
	db, err := entity.Open(ctx, store, memory.Open(), nil)
	if err != nil {
		return nil, err
	}
	cards, err := entity.Of[Card](ctx, db, "cards", nil)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	for _, c := range []Card{
		{ID: "boat", Title: "Paint the boat", Votes: 3},
		{ID: "milk", Title: "Buy milk", Votes: 1},
		{ID: "tea", Title: "Make tea", Votes: 2},
		{ID: "shed", Title: "Clear out the shed"},
	} {
		if _, err := cards.Create(ctx, &c); err != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
	return db, nil
}

// inMemory is where the server has its only store from.
type inMemory struct{ store *nacre.Store }

func (m inMemory) Names(context.Context) ([]string, error) { return []string{server.DefaultStore}, nil }

func (m inMemory) Open(_ context.Context, name string) (*nacre.Store, error) {
	if name != server.DefaultStore {
		return nil, nacre.Errorf(nacre.CodeNotFound, "there is no store %q, only %q", name, server.DefaultStore)
	}
	return m.store, nil
}

func (m inMemory) Create(context.Context, string) (*nacre.Store, error) { return nil, errOnlyOne }

func (m inMemory) Delete(context.Context, string) error { return errOnlyOne }

var errOnlyOne = nacre.Errorf(nacre.CodeUnsupported, "this server has one store, %q, and no others", server.DefaultStore)
