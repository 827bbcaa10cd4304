package server

import (
	"context"
	"errors"

	"github.com/coder/websocket"
	"github.com/nacredb/nacre"
)

// hear reads what a client says on a WebSocket, until it leaves or what it says is wrong, which ends ctx with the reason. What
// is said waits for what was said before. A message has at most so many bytes, which the connection sees to.
func hear[M any](ctx context.Context, cancel context.CancelCauseFunc, conn *websocket.Conn, messages chan<- M, most int, decode func([]byte) (M, error)) {
	for {
		kind, text, err := conn.Read(context.WithoutCancel(ctx))
		var m M
		switch {
		case errors.Is(err, websocket.ErrMessageTooBig):
			err = nacre.Errorf(nacre.CodeTooLarge, "a message has more than %d bytes", most)
		case err != nil:
			err = errLeft
		case kind != websocket.MessageText:
			err = &nacre.Error{Code: nacre.CodeInvalid, Field: "message", Message: "is binary, and must be text"}
		default:
			m, err = decode(text)
		}
		if err == nil {
			select {
			case messages <- m:
			case <-ctx.Done():
			}
			continue
		}
		cancel(err)
		if errors.Is(err, errLeft) || nacre.CodeOf(err) == nacre.CodeTooLarge {
			return
		}
		// The farewell is answered: somebody has to read it.
	}
}
