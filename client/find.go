package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/line"
	"github.com/nacredb/nacre/wire"
)

// FindEvent implements nacre.EventFinder. The event is made of its stored line, whose checksum is verified here
// again. It is absent only where the server says so of this very stream and id: what stands between may have
// made another path of it, and a server of another version may not have the route.
func (l *log) FindEvent(ctx context.Context, stream nacre.StreamID, id string) (e nacre.Event, found bool, err error) {
	if err := l.enter(ctx); err != nil {
		return e, false, err
	}
	defer l.leave()
	r := &request{method: http.MethodGet, url: l.event(stream, id), header: l.peer.header}
	failed := l.repeat(ctx, func(bool) *failure {
		text, f := l.peer.exchange(ctx, r, nil, l.peer.timeout)
		if f != nil {
			absent, ok := errors.AsType[*wire.EventNotFoundError](f.err)
			if ok && absent.Stream == stream && absent.ID == id {
				return nil
			}
			return f
		}
		var v line.View
		if err := line.Parse(text, &v); err != nil {
			return &failure{again: true, err: &nacre.DamageError{
				File: l.peer.url, Reason: "a line that the server sent arrived as another: " + err.Error(),
			}}
		}
		if string(v.StreamID) != string(stream) || string(v.ID) != id {
			return &failure{err: l.peer.misfit("is an event of another stream or id than was asked for")}
		}
		v.Event(&e, false)
		found = true
		return nil
	})
	if failed != nil {
		return nacre.Event{}, false, failed.err
	}
	return e, found, nil
}

// event is the URL of an event.
func (l *log) event(stream nacre.StreamID, id string) *url.URL {
	u := *l.base
	u.RawPath = u.EscapedPath() + "/streams/" + url.PathEscape(string(stream)) + "/events/" + url.PathEscape(id)
	u.Path += "/streams/" + string(stream) + "/events/" + id
	return &u
}
