package line

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/nacredb/nacre"
)

// Imported is an event from elsewhere.
type Imported struct {
	// Event has what its author said, its stream, and CreatedAt where the line has it; positions are
	// left out.
	Event nacre.Event
	// Whole tells that the line has a stamp, and so stood in a log; Position is where.
	Whole    bool
	Position nacre.Position
	// BatchFirst and BatchLast are the positions, there, of the batch that it was committed in, both 0
	// where it was alone or the line does not say.
	BatchFirst, BatchLast nacre.Position
}

// ParseImport reads a line to import: an event in JSON with its members in any order and with any white
// space, or a log's whole line. Where a line has a crc it has to match, byte for byte, and members that
// are not known are left out; without one they are refused, since nothing else would tell a misspelt name.
// That names and JSON are well-formed is checked by whoever appends the event, which is the caller's.
func ParseImport(line []byte) (Imported, error) {
	line = bytes.Trim(line, " \t\r\n")
	var in Imported
	if !utf8.Valid(line) {
		return in, errors.New("is not valid UTF-8")
	}
	var v View
	switch err := Parse(line, &v); err {
	case nil:
		v.Event(&in.Event, false)
		in.Whole, in.Position, in.BatchFirst, in.BatchLast = true, v.Position, v.BatchFirst, v.BatchLast
		in.Event.GlobalPosition, in.Event.StreamPosition = 0, 0
		return in, nil
	case RuleChecksum:
		return in, errChanged
	}
	p := importer{text: line, in: &in}
	if err := p.object(); err != nil {
		return Imported{}, err
	}
	return in, nil
}

var errChanged = fmt.Errorf("%w: the line was changed after it was exported; leave crc out to import it as it is", RuleChecksum)

// maxMembers is far more than any event has.
const maxMembers = 100

// importer goes through the members of one line.
type importer struct {
	text    []byte
	at      int
	in      *Imported
	seen    []string
	unknown string
}

func (p *importer) object() error {
	if !p.skip('{') {
		return errors.New("the line is not a JSON object")
	}
	for first := true; !p.skip('}'); first = false {
		if !first && !p.skip(',') {
			return p.broken("a comma or a closing brace")
		}
		name, err := p.name()
		if err != nil {
			return err
		}
		if slices.Contains(p.seen, name) {
			return fmt.Errorf("member %q stands twice", name)
		}
		if len(p.seen) == maxMembers {
			return fmt.Errorf("has more than %d members", maxMembers)
		}
		p.seen = append(p.seen, name)
		value := p.value()
		if value == nil {
			return p.broken("the value of " + strconv.Quote(name))
		}
		if err := p.set(name, value); err != nil {
			return fmt.Errorf("member %q: %w", name, err)
		}
	}
	if p.space(); p.at != len(p.text) {
		return p.broken("nothing more")
	}
	return p.whole()
}

// whole makes sure of what the line is as a whole.
func (p *importer) whole() error {
	if slices.Contains(p.seen, "crc") {
		at, _, ok := crcOf(p.text)
		if !ok || !sumMatches(p.text, at, Checksum(p.text[:at])) {
			return errChanged
		}
	} else if p.unknown != "" {
		return fmt.Errorf("member %q is not known: is it misspelt?", p.unknown)
	}
	for _, name := range []string{"streamId", "type"} {
		if !slices.Contains(p.seen, name) {
			return fmt.Errorf("member %q is missing", name)
		}
	}
	if e := &p.in.Event; e.Data == nil && e.Binary == nil && e.DataHash == "" {
		return errors.New(`member "data" is missing: give null if there is nothing to say`)
	}
	return nil
}

func (p *importer) broken(wanted string) error {
	return fmt.Errorf("is not JSON: at byte %d, %s is missing", p.at, wanted)
}

func (p *importer) space() {
	for p.at < len(p.text) {
		switch p.text[p.at] {
		case ' ', '\t', '\r', '\n':
			p.at++
		default:
			return
		}
	}
}

// skip goes over one character, if that is what comes.
func (p *importer) skip(c byte) bool {
	p.space()
	if p.at < len(p.text) && p.text[p.at] == c {
		p.at++
		return true
	}
	return false
}

func (p *importer) name() (name string, err error) {
	raw := p.value()
	if raw == nil || !p.skip(':') {
		return "", p.broken("a name and a colon")
	}
	if err := unquote(raw, &name); err != nil {
		return "", fmt.Errorf("the name %s: %w", raw, err)
	}
	return name, nil
}

// unquote reads a JSON string. null leaves dst as it is.
func unquote(raw []byte, dst *string) error {
	if n := len(raw); n > 1 && raw[0] == '"' && bytes.IndexByte(raw, '\\') < 0 {
		*dst = string(raw[1 : n-1])
		return nil
	}
	if err := json.Unmarshal(raw, dst); err != nil {
		return err
	}
	if strings.ContainsRune(*dst, utf8.RuneError) {
		// Either it was written, or it stands for half a pair; neither is worth the difference.
		return errors.New("has half of a surrogate pair, or U+FFFD")
	}
	return nil
}

// value goes over a JSON value, nil where there is none.
func (p *importer) value() []byte {
	p.space()
	if p.at == len(p.text) {
		return nil
	}
	from, end := p.at, p.at
	switch p.text[from] {
	case '"':
		end = stringEnd(p.text, from)
	case '{', '[':
		end = objectEnd(p.text, from)
	default:
		for end < len(p.text) && bytes.IndexByte([]byte(",:{}[]\" \t\r\n"), p.text[end]) < 0 {
			end++
		}
	}
	if end <= from {
		return nil
	}
	p.at = end
	return p.text[from:end]
}

func (p *importer) set(name string, value []byte) error {
	e := &p.in.Event
	null := string(value) == "null"
	switch name {
	case "streamId":
		return unquote(value, (*string)(&e.StreamID))
	case "eventId":
		return unquote(value, &e.ID)
	case "type":
		return unquote(value, &e.Type)
	case "data":
		e.Data = bytes.Clone(value)
	case "dataBase64":
		var text string
		if err := unquote(value, &text); err != nil {
			return err
		}
		if _, err := base64.StdEncoding.Strict().DecodeString(text); err != nil {
			return err
		}
		e.Binary = appendDecoded(nil, []byte(text))
	case "dataHash":
		return unquote(value, &e.DataHash)
	case "metadata":
		if !null {
			e.Metadata = bytes.Clone(value)
		}
	case "tags":
		return json.Unmarshal(value, &e.Tags)
	case "parents":
		return json.Unmarshal(value, &e.Parents)
	case "transactionId":
		return unquote(value, &e.TransactionID)
	case "transactionSize":
		return json.Unmarshal(value, &e.TransactionSize)
	case "globalPosition":
		p.in.Whole = true
		return json.Unmarshal(value, &p.in.Position)
	case "createdAt":
		var at time.Time
		if err := json.Unmarshal(value, &at); err != nil {
			return err
		}
		e.CreatedAt = at.UTC().Truncate(time.Microsecond)
	case "batch":
		var batch []nacre.Position
		if err := json.Unmarshal(value, &batch); err != nil {
			return err
		}
		if len(batch) != 2 {
			return errors.New("is not a first and a last position")
		}
		p.in.BatchFirst, p.in.BatchLast = batch[0], batch[1]
	case "streamPosition", "synced", "crc":
	default:
		p.unknown = name
	}
	return nil
}
