package redis

import (
	"context"

	client "github.com/redis/go-redis/v9"
)

// Silence keeps the client library from printing to the standard error what failed about a connection, which Send
// returns. It is for the whole process, also for other users of that library, and so for a main function to call.
func Silence() { client.SetLogger(silent{}) }

// silent is a logger of the client library.
type silent struct{}

// Printf implements the library's interface.
func (silent) Printf(context.Context, string, ...any) {}
