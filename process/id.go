package process

import (
	"crypto/sha256"
	"encoding/base32"
	"fmt"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nacredb/nacre"
)

// The streams and the blob of a manager.
const (
	commitCategory   = "process"
	instanceCategory = "instance"
	tagPrefix        = "process:"
)

func commitStream(manager string) nacre.StreamID {
	return nacre.StreamID(commitCategory + "-" + manager)
}

func instanceStream(manager, instance string) nacre.StreamID {
	return nacre.StreamID(instanceCategory + "-" + manager + "/" + instance)
}

// instanceOf is the instance whose stream it is.
func instanceOf(manager string, stream nacre.StreamID) (string, bool) {
	return strings.CutPrefix(string(stream), instanceCategory+"-"+manager+"/")
}

func blobKey(manager string) string { return "processes/" + manager + ".json" }

// maxStream is the longest stream id, in bytes.
const maxStream = 256

// checkInstance tells whether an instance's id makes a valid stream id.
func checkInstance(manager, id string) error {
	room := maxStream - len(instanceStream(manager, ""))
	switch {
	case len(id) > room:
		return nacre.Errorf(nacre.CodeInvalid, "the instance's id has %d bytes, and %q leaves room for %d: make it shorter", len(id), manager, room)
	case !utf8.ValidString(id):
		return nacre.Errorf(nacre.CodeInvalid, "the instance's id is not valid UTF-8")
	}
	for _, r := range id {
		if r < ' ' || r == '"' || r == '\\' || r >= 0x7f && r < 0xa0 || r == '\u2028' || r == '\u2029' {
			return nacre.Errorf(nacre.CodeInvalid,
				"the instance's id has the character %U: quotes, backslashes, control characters and line separators make no stream id", r)
		}
	}
	return nil
}

// hash is H of spec/processes.md.
func hash(parts ...string) string {
	h := sha256.New()
	for _, p := range parts {
		h.Write([]byte(p))
		h.Write([]byte{0})
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(h.Sum(nil)[:16]))
}

// eventRecordID is the id of the record of an event.
func eventRecordID(e *nacre.Event, index int) string {
	return hash("event", string(e.StreamID), e.ID, strconv.Itoa(index))
}

func timerRecordID(t *timer) string {
	return hash("timer", t.Name, timeText(t.Due), strconv.FormatInt(t.Set, 10))
}

func rejectedRecordID(command string) string { return hash("rejected", command) }

func commandID(manager, instance, record string, n int) string {
	return fmt.Sprintf("%s%s:%s:%d", tagPrefix, manager, hash(instance, record), n)
}

func eventLetterID(e *nacre.Event, index int) string {
	return "event-" + hash(string(e.StreamID), e.ID, strconv.Itoa(index))
}

func timerLetterID(instance string, t *timer) string {
	return "timer-" + hash(instance, t.Name, timeText(t.Due), strconv.FormatInt(t.Set, 10))
}

func commandLetterID(command string) string { return "command-" + hash(command) }

// micro is a time as it is kept: in UTC, to the microsecond.
func micro(t time.Time) time.Time { return t.UTC().Truncate(time.Microsecond) }

func timeText(t time.Time) string { return micro(t).Format(time.RFC3339Nano) }
