package entity_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/entity"
)

// fails opens a collection of a type whose tags are wrong.
func fails[T any](t *testing.T, w *world, field, says string) {
	t.Helper()
	_, err := entity.Of[T](t.Context(), w.DB, "wrongs", nil)
	told, ok := errors.AsType[*nacre.Error](err)
	if !ok || told.Code != nacre.CodeInvalid || told.Field != field || !strings.Contains(told.Message, says) {
		t.Errorf("want %s: …%s…, got %v", field, says, err)
	}
}

type (
	pointed struct{ X int }
	opaque  struct{ x int } //nolint:unused // what nobody sees is not written
	silent  struct{ y int } //nolint:unused // as above
)

func TestWrongTypes(t *testing.T) {
	t.Parallel()
	w := empty(t)
	type S struct {
		X int `entity:",indx"`
	}
	fails[S](t, w, "S.X", `"indx" in the tag is unknown`)
	type A struct {
		X int `entity:",of"`
	}
	fails[A](t, w, "A.X", `"of" in the tag is unknown, or lacks its value`)
	type B struct {
		X string `entity:",set"`
	}
	fails[B](t, w, "B.X", "take a slice")
	type C struct {
		X float64 `entity:",counter"`
	}
	fails[C](t, w, "C.X", "take an integer or entity.Decimal")
	type D struct {
		X map[int]string `entity:",map"`
	}
	fails[D](t, w, "D.X", "keys of text")
	type E struct{ X chan int }
	fails[E](t, w, "E.X", "a chan int cannot be kept")
	type F struct {
		X int `entity:"y"`
		Y int
	}
	fails[F](t, w, "F.Y", `the property "y", and so is F.X`)
	type G struct {
		ID int
	}
	fails[G](t, w, "G.ID", "which is a text")
	type H struct {
		ID  string
		Key string `entity:"id"`
	}
	fails[H](t, w, "H.Key", "so is H.ID")
	type I struct {
		X []string `entity:",set,list"`
	}
	fails[I](t, w, "I.X", "a set and a list")
	type J struct {
		x int `entity:"x"`
	}
	_ = J{x: 1}.x
	fails[J](t, w, "J.x", "begin with a capital")
	type K struct {
		X int `entity:",default=many"`
	}
	fails[K](t, w, "K.X", `"many" is no JSON`)
	type L struct {
		X int8 `entity:",default=300"`
	}
	fails[L](t, w, "L.X", "300 does not fit int8")
	type M struct {
		X int `entity:",index=a:1"`
		Y int `entity:",index=a:3"`
	}
	fails[M](t, w, "M", "none at place 2")
	type N struct {
		X int `entity:",index=a:1"`
		Y int `entity:",index=a:1"`
	}
	fails[N](t, w, "N.Y", `so has "x"`)
	type O struct {
		X entity.Ref[pointed]
	}
	fails[O](t, w, "O.X", "refers to entity_test.pointed, whose collection is not known")
	type P struct{ *pointed }
	fails[P](t, w, "P.pointed", "embed the struct itself")
	type Q struct {
		X opaque
	}
	fails[Q](t, w, "Q.X", "MarshalJSON")
	type R struct{ X **int }
	fails[R](t, w, "R.X", "pointer to a pointer")
	type T struct {
		X int `entity:",omitzero,default=1"`
	}
	fails[T](t, w, "T.X", "omitzero goes without a default")
	type U struct {
		X []string `entity:",set,index"`
	}
	fails[U](t, w, "U.X", "a set has no index")
	type V struct {
		X int `entity:",counter,default=1"`
	}
	fails[V](t, w, "V.X", "begins at 0")
	type W struct {
		X int `entity:",of=people"`
	}
	fails[W](t, w, "W.X", "a Ref or a text")
	type X struct {
		X int `entity:",was=y"`
		Y int
	}
	fails[X](t, w, "X.X", "names the property of X.Y")
	type Y struct {
		X string `entity:",default='a"`
	}
	fails[Y](t, w, "Y.X", "not closed")
	type Z struct {
		X int `entity:",id=a,id=b"`
	}
	fails[Z](t, w, "Z.X", "stands twice")
	type AA struct {
		ID string `entity:"id,index"`
	}
	fails[AA](t, w, "AA.ID", "has no options")
	type AB struct {
		X []int `entity:",set,from=y"`
	}
	fails[AB](t, w, "AB.X", "from goes with registers")
	type AC struct {
		X []int `entity:",list,omitzero"`
	}
	fails[AC](t, w, "AC.X", "goes with single values")
	type AD struct {
		X int `entity:"$x"`
	}
	fails[AD](t, w, "properties.$x", "reserved")
	type AE struct {
		X fmt.Stringer
	}
	fails[AE](t, w, "AE.X", "cannot be kept")
	fails[struct{}](t, w, "type", "no fields")
	fails[silent](t, w, "type", "no fields")
	fails[int](t, w, "type", "no struct")
	_, err := entity.Of[album](t.Context(), w.DB, "", nil)
	code(t, err, nacre.CodeInvalid)
	if names, err := w.Collections(t.Context()); len(names) > 0 || err != nil {
		t.Errorf("collections were declared: %v, %v", names, err)
	}
}

