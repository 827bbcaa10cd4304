package access

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// keyServer is an issuer on the loopback.
type keyServer struct {
	*httptest.Server
	asked  atomic.Int64
	answer atomic.Pointer[http.HandlerFunc]
}

func newKeyServer(t *testing.T) *keyServer {
	t.Helper()
	s := &keyServer{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.asked.Add(1)
		(*s.answer.Load())(w, r)
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *keyServer) will(h http.HandlerFunc) { s.answer.Store(&h) }

func (s *keyServer) say(text string) {
	s.will(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, text) })
}

func (s *keyServer) wantAsked(t *testing.T, n int64) {
	t.Helper()
	if got := s.asked.Load(); got != n {
		t.Fatalf("the keys were fetched %d times, want %d", got, n)
	}
}

// settle waits for a fetch in the background.
func (j *JWT) settle() {
	j.remote.mu.Lock()
	running := j.remote.running
	j.remote.mu.Unlock()
	if running != nil {
		<-running
	}
}

func TestKeySetRotates(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	all := signers()
	s := newKeyServer(t)
	s.say(keySetOf(t, all[algEd25519].webKey("one")))
	var log lockedBuffer
	j := openJWT(t, JWTOptions{KeySetURL: s.URL, Clock: clock.Now, Log: slog.New(slog.NewTextHandler(&log, nil))})
	claims := goodClaims(clock)
	claims["exp"] = clock.Now().Add(24 * time.Hour).Unix()
	first := all[algEd25519].sign(t, map[string]any{"kid": "one"}, claims)
	second := all[algRSA].sign(t, map[string]any{"kid": "two"}, claims)
	ask := func(token string, want bool) {
		t.Helper()
		_, err := j.Authenticate(t.Context(), token)
		if want != (err == nil) {
			t.Fatalf("taken %v, want %v: %v", err == nil, want, err)
		}
		if err != nil {
			wantErr(t, err, wire.CodeUnauthorized, "no key of the server fits")
		}
	}
	ask(first, true) // also while the first fetch is under way
	s.wantAsked(t, 1)

	// The issuer rotates. Within a minute of the last fetch an unknown key causes none.
	s.say(keySetOf(t, all[algRSA].webKey("two"), all[algEd25519].webKey("one")))
	for range 10 {
		ask(second, false)
	}
	s.wantAsked(t, 1)
	clock.add(fetchGap)
	ask(second, true) // the very request that names it
	s.wantAsked(t, 2)
	ask(first, true)
	s.wantAsked(t, 2)

	// The issuer fails in each way, and the last keys stay.
	for name, h := range map[string]http.HandlerFunc{
		"500":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) },
		"404":      func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"nonsense": func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") },
		"no keys":  func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, `{"keys":[]}`) },
		"too much": func(w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, `{"keys":[],"x":"`+strings.Repeat("x", maxKeyFile)+`"}`)
		},
		"cut off": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "1000")
			_, _ = io.WriteString(w, `{"keys":[`)
		},
		"redirect to http": func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://id.example.org/keys", http.StatusFound)
		},
		"redirect for ever": func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/", http.StatusFound) },
	} {
		s.will(h)
		clock.add(fetchGap)
		before := s.asked.Load()
		ask(all[algRSA].sign(t, map[string]any{"kid": "three"}, claims), false)
		if s.asked.Load() == before {
			t.Fatalf("%s: not asked", name)
		}
		ask(first, true)
		ask(second, true)
	}
	if !strings.Contains(log.String(), "the last one stays in use") {
		t.Fatalf("the log says %q", log.String())
	}

	// A key that was withdrawn goes although nobody misses another.
	s.say(keySetOf(t, all[algRSA].webKey("two")))
	clock.add(fetchAge)
	ask(first, true) // this one has it fetched in the background
	j.settle()
	ask(first, false)
	ask(second, true)
}

