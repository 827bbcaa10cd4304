package relay

import (
	"fmt"

	"github.com/nacredb/nacre"
)

// MessageID is what a receiver knows a repeat by: of one subscription, an event of one log. It is not made of the batch's
// id, since a batch that fails is sent again event by event; and the time is in it, since a log that was restored from
// a backup gives its positions again.
func MessageID(store, subscription string, e *nacre.Event) string {
	return fmt.Sprintf("%s/%s/%d/%s/%d", store, subscription, e.GlobalPosition, e.ID, e.CreatedAt.UnixMicro())
}
