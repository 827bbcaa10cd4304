package client_test

import (
	"errors"
	"io"
	"iter"
	"net/http"
	"slices"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wire"
)

func TestReadWhere(t *testing.T) {
	s := open(t, serve(t, "").url, nil)
	for n := range 6 {
		if _, err := s.Append(t.Context(), "s-1", nacre.Any, nacre.NewEvent([]string{"a", "b"}[n%2], map[string]int{"n": n})); err != nil {
			t.Fatal(err)
		}
	}
	a := nacre.Filter{{Types: []string{"a"}}}
	for _, c := range []struct {
		filter nacre.Filter
		where  string
		o      *nacre.ReadOptions
		want   []nacre.Position
	}{
		{nil, "data.n > 2", nil, []nacre.Position{4, 5, 6}},
		{a, "data.n > 2", nil, []nacre.Position{5}},
		{nil, "data.n > 2", &nacre.ReadOptions{Limit: 1, Backwards: true}, []nacre.Position{6}},
		{nacre.Filter{{Streams: []nacre.StreamID{"s-1"}}}, "type = 'b'", &nacre.ReadOptions{From: 2, Until: 5}, []nacre.Position{4}},
		{a, "", nil, []nacre.Position{1, 3, 5}},
		{nil, "data.none = 1", nil, nil},
	} {
		got, err := placesOf(client.ReadWhere(t.Context(), s, c.filter, c.where, c.o))
		if err != nil || !slices.Equal(got, c.want) {
			t.Errorf("%v where %s gives %v, %v, and should give %v", c.filter, c.where, got, err, c.want)
		}
	}
	_, err := placesOf(client.ReadWhere(t.Context(), s, nil, "data.n > 2 LIMIT 1", nil))
	if asked, ok := errors.AsType[*wire.QueryError](err); !ok || asked.Field != "where" || asked.Line != 1 || asked.Column != 12 || asked.Expected == "" {
		t.Errorf("what is no condition gives %#v", err)
	}
	_, err = placesOf(client.ReadWhere(t.Context(), s, nacre.Filter{{Types: []string{""}}}, "TRUE", nil))
	expectCode(t, "an empty type", err, nacre.CodeInvalid)
	m := memstore.Open(nil)
	defer m.Close()
	_, err = placesOf(client.ReadWhere(t.Context(), m, nil, "TRUE", nil))
	expectCode(t, "a store in memory", err, nacre.CodeUnsupported)
}

// A read that breaks off goes on with its condition.
func TestReadWhereGoesOn(t *testing.T) {
	text := storedLines(t, 6)
	var sent []byte
	rest := func(s *script, r *http.Request) (*http.Response, error) {
		sent, _ = io.ReadAll(r.Body)
		return answer(200, text[5], "Nacre-As-Of: 6@e", "+Nacre-End: 6")(s, r)
	}
	s, _ := alone(t, client.Options{Retries: 1}, answer(200, text[1], "Nacre-As-Of: 6@e"), rest)
	got, err := placesOf(client.ReadWhere(t.Context(), s, nil, "data IN (1, 5)", &nacre.ReadOptions{Limit: 3}))
	if err != nil || !slices.Equal(got, []nacre.Position{2, 6}) {
		t.Errorf("it gives %v, %v", got, err)
	}
	if want := `{"filter":{"items":[]},"after":2,"before":7,"limit":2,"where":"data IN (1, 5)"}`; string(sent) != want {
		t.Errorf("it goes on with %s", sent)
	}
}

func placesOf(lines iter.Seq2[nacre.Line, error]) (got []nacre.Position, err error) {
	for l, err := range lines {
		if err != nil {
			return got, err
		}
		got = append(got, l.Position)
	}
	return got, nil
}
