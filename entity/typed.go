package entity

import (
	"context"
	"reflect"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/query"
)

// CodeMismatch: the values of an entity do not fit the Go type that they are read into.
const CodeMismatch nacre.Code = "ENTITY_MISMATCH"

// Decimal is an exact number, as digits: "12.50". The empty one is no value.
type Decimal = query.Decimal

// Ref is the id of an entity whose values are a T; the empty one leads nowhere. As a field it is a reference to T's
// collection.
type Ref[T any] string

type referring interface{ refers() reflect.Type }

func (Ref[T]) refers() reflect.Type { return reflect.TypeFor[T]() }

// Getter gets entities: a [Collection] or a [TxCollection].
type Getter[T any] interface {
	Get(ctx context.Context, id string) (*T, error)
}

// Follow gets the entity that the reference leads to: of artists, or of artists.In(tx). An empty one is CodeNotFound.
func (r Ref[T]) Follow(ctx context.Context, in Getter[T]) (*T, error) {
	if r == "" {
		return nil, nacre.Errorf(nacre.CodeNotFound, "the reference is empty: it leads to no %s", reflect.TypeFor[T]().Name())
	}
	return in.Get(ctx, string(r))
}

// CollectionOptions are the options of a collection of a Go type; nil is the defaults.
type CollectionOptions struct {
	// Exact takes those properties and indexes out of the schema that the type does not have; their values stay in the log.
	// Default: what others declared stays, and the type has a part of the properties.
	Exact bool
	// Tx are the options of the transactions that the collection makes by itself, and who declares. Default: none.
	Tx *TxOptions
}

// Collection is a collection whose entities are read into a T, and made and edited as a T. [Of] gives it. It may be used from
// many goroutines.
type Collection[T any] struct {
	db   *DB
	name string
	plan *plan
	tx   *TxOptions
}

// Of gives a collection with a Go type, a struct whose exported fields are properties, and declares what its schema lacks. An
// empty name is that of the type, where T is [Collected].
//
//	type Album struct {
//		ID     string             `entity:"id"`
//		Name   string             // "name", or json's name if there is one
//		Year   int                `entity:"year,index"`
//		Plays  int64              `entity:",counter"`
//		Tags   []string           `entity:",set"`
//		Tracks []string           `entity:",list"`
//		Notes  map[string]string  `entity:",map"`
//		Artist entity.Ref[Artist] // a reference
//		Price  *entity.Decimal    // nil is no value
//	}
//
// A field is a register unless its tag says counter, set, map or list. Strings, and what has MarshalText, are text; integers
// int64, floats float64; bool, [Decimal], time.Time (in microseconds, UTC), []byte and [Ref] what they are called; everything
// else, structs too, is JSON as by encoding/json, one value as a whole, with json.Number for numbers without a type. Fields of
// embedded structs are the struct's own. A nil, an empty Ref or Decimal, and the zero time are no value; other zero values are values, so that
// queries find them: a new entity's false, 0 and "", and counters at 0.
//
// Behind the name a tag has options, separated by commas:
//
//	counter, set, map, list   the kind
//	index                     an index of this property; index=NAME:PLACE one of several, in the order of their places
//	default=VALUE             what is read where there is no value; single quotes allow commas. A zero value that is created is none
//	omitzero                  the zero value is no value
//	of=COLLECTION             a string is a reference, or where a Ref leads
//	was=NAME                  the property is renamed, and keeps its history
//	from=ID                   the property had another type, and values that can be cast are read
//	id=ID                     what events call the property
//	-                         no property
//
// Nothing is lost silently: a property that is declared with another kind or type is an error, unless the tag says from or
// id; properties that the type does not have stay unless o says Exact. Errors are CodeInvalid and name the field.
func Of[T any](ctx context.Context, db *DB, collection string, o *CollectionOptions) (*Collection[T], error) {
	if o == nil {
		o = &CollectionOptions{}
	}
	t := reflect.TypeFor[T]()
	p, err := planOf(t)
	if err != nil {
		return nil, err
	}
	if collection == "" {
		collection = collectionOf(t)
	}
	if err := CheckCollection(collection); err != nil {
		return nil, err
	}
	d := &declaring{plan: p, exact: o.Exact}
	if d.targets, err = db.targets(p, t, collection); err != nil {
		return nil, err
	}
	if err := db.declareType(ctx, collection, d, o.Tx); err != nil {
		return nil, err
	}
	if was, twice := db.types.LoadOrStore(t, collection); twice && was != collection {
		db.types.Store(t, "") // of several collections: references say which one
	}
	return &Collection[T]{db: db, name: collection, plan: p, tx: o.Tx}, nil
}

// Name is the collection's.
func (c *Collection[T]) Name() string { return c.name }

// With is the collection with other options for the transactions that it makes by itself: who edits, say.
func (c *Collection[T]) With(o *TxOptions) *Collection[T] {
	with := *c
	with.tx = o
	return &with
}

// In is the collection in a transaction.
func (c *Collection[T]) In(tx *Tx) *TxCollection[T] { return &TxCollection[T]{c, tx} }

// Create makes an entity of a value, and gives its id: the value's, or a new one that is set in it. Where there is one of that
// id, it fails with CodeExists.
func (c *Collection[T]) Create(ctx context.Context, value *T) (string, error) {
	var id string
	_, err := c.db.Transact(ctx, c.tx, func(tx *Tx) (err error) {
		id, err = c.In(tx).Create(ctx, value)
		return err
	})
	if err != nil {
		return "", err
	}
	return id, nil
}

