package entity

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity/merge"
)

// The codes of this package's errors, beside those of the store. A collection or an entity that does not exist is
// nacre.CodeNotFound.
const (
	// CodeExists: there is an entity of that id already.
	CodeExists nacre.Code = "ENTITY_EXISTS"
	// CodeDeleted: the entity is deleted; it can be restored.
	CodeDeleted nacre.Code = "ENTITY_DELETED"
)

// Options are the options of a DB; nil is the defaults.
type Options struct {
	// Lag is how many changed entities may wait for the tables before commits wait. Default 10,000.
	Lag int
	// CacheBytes is about how much memory the states of entities may take that need not be there. Default 64 MiB.
	CacheBytes int
	// Now is the clock that event ids are made of. Default time.Now.
	Now func() time.Time
	// Logger is told of what cannot be returned as an error. Default: nothing is logged.
	Logger *slog.Logger
}

func (o *Options) withDefaults() Options {
	out := Options{Lag: 10_000, CacheBytes: 64 << 20, Logger: slog.New(slog.DiscardHandler)}
	out.Now = time.Now //nolint:forbidigo // here begins the clock that tests can set
	if o == nil {
		return out
	}
	if o.Lag > 0 {
		out.Lag = o.Lag
	}
	if o.CacheBytes > 0 {
		out.CacheBytes = o.CacheBytes
	}
	if o.Now != nil {
		out.Now = o.Now
	}
	if o.Logger != nil {
		out.Logger = o.Logger
	}
	return out
}

// DB is the entities of one store. Its methods may be called from many goroutines.
type DB struct {
	store  *nacre.Store
	tables Tables
	o      Options

	ctx   context.Context //nolint:containedctx // the follower's and the flusher's, ended by Close
	end   context.CancelFunc
	loops sync.WaitGroup

	live *live

	applied gauge // up to where the log was folded
	written gauge // up to where the tables stand
	locks   locks

	remembered remembered // for readers of changes
	types      sync.Map   // the collections of Go types, by reflect.Type: see Of

	writing sync.Mutex // by whoever writes to the tables

	// shape is held while tables change their columns, and shared by queries.
	shape   sync.RWMutex
	columns map[string]*merge.Schema // as the tables have them

	mu        sync.Mutex
	states    states
	schemas   map[string]*merge.Schemas
	policies  map[string]*rules
	declared  map[string]bool // what the tables have not heard of
	mark      Mark            // of what was applied
	late      lates
	waiting   []nacre.Position // of late, those that wait
	unwritten bool             // waiting has changed
	filed     nacre.Position   // of the tables' mark
	idle      bool             // nothing is being written
	listeners map[*listener]struct{}
	dirt      chan struct{} // has a token when there is something to write
	urgent    chan struct{} // has a token when that is not to wait
	room      chan struct{} // closed, and made anew, when the tables have caught up somewhat
}

// Open makes the entities of a store available. It takes the tables over: Close closes them. Tables that are behind catch
// up in the background, and tables of another log are emptied first.
func Open(ctx context.Context, store *nacre.Store, tables Tables, o *Options) (*DB, error) {
	db := &DB{
		store: store, tables: tables, o: o.withDefaults(), columns: map[string]*merge.Schema{},
		schemas: map[string]*merge.Schemas{}, declared: map[string]bool{}, policies: map[string]*rules{}, listeners: map[*listener]struct{}{},
		dirt: make(chan struct{}, 1), urgent: make(chan struct{}, 1), room: make(chan struct{}),
	}
	db.ctx, db.end = context.WithCancel(context.WithoutCancel(ctx))
	db.states.limit = db.o.CacheBytes
	db.remembered.limit = db.o.CacheBytes / 4
	f, err := db.begin(ctx)
	if err != nil {
		db.end()
		_ = tables.Close()
		return nil, err
	}
	db.live = newLive(db)
	db.loops.Go(func() { f.run() })
	db.loops.Go(func() { db.live.run() })
	db.loops.Go(func() { db.write() })
	return db, nil
}

// Close ends what runs, and closes the tables: what they do not have yet they take from the log when they are opened again. The
// store stays open.
func (db *DB) Close() error {
	db.end()
	db.live.close() // nobody begins anything from here on
	db.loops.Wait()
	db.closeListeners()
	return db.tables.Close()
}

// Store is the store whose entities these are.
func (db *DB) Store() *nacre.Store { return db.store }

// Collections are the names of all collections that have a schema, sorted.
func (db *DB) Collections(ctx context.Context) ([]string, error) {
	if err := db.current(ctx); err != nil {
		return nil, err
	}
	db.mu.Lock()
	defer db.mu.Unlock()
	return slices.Sorted(maps.Keys(db.schemas)), nil
}

// Schema is a collection's schema. One that has none does not exist: CodeNotFound.
func (db *DB) Schema(ctx context.Context, collection string) (*merge.Schema, error) {
	if err := db.current(ctx); err != nil {
		return nil, err
	}
	return db.schema(collection)
}

func (db *DB) schema(collection string) (*merge.Schema, error) {
	db.mu.Lock()
	defer db.mu.Unlock()
	if s := db.schemas[collection]; s != nil {
		return s.Current(), nil
	}
	return nil, nacre.Errorf(nacre.CodeNotFound, "there is no collection %q: declare its schema first", collection)
}

// current waits until everything has been folded that was acknowledged before.
func (db *DB) current(ctx context.Context) error {
	if db.ctx.Err() != nil {
		return errClosed()
	}
	head, err := db.store.Head(ctx)
	if err != nil {
		return err
	}
	return db.applied.wait(ctx, max(head.Position, head.Last))
}

// tabled waits until the tables have everything that was acknowledged before.
func (db *DB) tabled(ctx context.Context) error {
	if db.ctx.Err() != nil {
		return errClosed()
	}
	head, err := db.store.Head(ctx)
	if err != nil {
		return err
	}
	at := max(head.Position, head.Last)
	if stands, _ := db.written.state(); stands >= at {
		return nil
	}
	return db.tabledAt(ctx, at)
}

// tabledAt waits until the tables have everything up to a position.
func (db *DB) tabledAt(ctx context.Context, at nacre.Position) error {
	// The writer gathers no more once somebody waits; what it has to write may have to be folded first.
	db.written.ask(at)
	db.hurry()
	return db.written.wait(ctx, at)
}

// CheckCollection tells what is wrong with a collection's name: it is 1 to 64 of letters, digits and "_", and begins with
// a letter. It is the category of its entities' streams.
func CheckCollection(name string) error {
	good := name != "" && len(name) <= 64
	for i := 0; good && i < len(name); i++ {
		c := name[i]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		good = letter || i > 0 && (c == '_' || '0' <= c && c <= '9')
	}
	if good {
		return nil
	}
	return invalid("collection", `%.80q is no name: give 1 to 64 of "a-z A-Z 0-9 _", a letter first`, name)
}

func invalid(field, format string, args ...any) error {
	err := nacre.Errorf(nacre.CodeInvalid, format, args...)
	err.Field = field
	return err
}
