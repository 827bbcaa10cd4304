package wire

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/nacredb/nacre"
)

// someErrors are errors that come back exactly as they were.
func someErrors() []error {
	return []error{
		&nacre.ConflictError{Stream: "order-1", Expected: nacre.Exactly(3), Current: 5},
		&nacre.ConflictError{Stream: "order-1", Expected: nacre.NoStream, Current: 0},
		&nacre.ConflictError{Stream: "order-1", Expected: nacre.StreamExists, Current: -1},
		&nacre.ConditionError{After: 17, Positions: []nacre.Position{21, 22}},
		&nacre.ConditionError{After: 0, Positions: []nacre.Position{1}},
		&nacre.EventIDConflictError{Stream: "order-1", ID: "e-1", Position: 4, Reason: "other data"},
		&nacre.StreamKindError{Stream: "album-1", Merge: true},
		&nacre.StreamKindError{Stream: "order-1"},
		&nacre.ParentError{Stream: "album-1", ID: "01JD3Y8Q0V3M8S2Z6T5N9K4RWE", Missing: []string{"01JD3Y8Q0V3M8S2Z6T5N9K4RWA", "01JD3Y8Q0V3M8S2Z6T5N9K4RWB"}},
		&nacre.DamageError{File: "00000000000000000001.ndjson", Line: 3, Offset: 512, Position: 3, Reason: "the checksum does not hold"},
		&nacre.DamageError{File: "manifest", Offset: 0, Reason: "is cut off"},
		&nacre.Error{Code: nacre.CodeInvalid, Field: "events[3].type", Message: "is empty"},
		&nacre.Error{Code: nacre.CodeTooLarge, Message: "the body has more than 16 bytes"},
		&nacre.Error{Code: CodeStoreNotFound, Message: `there is no event store "orders"`},
		&nacre.Error{Code: nacre.CodeLogRewound, Message: "the cursor is of epoch a, the log of epoch b"},
		&EventNotFoundError{Stream: "order-1", ID: "e-1"},
		&EventNotFoundError{Stream: "/srv/a b/order", ID: "/srv/data/../e?"},
		&nacre.Error{Code: nacre.CodeNotFound, Message: "there is no route `/event-store`"},
		&RateLimitError{RetryAfter: 3 * time.Second, Message: "the key made 100 requests in a second"},
		&RateLimitError{RetryAfter: time.Second},
	}
}

func TestErrorsComeBack(t *testing.T) {
	t.Parallel()
	for _, want := range someErrors() {
		status, body := FromError(want)
		if status != Status(nacre.CodeOf(want)) {
			t.Errorf("%v has the status %d", want, status)
		}
		if got := ParseError(status, body); !reflect.DeepEqual(got, want) {
			t.Errorf("%s came back as %#v, not %#v", body, got, want)
		}
		// A wrapped error has the same code and details.
		_, body = FromError(fmt.Errorf("while it was appended: %w", want))
		if got := ParseError(status, body); reflect.TypeOf(got) != reflect.TypeOf(want) || nacre.CodeOf(got) != nacre.CodeOf(want) {
			t.Errorf("wrapped, %s came back as %#v", body, got)
		}
	}
}