func (w *world) schema(collection string) string {
	w.t.Helper()
	s, err := w.Schema(w.t.Context(), collection)
	if err != nil {
		w.t.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		w.t.Fatal(err)
	}
	return string(text)
}

type country struct {
	URLPath string
	ISO     string `entity:"isoCode,default='a, b'"`
	Name    string `json:"title,omitempty"`
	Rank    int    `entity:",index=byRank:2,index"`
	Area    int    `entity:",index=byRank:1"`
	Next    entity.Ref[country]
	City    entity.Ref[city]
	Mayor   string `entity:",of=people"`
}

func (country) EntityCollection() string { return "countries" }

type city struct{ Name string }

func (*city) EntityCollection() string { return "cities" }

func TestSchemaOfType(t *testing.T) {
	t.Parallel()
	w := empty(t)
	c, err := entity.Of[country](t.Context(), w.DB, "", &entity.CollectionOptions{Tx: &entity.TxOptions{Actor: "ann"}})
	if err != nil || c.Name() != "countries" {
		t.Fatal(err)
	}
	want := `{"properties":{"area":{"id":"area","kind":"register","type":"int64"},"city":{"id":"city","kind":"reference","type":"ref","of":"cities"},` +
		`"isoCode":{"id":"isoCode","kind":"register","type":"text","default":"a, b"},"mayor":{"id":"mayor","kind":"reference","type":"ref","of":"people"},` +
		`"next":{"id":"next","kind":"reference","type":"ref","of":"countries"},"rank":{"id":"rank","kind":"register","type":"int64"},` +
		`"title":{"id":"title","kind":"register","type":"text"},"urlPath":{"id":"urlPath","kind":"register","type":"text"}},"indexes":[["rank"],["area","rank"]]}`
	if got := w.schema("countries"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	before := w.head()
	of[country](t, w, "countries")
	if w.head() != before {
		t.Error("a schema that is there was declared again")
	}
	// A default is read until something is written, zero too.
	ctx := t.Context()
	id, err := c.Create(ctx, &country{Name: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if got, err := c.Get(ctx, id); err != nil || got.ISO != "a, b" {
		t.Errorf("got %+v, %v", got, err)
	}
	if err := c.Edit(ctx, id, func(c *country) error { c.ISO = ""; return nil }); err != nil {
		t.Fatal(err)
	}
	if got, err := c.Get(ctx, id); err != nil || got.ISO != "" {
		t.Errorf("got %+v, %v", got, err)
	}
}

// What others declared stays, unless the collection is to be exactly what the type is.
func TestTypesHaveAPart(t *testing.T) {
	t.Parallel()
	w := empty(t)
	ctx := t.Context()
	const declared = `{"properties":{"name":{"kind":"register","type":"text","default":"?"},"color":{"kind":"register","type":"text"}},"indexes":[["color"]]}`
	if _, err := w.Declare(ctx, "things", json.RawMessage(declared), nil); err != nil {
		t.Fatal(err)
	}
	type thing struct {
		ID   string
		Name *string `entity:",index"`
		Size int
	}
	c := of[thing](t, w, "things")
	want := `{"properties":{"color":{"id":"color","kind":"register","type":"text"},"name":{"id":"name","kind":"register","type":"text","default":"?"},` +
		`"size":{"id":"size","kind":"register","type":"int64"}},"indexes":[["color"],["name"]]}`
	if got := w.schema("things"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	w.create("things", "a", `{"color":"red","name":"n"}`)
	if err := c.Edit(ctx, "a", func(a *thing) error { a.Size, a.Name = 3, nil; return nil }); err != nil {
		t.Fatal(err)
	}
	v, err := w.Get(ctx, "things", "a")
	if err != nil || string(v.Values) != `{"color":"red","name":null,"size":3}` {
		t.Errorf("got %s, %v", v.Values, err)
	}
	if _, err := entity.Of[thing](ctx, w.DB, "things", &entity.CollectionOptions{Exact: true}); err != nil {
		t.Fatal(err)
	}
	want = `{"properties":{"name":{"id":"name","kind":"register","type":"text"},"size":{"id":"size","kind":"register","type":"int64"}},"indexes":[["name"]]}`
	if got := w.schema("things"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// A type that says less than the schema changes as the program does: names, then types.
func TestTypesChange(t *testing.T) {
	t.Parallel()
	w := empty(t)
	ctx := t.Context()
	type first struct {
		ID   string
		Name string `entity:",index"`
		Year int
	}
	if _, err := of[first](t, w, "things").Create(ctx, &first{ID: "a", Name: "n", Year: 2001}); err != nil {
		t.Fatal(err)
	}

	type renamed struct {
		Title string `entity:",was=name"`
		Year  int
	}
	for range 2 { // the second time there is nothing to do
		c := of[renamed](t, w, "things")
		if got, err := c.Get(ctx, "a"); err != nil || *got != (renamed{"n", 2001}) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	want := `{"properties":{"title":{"id":"name","kind":"register","type":"text"},"year":{"id":"year","kind":"register","type":"int64"}},"indexes":[["title"]]}`
	if got := w.schema("things"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}

	type retypedWithoutAWord struct{ Year string }
	_, err := entity.Of[retypedWithoutAWord](ctx, w.DB, "things", nil)
	code(t, err, nacre.CodeInvalid)
	if told, _ := errors.AsType[*nacre.Error](err); told.Field != "retypedWithoutAWord.Year" || !strings.Contains(told.Message, "from=year") {
		t.Errorf("got %v", err)
	}
	type retyped struct {
		Caption string `entity:",id=name"`
		Year    string `entity:",from=year"`
	}
	for range 2 {
		c := of[retyped](t, w, "things")
		if got, err := c.Get(ctx, "a"); err != nil || *got != (retyped{"n", "2001"}) {
			t.Errorf("got %+v, %v", got, err)
		}
	}
	want = `{"properties":{"caption":{"id":"name","kind":"register","type":"text"},"year":{"id":"year~2","kind":"register","type":"text","from":"year"}},"indexes":[["caption"]]}`
	if got := w.schema("things"); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	_, err = entity.Of[first](ctx, w.DB, "things", nil) // the old program does not turn it back
	code(t, err, nacre.CodeInvalid)

	type anew struct {
		Year []string `entity:",set,id=years"`
	}
	c := of[anew](t, w, "things")
	if got, err := c.Get(ctx, "a"); err != nil || got.Year != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	// A pointer that gets nil hides what it would be read from.
	type pointing struct {
		ID string
		At *time.Time
		To *string `entity:"when,from=at"`
	}
	type before struct {
		ID string
		At *time.Time
	}
	now := time.UnixMicro(1)
	if _, err := of[before](t, w, "others").Create(ctx, &before{"a", &now}); err != nil {
		t.Fatal(err)
	}
	others := of[pointing](t, w, "others")
	if got, err := others.Get(ctx, "a"); err != nil || got.To == nil {
		t.Fatalf("got %+v, %v", got, err)
	}
	if err := others.Edit(ctx, "a", func(p *pointing) error { p.To = nil; return nil }); err != nil {
		t.Fatal(err)
	}
	if got, err := others.Get(ctx, "a"); err != nil || got.To != nil || got.At == nil {
		t.Errorf("got %+v, %v", got, err)
	}
	type elsewhere struct {
		Next entity.Ref[first] `entity:",of=things"`
	}
	type another struct {
		Next entity.Ref[first] `entity:",of=others"`
	}
	of[elsewhere](t, w, "refs")
	_, err = entity.Of[another](ctx, w.DB, "refs", nil)
	code(t, err, nacre.CodeInvalid)
}

// Programs that declare different parts at the same time all get theirs.
func TestTypesAtOnce(t *testing.T) {
	t.Parallel()
	w := empty(t)
	type a struct{ A int }
	type b struct{ B int }
	type c struct{ C int }
	errs := make(chan error)
	for _, declare := range []func() error{
		func() error { _, err := entity.Of[a](t.Context(), w.DB, "things", nil); return err },
		func() error { _, err := entity.Of[b](t.Context(), w.DB, "things", nil); return err },
		func() error { _, err := entity.Of[c](t.Context(), w.DB, "things", nil); return err },
	} {
		go func() { errs <- declare() }()
	}
	for range 3 {
		if err := <-errs; err != nil {
			t.Error(err)
		}
	}
	if got := w.schema("things"); !strings.Contains(got, `"a"`) || !strings.Contains(got, `"b"`) || !strings.Contains(got, `"c"`) {
		t.Errorf("got %s", got)
	}
}
