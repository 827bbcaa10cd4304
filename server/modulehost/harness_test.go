package modulehost_test

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/server/modulehost"
	"github.com/nacredb/nacre/spec"
	"github.com/nacredb/nacre/storage/memstore"
	"github.com/nacredb/nacre/wasm"
	"github.com/nacredb/nacre/wasm/modules"
	"github.com/nacredb/nacre/wire"
)

const typeWasm = "application/wasm"

var document = sync.OnceValues(func() (*openapi3.T, error) {
	openapi3filter.RegisterBodyDecoder(typeWasm, func(body io.Reader, _ http.Header, _ *openapi3.SchemaRef, _ openapi3filter.EncodingFn) (any, error) {
		text, err := io.ReadAll(body)
		return string(text), err
	})
	return openapi3.NewLoader().LoadFromData(spec.OpenAPI)
})

// backend has stores in memory; what a deleted one had is gone.
type backend struct {
	mu     sync.Mutex
	stores map[string]*nacre.Store
}

func (b *backend) Names(context.Context) ([]string, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Sorted(maps.Keys(b.stores)), nil
}

func (b *backend) Open(_ context.Context, name string) (*nacre.Store, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if s := b.stores[name]; s != nil {
		return s, nil
	}
	return nil, nacre.Errorf(wire.CodeStoreNotFound, "there is no store %q", name)
}

func (b *backend) Create(_ context.Context, name string) (*nacre.Store, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.stores[name] = memstore.Open(nil)
	return b.stores[name], nil
}

func (b *backend) Delete(_ context.Context, name string) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	delete(b.stores, name)
	return nil
}

// told is what a logger was told.
type told struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *told) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *told) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// harness is a server that runs modules, and a client that checks every reply against the document.
type harness struct {
	*testing.T
	s    *server.Server
	web  *httptest.Server
	log  *told
	seen strings.Builder // all replies
}

func newHarness(t *testing.T) *harness {
	t.Helper()
	h := &harness{T: t, log: &told{}}
	logger := slog.New(slog.NewTextHandler(h.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	engine, err := wasm.NewEngine(t.Context(), &wasm.EngineOptions{Logger: logger})
	if err != nil {
		t.Fatal(err)
	}
	h.s, err = server.New(&server.Options{
		Backend: &backend{stores: map[string]*nacre.Store{}}, Logger: logger,
		Aggregates: modulehost.New(engine, &modules.Options{Logger: logger}),
	})
	if err != nil {
		t.Fatal(err)
	}
	h.web = httptest.NewServer(h.s.Handler())
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := h.s.Close(ctx); err != nil {
			t.Errorf("closing the server: %v", err)
		}
		h.web.Close()
		if err := engine.Close(ctx); err != nil {
			t.Errorf("closing the engine: %v", err)
		}
	})
	return h
}

// reply is one that has been read.
type reply struct {
	t      *testing.T
	what   string
	status int
	header http.Header
	body   []byte
}

// store is the path of the store that tests use.
const store = "/event-stores/default"

func (h *harness) get(path string) *reply        { h.Helper(); return h.do("GET", path, "") }
func (h *harness) post(path, body string) *reply { h.Helper(); return h.do("POST", path, body) }

func (h *harness) put(path string, body []byte) *reply {
	h.Helper()
	return h.do("PUT", path, string(body))
}

// do makes a request to the store.
func (h *harness) do(method, path, body string) *reply {
	h.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r, err := http.NewRequestWithContext(h.Context(), method, h.web.URL+store+path, in)
	if err != nil {
		h.Fatal(err)
	}
	answer, err := h.web.Client().Do(r)
	if err != nil {
		h.Fatal(err)
	}
	defer answer.Body.Close()
	got, err := io.ReadAll(answer.Body)
	if err != nil {
		h.Fatal(err)
	}
	h.check(r, body, answer, got)
	h.seen.Write(got)
	return &reply{t: h.T, what: method + " " + path, status: answer.StatusCode, header: answer.Header, body: got}
}

// match tells whether a path is one of the document's, and gives its parameters.
func match(pattern, path string) (map[string]string, bool) {
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) != len(have) {
		return nil, false
	}
	params := map[string]string{}
	for i, part := range want {
		if name, ok := strings.CutPrefix(part, "{"); ok {
			params[strings.TrimSuffix(name, "}")] = have[i]
		} else if part != have[i] {
			return nil, false
		}
	}
	return params, true
}

// check wants a reply, and the request where it was taken, to be as the document says.
func (h *harness) check(r *http.Request, sent string, answer *http.Response, got []byte) {
	h.Helper()
	doc, err := document()
	if err != nil {
		h.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		params, ok := match(path, r.URL.Path)
		if !ok || item.GetOperation(r.Method) == nil {
			continue
		}
		request := r.Clone(r.Context())
		request.Body = nil
		if sent != "" {
			request.Body = io.NopCloser(strings.NewReader(sent))
			request.Header.Set("Content-Type", wire.TypeJSON)
			if r.Method == http.MethodPut {
				request.Header.Set("Content-Type", typeWasm)
			}
		}
		in := &openapi3filter.RequestValidationInput{
			Request: request, PathParams: params, QueryParams: r.URL.Query(),
			Route:   &routers.Route{Spec: doc, Path: path, PathItem: item, Method: r.Method, Operation: item.GetOperation(r.Method)},
			Options: &openapi3filter.Options{AuthenticationFunc: openapi3filter.NoopAuthenticationFunc},
		}
		if answer.StatusCode < 400 {
			if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
				h.Errorf("%s %s was taken, and is not as documented: %v", r.Method, r.URL, err)
			}
		}
		out := &openapi3filter.ResponseValidationInput{
			RequestValidationInput: in, Status: answer.StatusCode, Header: answer.Header,
			Options: &openapi3filter.Options{IncludeResponseStatus: true},
		}
		out.SetBodyBytes(got)
		if err := openapi3filter.ValidateResponse(r.Context(), out); err != nil {
			h.Errorf("%s %s answered %d, not as documented: %v\n%s", r.Method, r.URL, answer.StatusCode, err, got)
		}
		return
	}
	h.Errorf("%s %s is not in the document", r.Method, r.URL)
}

// is wants a status.
func (r *reply) is(status int) *reply {
	r.t.Helper()
	if r.status != status {
		r.t.Fatalf("%s: status %d, want %d: %s", r.what, r.status, status, r.body)
	}
	return r
}

// refused wants an error of a code, with words in it.
func (r *reply) refused(code nacre.Code, words ...string) {
	r.t.Helper()
	r.is(wire.Status(code))
	var body wire.ErrorBody
	if err := wire.Decode(r.body, &body); err != nil || body.Code != code {
		r.t.Fatalf("%s: %s, want %s: %v", r.what, r.body, code, err)
	}
	for _, w := range words {
		if !strings.Contains(string(r.body), w) {
			r.t.Errorf("%s: the error is %s, want %q in it", r.what, r.body, w)
		}
	}
}

// has wants a member, by the path of its name, to have a value as JSON.
func (r *reply) has(want string, path ...string) *reply {
	r.t.Helper()
	at := json.RawMessage(r.body)
	for _, name := range path {
		var members map[string]json.RawMessage
		if err := json.Unmarshal(at, &members); err != nil {
			r.t.Fatalf("%s: %s has no %v: %v", r.what, r.body, path, err)
		}
		at = members[name]
	}
	if string(at) != want {
		r.t.Fatalf("%s: %v is %s, want %s: %s", r.what, path, at, want, r.body)
	}
	return r
}