func TestErrorBodies(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		err    error
		status int
		body   string
	}{
		{
			&nacre.ConflictError{Stream: "order-1001", Expected: nacre.Exactly(1), Current: 2}, 409,
			`{"error":"VERSION_CONFLICT","message":"stream \"order-1001\" is at version 2, not 1 as expected: read it again and decide again","details":{"streamId":"order-1001","expectedStreamVersion":1,"currentStreamVersion":2,"expectedVersion":1,"currentVersion":2}}`,
		},
		{
			&nacre.ConditionError{After: 0, Positions: []nacre.Position{456}}, 409,
			`{"error":"APPEND_CONDITION_FAILED","message":"the append condition failed: behind position 0 stand events that match it, at [456]","details":{"conflictingPositions":[456],"after":0,"afterPosition":0},"conflictingPositions":[456],"afterPosition":0}`,
		},
		{
			&nacre.Error{Code: nacre.CodeInvalid, Field: "events[3].type", Message: "is a number, and must be text"}, 400,
			`{"error":"INVALID_ARGUMENT","message":"events[3].type: is a number, and must be text","details":{"field":"events[3].type"}}`,
		},
		{
			&RateLimitError{RetryAfter: 1200 * time.Millisecond}, 429,
			`{"error":"RATE_LIMITED","message":"too many requests","details":{"retryAfter":2}}`,
		},
		{
			&EventNotFoundError{Stream: "a b/c-1", ID: "/d/e"}, 404,
			`{"error":"NOT_FOUND","message":"stream \"a b/c-1\" holds no event with the id \"/d/e\"","details":{"streamId":"a b/c-1","eventId":"/d/e"}}`,
		},
		{context.Canceled, 499, `{"error":"CANCELED","message":"context canceled"}`},
		{errors.New("secret"), 500, `{"error":"INTERNAL","message":"an error inside the server: its log has more"}`},
	} {
		status, body := FromError(c.err)
		if status != c.status || string(body) != c.body {
			t.Errorf("%v gives %d\n%s, not %d\n%s", c.err, status, body, c.status, c.body)
		}
	}
}

func TestFoldersStayOnTheServer(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "my data")
	_, missing := os.ReadFile(filepath.Join(dir, "manifest"))
	for _, err := range []error{
		&nacre.DamageError{File: dir + "/manifest", Reason: "cannot be read: " + missing.Error()},
		&nacre.Error{Code: nacre.CodeFailed, Message: "write", Err: missing},
		&nacre.Error{Code: nacre.CodeInternal, Message: "open", Err: &os.LinkError{Op: "rename", Old: dir + "/a.tmp", New: "data/b", Err: fs.ErrExist}},
		nacre.Errorf(nacre.CodeLocked, "process 77 writes to %q", dir),
		nacre.Errorf(nacre.CodeLocked, "process 77 writes to /srv/nacre/my (or %s)", "../data/default"),
		nacre.Errorf(nacre.CodeStoreFull, `no space in C:\data\default`),
		nacre.Errorf(nacre.CodeInternal, "read: %w", &fs.PathError{Op: "read", Path: "data/default/mark", Err: fs.ErrInvalid}),
	} {
		b := BodyOf(err)
		told := b.Message
		if b.Details != nil {
			told += " " + b.Details.Reason + " " + b.Details.File
		}
		for _, folder := range []string{dir, "my data/", "nacre/", "data/", `data\`} {
			if strings.Contains(told, folder) {
				t.Errorf("%s has the folder %s", told, folder)
			}
		}
	}
	_, body := FromError(nacre.Errorf(nacre.CodeFailed, "sync: input/output error"))
	if !strings.Contains(string(body), "input/output error") {
		t.Errorf("%s does not say what the system said", body)
	}
	_, body = FromError(&nacre.Error{Code: nacre.CodeInvalid, Field: "type", Message: `"/a/b" has a slash`})
	if !strings.Contains(string(body), `/a/b`) {
		t.Errorf("%s does not say what the request said", body)
	}
}

func TestErrorsOfOthers(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		status int
		body   string
		code   nacre.Code
	}{
		{502, "<html>bad gateway</html>", nacre.CodeInternal},
		{404, "404 page not found\n", nacre.CodeNotFound},
		{401, "", CodeUnauthorized},
		{413, "{}", nacre.CodeTooLarge},
		{504, `{"error":7}`, nacre.CodeDeadline},
		{409, `{"error":"VERSION_CONFLICT"}`, nacre.CodeVersionConflict},
		{400, `{"error":"NEWER_CODE","message":"m","details":{"x":1}}`, "NEWER_CODE"},
		{429, `{"error":"RATE_LIMITED","message":"m"}`, CodeRateLimited},
	} {
		err := ParseError(c.status, []byte(c.body))
		if nacre.CodeOf(err) != c.code || err.Error() == "" {
			t.Errorf("%d %s gives %v with the code %q", c.status, c.body, err, nacre.CodeOf(err))
		}
	}
}