// TestKeySetWithoutIDs rotates keys that have no ids: a wrong signature may be that of a new key.
func TestKeySetWithoutIDs(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	bare := func(s signer) string {
		key := s.webKey("")
		delete(key, "kid")
		return keySetOf(t, key)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	old, next := signers()[algEd25519], signer{jwt.SigningMethodEdDSA, private, public}
	s := newKeyServer(t)
	s.say(bare(old))
	j := openJWT(t, JWTOptions{KeySetURL: s.URL, Clock: clock.Now})
	j.settle()
	s.say(bare(next))
	clock.add(fetchGap)
	if _, err := j.Authenticate(t.Context(), old.sign(t, nil, goodClaims(clock))); err != nil {
		t.Fatal(err)
	}
	s.wantAsked(t, 1)
	if _, err := j.Authenticate(t.Context(), next.sign(t, nil, goodClaims(clock))); err != nil {
		t.Fatal(err)
	}
	s.wantAsked(t, 2)
}

func TestKeySetIsNotThereAtStart(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	all := signers()
	s := newKeyServer(t)
	s.will(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) })
	j := openJWT(t, JWTOptions{KeySetURL: s.URL, Clock: clock.Now})
	token := all[algECDSA].sign(t, map[string]any{"kid": "one"}, goodClaims(clock))
	for range 3 {
		_, err := j.Authenticate(t.Context(), token)
		wantErr(t, err, nacre.CodeInternal, "no token is taken")
	}
	s.wantAsked(t, 1)
	s.say(keySetOf(t, all[algECDSA].webKey("one")))
	clock.add(firstGap)
	if _, err := j.Authenticate(t.Context(), token); err != nil {
		t.Fatal(err)
	}
	s.wantAsked(t, 2)
}

// TestUnknownKeysCauseOneFetch has many requests with invented ids at once.
func TestUnknownKeysCauseOneFetch(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	all := signers()
	s := newKeyServer(t)
	s.say(keySetOf(t, all[algEd25519].webKey("one")))
	j := openJWT(t, JWTOptions{KeySetURL: s.URL, Clock: clock.Now})
	j.settle()
	clock.add(fetchGap)
	token := all[algEd25519].sign(t, map[string]any{"kid": "invented"}, goodClaims(clock))
	var requests sync.WaitGroup
	for range 32 {
		requests.Go(func() {
			if _, err := j.Authenticate(t.Context(), token); nacre.CodeOf(err) != wire.CodeUnauthorized {
				t.Errorf("an invented key: %v", err)
			}
		})
	}
	requests.Wait()
	s.wantAsked(t, 2)
}

// hangingIssuer answers when its context ends.
type hangingIssuer struct{ hangs atomic.Bool }

func (h *hangingIssuer) RoundTrip(r *http.Request) (*http.Response, error) {
	if h.hangs.Load() {
		<-r.Context().Done()
		return nil, r.Context().Err()
	}
	return nil, errors.New("no route")
}

func TestIssuerThatHangs(t *testing.T) {
	t.Parallel()
	token := signers()[algEd25519].sign(t, map[string]any{"kid": "one"}, goodClaims(newHandClock()))
	synctest.Test(t, func(t *testing.T) {
		issuer := &hangingIssuer{}
		issuer.hangs.Store(true)
		j := must[*JWT](t)(NewJWT(&JWTOptions{KeySetURL: "https://id.example.org/keys", Client: &http.Client{Transport: issuer}}))
		begun := time.Now()
		_, err := j.Authenticate(t.Context(), token)
		wantErr(t, err, nacre.CodeInternal)
		if waited := time.Since(begun); waited != fetchTimeout {
			t.Fatalf("waited %v, want the time-out of %v", waited, fetchTimeout)
		}
		// A request that ends does not wait.
		time.Sleep(fetchGap)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		begun = time.Now()
		_, err = j.Authenticate(ctx, token)
		wantErr(t, err, nacre.CodeInternal)
		if waited := time.Since(begun); waited != time.Second {
			t.Fatalf("waited %v, want as long as the request", waited)
		}
		// Close ends the fetch that is under way.
		begun = time.Now()
		if err := j.Close(); err != nil {
			t.Fatal(err)
		}
		if waited := time.Since(begun); waited != 0 {
			t.Fatalf("Close waited %v", waited)
		}
		time.Sleep(time.Hour)
		_, err = j.Authenticate(t.Context(), token)
		wantErr(t, err, nacre.CodeInternal)
	})
}

type lockedBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.text.String()
}
