package wire

import (
	"net/url"
	"time"

	"github.com/nacredb/nacre"
)

// HeadParams say what a GET …/head waits for.
type HeadParams struct {
	// Wait asks to be answered only when the log's end is behind After, its epoch is not After's, or
	// Timeout is over.
	Wait    bool
	After   Cursor
	Timeout time.Duration
}

// What a GET …/head waits at most, and unless it says so.
const (
	MaxWait     = 5 * time.Minute
	defaultWait = 30 * time.Second
)

// ParseHead reads the parameters of a GET …/head: wait (a position or a cursor) and timeout (whole seconds
// from 1 to 300, 30 unless given).
func ParseHead(values url.Values) (HeadParams, error) {
	q := newQuery(values)
	p := HeadParams{Timeout: defaultWait}
	_, p.Wait = q.left["wait"]
	p.After = q.cursor("wait")
	if n, given := q.integer("timeout", 1, int64(MaxWait/time.Second)); given {
		p.Timeout = time.Duration(n) * time.Second
	}
	return p, q.done()
}

// Values are the parameters that ParseHead reads as p; a timeout is rounded down to whole seconds.
func (p *HeadParams) Values() url.Values {
	q := url.Values{}
	if p.Wait {
		q.Set("wait", p.After.String())
	}
	if s := int64(p.Timeout / time.Second); s > 0 {
		q.Set("timeout", string(appendNumber(nil, s)))
	}
	return q
}

// ParseImport reads the parameter of a POST …/events: import=true takes createdAt and transactionId.
func ParseImport(values url.Values) (bool, error) { return parseFlag(values, "import") }

// ParseConfirm reads the parameter of a DELETE of a store; without confirm=true the error is
// CodeConfirmationRequired.
func ParseConfirm(values url.Values) error {
	confirmed, err := parseFlag(values, "confirm")
	if err == nil && !confirmed {
		err = &nacre.Error{
			Code: CodeConfirmationRequired, Field: "confirm",
			Message: "is not true: the store and all of its events would be deleted for ever, so give ?confirm=true",
		}
	}
	return err
}

func parseFlag(values url.Values, name string) (bool, error) {
	q := newQuery(values)
	flag := q.boolean(name)
	return flag, q.done()
}

// ParseBlobs reads the parameter of a GET …/blobs: prefix, of the keys.
func ParseBlobs(values url.Values) (prefix string, err error) {
	q := newQuery(values)
	prefix, _ = q.one("prefix")
	return prefix, q.done()
}

// ParseNone refuses every parameter, for requests that have none.
func ParseNone(values url.Values) error { return newQuery(values).done() }
