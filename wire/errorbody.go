package wire

import (
	"cmp"
	"errors"
	"io/fs"
	"math"
	"os"
	"path"
	"regexp"
	"strings"
	"time"

	"github.com/nacredb/nacre"
)

// FromError gives an error's status and body. An error without a code is INTERNAL, and its text stays on
// the server; so do the folders in all texts.
func FromError(err error) (status int, body []byte) {
	b := BodyOf(err)
	return Status(b.Code), b.Encode()
}

// BodyOf is FromError's body as a value.
func BodyOf(err error) ErrorBody {
	code := nacre.CodeOf(err)
	if code == "" {
		return ErrorBody{Code: nacre.CodeInternal, Message: "an error inside the server: its log has more"}
	}
	b := ErrorBody{Code: code, Message: strings.TrimPrefix(err.Error(), "nacre: ")}
	var (
		conflict  *nacre.ConflictError
		condition *nacre.ConditionError
		id        *nacre.EventIDConflictError
		kind      *nacre.StreamKindError
		parent    *nacre.ParentError
		damage    *nacre.DamageError
		absent    *EventNotFoundError
		rate      *RateLimitError
		domain    *DomainError
		module    *ModuleError
		asked     *QueryError
		plain     *nacre.Error
	)
	switch {
	case errors.As(err, &conflict):
		expected, current := &Version{conflict.Expected}, &conflict.Current
		b.Details = &ErrorDetails{
			StreamID:              conflict.Stream,
			ExpectedStreamVersion: expected, CurrentStreamVersion: current,
			ExpectedVersion: expected, CurrentVersion: current,
		}
	case errors.As(err, &condition):
		b.Details = &ErrorDetails{
			ConflictingPositions: condition.Positions,
			After:                &condition.After, AfterPosition: &condition.After,
		}
		b.ConflictingPositions, b.AfterPosition = condition.Positions, &condition.After
	case errors.As(err, &id):
		b.Details = &ErrorDetails{StreamID: id.Stream, EventID: id.ID, GlobalPosition: &id.Position, Reason: id.Reason}
	case errors.As(err, &kind):
		b.Details = &ErrorDetails{StreamID: kind.Stream, Kind: kindOrdered}
		if kind.Merge {
			b.Details.Kind = kindMerge
		}
	case errors.As(err, &parent):
		b.Details = &ErrorDetails{StreamID: parent.Stream, EventID: parent.ID, Missing: parent.Missing}
	case errors.As(err, &damage):
		told := *damage
		told.File, told.Reason = baseName(damage.File), withoutFolders(damage.Reason)
		b.Message = strings.TrimPrefix(told.Error(), "nacre: ")
		b.Details = &ErrorDetails{
			File: told.File, Line: told.Line, Offset: &told.Offset, Position: told.Position, Reason: told.Reason,
		}
	case errors.As(err, &absent):
		b.Details = &ErrorDetails{StreamID: absent.Stream, EventID: absent.ID}
	case errors.As(err, &rate):
		seconds := int64(math.Ceil(rate.RetryAfter.Seconds()))
		b.Message = cmp.Or(rate.Message, tooManyRequests)
		b.Details = &ErrorDetails{RetryAfter: max(seconds, 1)}
	case errors.As(err, &domain):
		b.Message, b.Details = domain.Message, &ErrorDetails{Type: domain.Type, Data: domain.Data}
	case errors.As(err, &module):
		b.Details = &ErrorDetails{Module: module.Name, Reasons: module.Reasons}
	case errors.As(err, &asked):
		b.Details = &ErrorDetails{
			Field: asked.Field, Line: int64(asked.Line), Column: asked.Column,
			Expected: asked.Expected, Found: asked.Found, Hint: asked.Hint,
		}
	case errors.As(err, &plain):
		if plain.Field != "" {
			b.Details = &ErrorDetails{Field: plain.Field}
		}
	}
	if aboutMachine[code] && damage == nil && absent == nil {
		b.Message = withoutFolders(withoutPaths(b.Message, err))
	}
	return b
}

// The kinds of streams.
const (
	kindMerge   = "merge"
	kindOrdered = "ordered"
)

// aboutMachine are the codes whose texts may have what the system below said. The others' have what the
// request said, which is told as it is.
var aboutMachine = map[nacre.Code]bool{
	nacre.CodeStoreFull: true, nacre.CodeDamaged: true, nacre.CodeLocked: true, nacre.CodeReadOnly: true,
	nacre.CodeFailed: true, nacre.CodeClosed: true, nacre.CodeNotFound: true,
	nacre.CodeUnsupported: true, nacre.CodeInternal: true,
}

var (
	quotedPath = regexp.MustCompile(`"(?:[A-Za-z]:)?[/\\][^"]*"`)
	// A folder's name may have spaces; the last part ends at one.
	plainPath = regexp.MustCompile(`(^|[\s(=:'])(?:[A-Za-z]:\\|\.{0,2}/)(?:[^/\\"':,;()\n]*[/\\])*[^\s/\\"':,;()]+`)
)

// withoutFolders leaves of each absolute path in a text its last part.
func withoutFolders(text string) string {
	text = quotedPath.ReplaceAllStringFunc(text, func(p string) string {
		return `"` + baseName(p[1:len(p)-1]) + `"`
	})
	return plainPath.ReplaceAllStringFunc(text, func(p string) string {
		if at := strings.IndexAny(p[:1], " \t\n(=:'"); at == 0 {
			return p[:1] + baseName(p[1:])
		}
		return baseName(p)
	})
}

