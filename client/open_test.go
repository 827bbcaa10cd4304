package client_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/client"
	"github.com/nacredb/nacre/server"
	"github.com/nacredb/nacre/wire"
)

var errBroken = errors.New("the connection broke off")

func TestOpenRefuses(t *testing.T) {
	const secret = "k-secret"
	for _, c := range []struct {
		url  string
		o    *client.Options
		says string
	}{
		{"", nil, "http://127.0.0.1:4321"},
		{"127.0.0.1:4321", nil, "http://127.0.0.1:4321"},
		{"localhost", nil, "http://127.0.0.1:4321"},
		{"ftp://host", nil, "http://127.0.0.1:4321"},
		{"http://", nil, "http://127.0.0.1:4321"},
		{"http://:4321", nil, "http://127.0.0.1:4321"},
		{"http://host\x7f", nil, "http://127.0.0.1:4321"},
		{"http://ann:" + secret + "@host", nil, "in the Options"},
		{"http://ann:" + secret + "@host:port", nil, "cannot be read"},
		{"http://host?apiKey=" + secret, nil, "in the Options"},
		{"http://host#" + secret, nil, "in the Options"},
		{"http://host", &client.Options{Store: "No Name"}, "Options.Store"},
		{"http://host", &client.Options{APIKey: secret + "\n"}, "Options.APIKey"},
		{"http://host", &client.Options{Token: " " + secret}, "Options.Token"},
		{"http://host", &client.Options{UserAgent: "ä"}, "Options.UserAgent"},
		{"http://host", &client.Options{APIKey: secret, Token: secret}, "give one"},
		{"http://host", &client.Options{TLS: &tls.Config{}}, "https"},
		{"https://host", &client.Options{TLS: &tls.Config{}, Transport: &script{}}, "Transport"},
		{"http://host", &client.Options{Timeout: -1}, "Options.Timeout"},
		{"http://host", &client.Options{Timeout: time.Microsecond}, "Options.Timeout"},
		{"http://host", &client.Options{Appends: -1}, "Options.Appends"},
	} {
		s, err := client.Open(c.url, c.o)
		if nacre.CodeOf(err) != nacre.CodeInvalid || s != nil {
			t.Errorf("%q, %+v: %v", c.url, c.o, err)
			continue
		}
		if text := err.Error(); !strings.Contains(text, c.says) || strings.Contains(text, secret) {
			t.Errorf("%q, %+v: %v", c.url, c.o, err)
		}
	}
}

// TestRequests looks at what is sent: paths below a prefix, credentials, and that nothing else asks.
func TestRequests(t *testing.T) {
	head := func(*script, *http.Request) (*http.Response, error) { return nil, errBroken }
	for _, c := range []struct {
		url, path string
		o         client.Options
		header    http.Header
	}{
		{"http://host:1/", "/event-stores/default/head", client.Options{}, http.Header{"User-Agent": {"nacre-client"}}},
		{"http://host/api/", "/api/event-stores/orders/head", client.Options{Store: "orders", APIKey: "k"}, http.Header{"User-Agent": {"nacre-client"}, "X-Api-Key": {"k"}}},
		{"http://host/a%2Fb", "/a%2Fb/event-stores/default/head", client.Options{Token: "t", UserAgent: "me/1"}, http.Header{"User-Agent": {"me/1"}, "Authorization": {"Bearer t"}}},
	} {
		var got *http.Request
		o := c.o
		o.Retries = -1
		o.Transport = &script{steps: []step{func(s *script, r *http.Request) (*http.Response, error) {
			got = r
			return head(s, r)
		}}}
		s := open(t, c.url, &o)
		if _, err := s.Head(t.Context()); nacre.CodeOf(err) != nacre.CodeInternal || !errors.Is(err, errBroken) {
			t.Errorf("Head: %v", err)
		}
		if got.URL.RequestURI() != c.path {
			t.Errorf("%s: asked was %s, want %s", c.url, got.URL.RequestURI(), c.path)
		}
		for name, value := range c.header {
			if got.Header.Get(name) != value[0] || len(got.Header) != len(c.header) {
				t.Errorf("%s: the header is %v, want %v", c.url, got.Header, c.header)
			}
		}
	}
}

