package runner

import (
	"fmt"
	"strings"

	"github.com/nacredb/nacre"
)

// The kinds of runners.
const (
	Projection = "projection"
	Process    = "process"
	// Subscription has dead letters like the others, and no lease: a server's hub looks after it.
	Subscription = "subscription"
)

// The codes of this package's errors.
const (
	// CodeAlreadyRunning: this process runs it already.
	CodeAlreadyRunning nacre.Code = "RUNNER_ALREADY_RUNNING"
	// CodeHeld: another process runs it, which was not to be waited for.
	CodeHeld nacre.Code = "LEASE_HELD"
	// CodeLeaseLost: another process has taken the lease over.
	CodeLeaseLost nacre.Code = "LEASE_LOST"
)

// maxName is the longest name, in bytes.
const maxName = 64

// ID is what a runner is called.
type ID struct{ Kind, Name string }

// String gives "kind.name".
func (id ID) String() string { return id.Kind + "." + id.Name }

// Check tells what is wrong with the name.
func (id ID) Check() error {
	problem := ""
	switch {
	case id.Kind != Projection && id.Kind != Process && id.Kind != Subscription:
		return invalid("kind", fmt.Sprintf("is %q: give %q, %q or %q", id.Kind, Projection, Process, Subscription))
	case id.Name == "":
		problem = "is empty"
	case len(id.Name) > maxName:
		problem = fmt.Sprintf("has %d characters", len(id.Name))
	case strings.Trim(id.Name, ".") == "":
		problem = "has nothing but dots"
	case strings.ContainsFunc(id.Name, func(r rune) bool { return !strings.ContainsRune(nameRunes, r) }):
		problem = fmt.Sprintf("%q has other characters", id.Name)
	default:
		return nil
	}
	return invalid("name", fmt.Sprintf(`%s: a %s's name is 1 to %d of "a-z A-Z 0-9 . _ -"`, problem, id.Kind, maxName))
}

const nameRunes = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"

// The streams and the blob of a runner.
func (id ID) leaseStream() nacre.StreamID { return nacre.StreamID(leaseCategory + "-" + id.String()) }

func (id ID) orderStream() nacre.StreamID { return nacre.StreamID(orderCategory + "-" + id.String()) }

func (id ID) letterStream() nacre.StreamID { return nacre.StreamID(letterCategory + "-" + id.String()) }
func (id ID) blob() string                 { return "runners/" + id.Kind + "/" + id.Name + ".json" }

const (
	leaseCategory  = "runner"
	orderCategory  = "order"
	letterCategory = "letter"
)

// idOf is the runner that a stream of this package is about.
func idOf(stream nacre.StreamID) (ID, bool) {
	_, rest, _ := strings.Cut(string(stream), "-")
	kind, name, ok := strings.Cut(rest, ".")
	id := ID{Kind: kind, Name: name}
	return id, ok && id.Check() == nil
}

// companion is the log that all of this stands in.
func companion(store *nacre.Store) (*nacre.Store, nacre.BlobKeeper, error) {
	system := store.System()
	if system == nil {
		return nil, nil, nacre.Errorf(nacre.CodeUnsupported, "this store has no companion log, where runners keep their leases: use a driver that has one")
	}
	blobs, err := store.Blobs()
	return system, blobs, err
}

func invalid(field, message string) error {
	return &nacre.Error{Code: nacre.CodeInvalid, Field: field, Message: message}
}