// withoutPaths leaves of the paths that the errors inside err name their last parts.
func withoutPaths(text string, err error) string {
	if file, ok := errors.AsType[*fs.PathError](err); ok && file.Path != "" {
		text = strings.ReplaceAll(text, file.Path, baseName(file.Path))
	}
	if link, ok := errors.AsType[*os.LinkError](err); ok {
		for _, p := range []string{link.Old, link.New} {
			if p != "" {
				text = strings.ReplaceAll(text, p, baseName(p))
			}
		}
	}
	return text
}

// baseName is a path's last part, whichever system's it is.
func baseName(file string) string {
	if file == "" {
		return ""
	}
	return path.Base(strings.ReplaceAll(file, `\`, "/"))
}

// Encode is the body as JSON, one line.
func (b *ErrorBody) Encode() []byte {
	out, err := Encode(b)
	if err != nil {
		// Nothing in the struct fails to encode; should it, the code still gets through.
		return append(appendText([]byte(`{"error":`), b.Code), `,"message":"","details":{}}`...)
	}
	return out
}

// ParseError gives the error that a reply tells, in the type that an embedded store would have given:
// *nacre.ConflictError, *nacre.ConditionError, *nacre.EventIDConflictError, *nacre.StreamKindError, *nacre.ParentError,
// *nacre.DamageError, *RateLimitError, *EventNotFoundError, *DomainError, *ModuleError, *QueryError, else *nacre.Error.
// Where the body is not one of FromError's, a proxy's perhaps, the status decides. It is never nil.
func ParseError(status int, body []byte) error {
	var b ErrorBody
	if err := Decode(body, &b); err != nil || b.Code == "" {
		return nacre.Errorf(codeOfStatus(status), "the server answered with the status %d and no error body: %.200q", status, body)
	}
	return b.Err()
}

// Err is the error that the body tells, as ParseError gives it.
func (b *ErrorBody) Err() error {
	d := b.Details
	if d == nil {
		d = &ErrorDetails{}
	}
	switch b.Code {
	case nacre.CodeVersionConflict:
		if d.ExpectedStreamVersion != nil && d.CurrentStreamVersion != nil {
			return &nacre.ConflictError{
				Stream: d.StreamID, Expected: d.ExpectedStreamVersion.ExpectedVersion, Current: *d.CurrentStreamVersion,
			}
		}
	case nacre.CodeConditionFailed:
		if d.After != nil {
			return &nacre.ConditionError{After: *d.After, Positions: d.ConflictingPositions}
		}
	case nacre.CodeEventIDConflict:
		if d.EventID != "" {
			e := &nacre.EventIDConflictError{Stream: d.StreamID, ID: d.EventID, Reason: d.Reason}
			if d.GlobalPosition != nil {
				e.Position = *d.GlobalPosition
			}
			return e
		}
	case nacre.CodeWrongStreamKind:
		if d.StreamID != "" && (d.Kind == kindMerge || d.Kind == kindOrdered) {
			return &nacre.StreamKindError{Stream: d.StreamID, Merge: d.Kind == kindMerge}
		}
	case nacre.CodeParentMissing:
		if d.EventID != "" && len(d.Missing) > 0 {
			return &nacre.ParentError{Stream: d.StreamID, ID: d.EventID, Missing: d.Missing}
		}
	case nacre.CodeDamaged:
		if d.Offset != nil {
			return &nacre.DamageError{File: d.File, Line: d.Line, Offset: *d.Offset, Position: d.Position, Reason: d.Reason}
		}
	case nacre.CodeNotFound:
		if d.StreamID != "" && d.EventID != "" {
			return &EventNotFoundError{Stream: d.StreamID, ID: d.EventID}
		}
	case nacre.CodeInvalid:
		if d.Expected != "" {
			return &QueryError{
				Field: d.Field, Line: int(d.Line), Column: d.Column, Expected: d.Expected, Found: d.Found, Hint: d.Hint,
			}
		}
	case CodeDomain:
		return &DomainError{Type: d.Type, Message: b.Message, Data: d.Data}
	case CodeModuleRefused:
		return &ModuleError{Name: d.Module, Reasons: d.Reasons}
	case CodeRateLimited:
		if seconds := d.RetryAfter; seconds > 0 && seconds <= math.MaxInt64/int64(time.Second) {
			e := &RateLimitError{RetryAfter: time.Duration(seconds) * time.Second, Message: b.Message}
			if e.Message == tooManyRequests {
				e.Message = ""
			}
			return e
		}
	}
	// The text names the field for people; in the error it stands beside it.
	return &nacre.Error{Code: b.Code, Field: d.Field, Message: strings.TrimPrefix(b.Message, d.Field+": ")}
}

// codeOfStatus is for replies of others than a server of this project.
func codeOfStatus(status int) nacre.Code {
	switch status {
	case 400, 422:
		return nacre.CodeInvalid
	case 401, 407:
		return CodeUnauthorized
	case 403:
		return CodeForbidden
	case 404:
		return nacre.CodeNotFound
	case 405:
		return CodeMethodNotAllowed
	case 408, 504:
		return nacre.CodeDeadline
	case 413:
		return nacre.CodeTooLarge
	case 429:
		return CodeRateLimited
	case 501:
		return nacre.CodeUnsupported
	default:
		return nacre.CodeInternal
	}
}

// MarshalJSON writes a number where the version is exact, else its name.
func (v Version) MarshalJSON() ([]byte, error) {
	if n, exact := v.ExpectedVersion.Version(); exact {
		return appendNumber(nil, n), nil
	}
	return appendText(nil, v.String()), nil
}

// UnmarshalJSON reads what MarshalJSON writes, and numbers as text.
func (v *Version) UnmarshalJSON(text []byte) error {
	parsed, err := nacre.ParseExpectedVersion(strings.Trim(string(text), `"`))
	if err == nil {
		v.ExpectedVersion = parsed
	}
	return err
}
