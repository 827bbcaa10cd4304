package webhook

import (
	"crypto/tls"
	"errors"
	"net"
	"net/http"
	"time"
)

// Bounds of connections and answers. A receiver that needs more is slower, or is told that it answered too much.
const (
	connectTime   = 10 * time.Second
	idleTime      = 90 * time.Second
	pingTime      = 15 * time.Second
	idlePerHost   = 128
	idleAll       = 1024
	answerHeaders = 64 << 10
	answerBody    = 64 << 10
	answerTime    = 2 * time.Second
	answerKept    = 512
	maxHops       = 5
)

// newTransport makes the pool of connections that all senders of a kind share.
func (k *Kind) newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: connectTime, Resolver: k.o.Resolver}
	t := &http.Transport{
		DialContext:            dialer.DialContext,
		TLSHandshakeTimeout:    connectTime,
		ForceAttemptHTTP2:      true,
		HTTP2:                  &http.HTTP2Config{SendPingTimeout: pingTime, PingTimeout: pingTime},
		MaxIdleConns:           idleAll,
		MaxIdleConnsPerHost:    idlePerHost,
		IdleConnTimeout:        idleTime,
		MaxResponseHeaderBytes: answerHeaders,
		DisableCompression:     true, // what is kept of an answer is not worth the unpacking
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
	}
	if k.o.TLS != nil {
		t.TLSClientConfig = k.o.TLS.Clone()
	}
	if k.o.Proxy != nil {
		t.Proxy = http.ProxyURL(k.o.Proxy)
	} else {
		dialer.ControlContext = k.guard.control
	}
	return t
}

// redirectError is a redirect that is not followed.
type redirectError struct{ why string }

func (e *redirectError) Error() string { return e.why }

// redirect is asked before each hop. via are the requests so far.
func (s *sender) redirect(req *http.Request, via []*http.Request) error {
	if !s.config.FollowRedirects {
		return http.ErrUseLastResponse
	}
	if req.Response == nil {
		return errors.New("a redirect without an answer")
	}
	status := req.Response.StatusCode
	switch {
	case status != http.StatusTemporaryRedirect && status != http.StatusPermanentRedirect:
		return http.ErrUseLastResponse
	case len(via) > maxHops:
		return &redirectError{"the receiver redirects more than 5 times: let config.url be where the redirects end"}
	case via[len(via)-1].URL.Scheme == "https" && req.URL.Scheme != "https":
		return &redirectError{"the receiver redirects from https to http, which is not followed: let it redirect to https"}
	}
	if problem := urlProblem(req.URL.String()); problem != "" {
		return &redirectError{"the receiver redirects to an address that is not followed, which " + problem}
	}
	if err := s.kind.guard.checkHost(req.URL.Hostname()); err != nil {
		return &redirectError{"the receiver redirects to an address that " + err.Error()}
	}
	req.Header.Del("Referer") // which has the whole address of before, with what may be secret in it
	if req.URL.Host != via[0].URL.Host {
		for name := range s.config.Headers {
			req.Header.Del(name)
		}
	}
	return nil
}