// Get is an entity with everything that was acknowledged before. One that does not exist is CodeNotFound, a deleted one
// CodeDeleted, and one whose values do not fit T CodeMismatch.
func (c *Collection[T]) Get(ctx context.Context, id string) (*T, error) {
	v, err := c.db.Get(ctx, c.name, id)
	if err != nil {
		return nil, err
	}
	return c.read(id, v.Values)
}

func (c *Collection[T]) read(id string, values []byte) (*T, error) {
	value := new(T)
	if err := c.plan.read(c.name, id, values, reflect.ValueOf(value).Elem()); err != nil {
		return nil, err
	}
	return value, nil
}

// Edit gets an entity, has do change it, and writes what is different then: registers are set, counters added to, elements
// of sets and keys of maps added and removed, and elements of lists that stayed remain what they are. So edits that others
// make meanwhile outlive it, and fields that are as they were write nothing. Edits of one entity by way of this DB come
// one after the other; do is called once, and must not edit the same entity by itself. An error of do is returned, and
// nothing is written.
func (c *Collection[T]) Edit(ctx context.Context, id string, do func(value *T) error) error {
	return c.alone(ctx, id, func(tx *Tx) error { return c.In(tx).Edit(ctx, id, do) })
}

// Change edits an entity by operations, for what a difference cannot say. It is alone with it as Edit is.
func (c *Collection[T]) Change(ctx context.Context, id string, do func(e *Editor[T]) error) error {
	return c.alone(ctx, id, func(tx *Tx) error { return c.In(tx).Change(ctx, id, do) })
}

// Delete marks an entity as deleted. Its history stays.
func (c *Collection[T]) Delete(ctx context.Context, id string) error {
	return c.alone(ctx, id, func(tx *Tx) error { return c.In(tx).Delete(ctx, id) })
}

// Restore takes a deletion back.
func (c *Collection[T]) Restore(ctx context.Context, id string) error {
	return c.alone(ctx, id, func(tx *Tx) error { return c.In(tx).Restore(ctx, id) })
}

// alone runs a transaction, and others of the same entity before or behind it.
func (c *Collection[T]) alone(ctx context.Context, id string, do func(tx *Tx) error) error {
	unlock, err := c.db.locks.lock(ctx, []name{{c.name, id}})
	if err != nil {
		return err
	}
	defer unlock()
	_, err = c.db.Transact(ctx, c.tx, do)
	return err
}

// TxCollection is a collection in a transaction. It is for the goroutine that has the transaction.
type TxCollection[T any] struct {
	of *Collection[T]
	tx *Tx
}

func (c *TxCollection[T]) check() error {
	if c.tx.db != c.of.db {
		return invalid("tx", "is of another DB than the collection %q", c.of.name)
	}
	return nil
}

// Create is Collection.Create in the transaction. That there is one of the id may also come out at the commit.
func (c *TxCollection[T]) Create(ctx context.Context, value *T) (string, error) {
	if err := c.check(); err != nil {
		return "", err
	}
	if value == nil {
		return "", invalid("value", "is nil: give the %s that the entity is made of", c.of.plan.name)
	}
	v := reflect.ValueOf(value).Elem()
	values, err := c.of.plan.values(v)
	if err != nil {
		return "", err
	}
	id, err := c.tx.Create(ctx, c.of.name, c.of.plan.idOf(v), values)
	if err != nil {
		return "", err
	}
	c.of.plan.setID(v, id)
	return id, nil
}

// Get is an entity with the transaction's own edits.
func (c *TxCollection[T]) Get(ctx context.Context, id string) (*T, error) {
	value, _, _, err := c.get(ctx, id)
	return value, err
}

func (c *TxCollection[T]) get(ctx context.Context, id string) (*T, *held, []byte, error) {
	if err := c.check(); err != nil {
		return nil, nil, nil, err
	}
	h, err := c.tx.living(ctx, c.of.name, id)
	if err != nil {
		return nil, nil, nil, err
	}
	values := h.schema.AppendValues(nil, h.draft)
	value, err := c.of.read(id, values)
	return value, h, values, err
}

// Edit is Collection.Edit in the transaction, but for one thing: transactions are not alone, so what others set meanwhile
// and this one sets too ends as a conflict, of which one value is shown. An edit that fails may have been made in part: roll back.
func (c *TxCollection[T]) Edit(ctx context.Context, id string, do func(value *T) error) error {
	value, h, values, err := c.get(ctx, id)
	if err != nil {
		return err
	}
	if err := do(value); err != nil {
		return err
	}
	v := reflect.ValueOf(value).Elem()
	if now := c.of.plan.idOf(v); c.of.plan.id != nil && now != id {
		return invalid(c.of.plan.idName, "was changed from %q to %q: an entity keeps its id", id, now)
	}
	patches, err := c.of.plan.patches(h.schema, values, v)
	if err != nil {
		return err
	}
	for _, patch := range patches {
		if err := h.schema.Patch(h.draft, patch); err != nil {
			return err
		}
	}
	return nil
}

// Change is Collection.Change in the transaction.
func (c *TxCollection[T]) Change(ctx context.Context, id string, do func(e *Editor[T]) error) error {
	value, h, _, err := c.get(ctx, id)
	if err != nil {
		return err
	}
	e := &Editor[T]{value: value, h: h}
	if err := do(e); err != nil {
		return err
	}
	return e.err
}

// Delete is Collection.Delete in the transaction.
func (c *TxCollection[T]) Delete(ctx context.Context, id string) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.tx.Delete(ctx, c.of.name, id)
}

// Restore is Collection.Restore in the transaction.
func (c *TxCollection[T]) Restore(ctx context.Context, id string) error {
	if err := c.check(); err != nil {
		return err
	}
	return c.tx.Restore(ctx, c.of.name, id)
}