func TestBelowAPrefix(t *testing.T) {
	s := open(t, serve(t, "").url+"/api", nil)
	if _, err := s.Append(t.Context(), "s-1", nacre.NoStream, nacre.NewEvent("t", 1)); err != nil {
		t.Fatal(err)
	}
	if log := readAll(t, s, nil); len(log) != 1 {
		t.Errorf("the log has %d events", len(log))
	}
	none := open(t, serve(t, "").url+"/elsewhere", nil)
	_, err := none.Head(t.Context())
	expectCode(t, "a prefix where nothing is", err, nacre.CodeNotFound)
}

// TestErrorsForPeople: what went wrong is said with the address, without a key, and with what to do.
func TestErrorsForPeople(t *testing.T) {
	quiet := log.New(io.Discard, "", 0)
	start := func(h http.HandlerFunc, secure bool) string {
		s := httptest.NewUnstartedServer(h)
		s.Config.ErrorLog = quiet
		if secure {
			s.StartTLS()
		} else {
			s.Start()
		}
		t.Cleanup(s.Close)
		return s.URL
	}
	nobody, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = nobody.Close()
	closing := start(func(w http.ResponseWriter, _ *http.Request) { panic(http.ErrAbortHandler) }, false)
	html := start(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "<html>") }, false)
	away := start(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://elsewhere.example/", http.StatusMovedPermanently)
	}, false)
	secure := start(func(w http.ResponseWriter, _ *http.Request) {}, true)
	for _, c := range []struct {
		name, url string
		code      nacre.Code
		says      []string
	}{
		{"nothing listens", "http://" + nobody.Addr().String(), nacre.CodeInternal, []string{"nothing listens at http://" + nobody.Addr().String(), "nacre serve"}},
		{"it hangs up", closing, nacre.CodeInternal, []string{closing, "closed the connection"}},
		{"another web server", html, nacre.CodeInternal, []string{html, "no server of nacre"}},
		{"a redirect", away, nacre.CodeInternal, []string{away, "https://elsewhere.example/"}},
		{"an unknown certificate", secure, nacre.CodeInternal, []string{secure, "Options.TLS"}},
		{"no TLS", strings.Replace(html, "http:", "https:", 1), nacre.CodeInternal, []string{"speaks no TLS", "with http"}},
		{"TLS", strings.Replace(secure, "https:", "http:", 1), nacre.CodeInvalid, []string{"HTTPS"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := open(t, c.url, client.Hurried(client.Options{Retries: 1, APIKey: "k-secret"}))
			_, err := s.Head(t.Context())
			expectCode(t, "Head", err, c.code)
			for _, text := range append(c.says, "nacre: ") {
				if !strings.Contains(err.Error(), text) {
					t.Errorf("%q does not say %q", err, text)
				}
			}
			if strings.Contains(err.Error(), "k-secret") {
				t.Errorf("%q has the key", err)
			}
		})
	}
}

func TestTLS(t *testing.T) {
	s, err := server.New(&server.Options{Backend: &backend{}})
	if err != nil {
		t.Fatal(err)
	}
	listening := httptest.NewTLSServer(s.Handler())
	t.Cleanup(func() {
		listening.Close()
		if err := s.Close(context.Background()); err != nil {
			t.Errorf("the server's Close: %v", err)
		}
	})
	pool := x509.NewCertPool()
	pool.AddCert(listening.Certificate())
	store := open(t, listening.URL, &client.Options{TLS: &tls.Config{RootCAs: pool}})
	if _, err := store.Append(t.Context(), "s-1", nacre.NoStream, nacre.NewEvent("t", 1)); err != nil {
		t.Fatal(err)
	}
	if log := readAll(t, store, nil); len(log) != 1 {
		t.Errorf("the log has %d events", len(log))
	}
}

func TestStoreThatIsNotThere(t *testing.T) {
	s, _ := alone(t, client.Options{}, answer(404, `{"error":"EVENT_STORE_NOT_FOUND","message":"there is none of this name"}`))
	_, err := s.Append(t.Context(), "s-1", nacre.Any, nacre.NewEvent("t", 1))
	expectCode(t, "a store that is not there", err, wire.CodeStoreNotFound)
}
