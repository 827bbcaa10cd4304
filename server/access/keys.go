package access

import (
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/wire"
)

const (
	// lockPatience is for how long a writer waits for another one, who needs a few syncs.
	lockPatience = 20 * time.Second
	// lockPause is the mean pause between two tries.
	lockPause = 10 * time.Millisecond
)

// Keys are the API keys in a file. Others may change the file at the same time: Authenticate sees it within
// a second, and Create, List and Revoke at once.
type Keys struct {
	path  string
	clock Clock
	file  watched[*keySet]

	writing sync.Mutex // keeps writers of this process from polling the lock file
}

// KeySpec is what a new key shall be.
type KeySpec struct {
	// Name is what people call it, at most 128 bytes; it need not be unique.
	Name string
	// Permissions are names as [ParsePermission] takes them; at least one.
	Permissions []string
	// Stores are the names of stores, or "*". Default "*".
	Stores []string
	// Streams are prefixes of stream ids that reads and writes are confined to. Nil is all streams.
	Streams []string
	// Claims are what policies are told of it, by name: texts, booleans, numbers, and lists of these. Those that it lacks are sub,
	// its id, and name. Nil is none.
	Claims map[string]any
	// ExpiresAt is from when on it is refused. Zero is never.
	ExpiresAt time.Time
}

// KeyInfo is what may be told of a key.
type KeyInfo struct {
	// ID names the key: its first characters behind "db_".
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Permissions []Permission `json:"permissions"`
	Stores      []string     `json:"stores"`
	Streams     []string     `json:"streams,omitempty"`
	// Claims are what policies are told of it.
	Claims    map[string]any `json:"claims,omitempty"`
	CreatedAt time.Time      `json:"createdAt"`
	ExpiresAt time.Time      `json:"expiresAt,omitzero"`
	RevokedAt time.Time      `json:"revokedAt,omitzero"`
}

// OpenKeys reads the keys file at path, keys.json in a server's data folder. An absent file is no error:
// Create makes it, and until then the server is open. A file that cannot be read is one, DAMAGED where its
// content is wrong.
func OpenKeys(path string, clock Clock) (*Keys, error) {
	k := &Keys{path: filepath.Clean(path), clock: clock.orMachine()}
	k.file = watched[*keySet]{
		paths: []string{k.path}, limit: maxKeysFile, optional: true, clock: k.clock,
		parse: func(contents [][]byte) (*keySet, error) { return parseKeys(k.path, contents[0]) },
	}
	if r := k.file.reread(); r.err != nil {
		return nil, k.unreadable(r.err)
	}
	return k, nil
}

// Configured tells that there is a keys file, or was one since OpenKeys, whatever it holds: then requests
// need credentials.
func (k *Keys) Configured() bool { return k.file.get().exists }

// Err is why nobody is let in by a key at present; nil if the file can be read. It is for the server's
// log and for whether it is ready.
func (k *Keys) Err() error {
	if err := k.file.get().err; err != nil {
		return k.unreadable(err)
	}
	return nil
}

func (k *Keys) unreadable(err error) error {
	if nacre.CodeOf(err) != "" {
		return err
	}
	return nacre.Errorf(nacre.CodeInternal, "the keys file cannot be read: %w", err)
}

// Authenticate takes the text of a key and gives what it may do. It is UNAUTHORIZED for what is no key, or
// one that does not exist, was revoked or has expired, and INTERNAL while the file cannot be read.
func (k *Keys) Authenticate(secret string) (*Grant, error) {
	r := k.file.get()
	if r.err != nil {
		// What is wrong with the file is for the server's log: see Err.
		return nil, nacre.Errorf(nacre.CodeInternal,
			"nobody is let in: the server's keys file cannot be read, and its log says why")
	}
	id, err := parseKey(secret)
	if err != nil {
		return nil, err
	}
	hash := hashKey(secret)
	key := r.value.byID[id]
	if key == nil || subtle.ConstantTimeCompare(key.hash[:], hash[:]) != 1 {
		return nil, nacre.Errorf(wire.CodeUnauthorized, "there is no API key %s… on this server with this secret", KeyPrefix+id)
	}
	if err := key.usable(k.clock()); err != nil {
		return nil, err
	}
	return key.grant, nil
}

func (a *activeKey) usable(now time.Time) error {
	switch {
	case a.revoked:
		return nacre.Errorf(wire.CodeUnauthorized, "the API %s was revoked", a.grant)
	case a.grant.expired(now):
		return nacre.Errorf(wire.CodeUnauthorized, "the API %s expired at %s", a.grant, a.grant.Expires.UTC().Format(time.RFC3339))
	}
	return nil
}

// recheck tells whether a grant that a key gave would be given again.
func (k *Keys) recheck(g *Grant) error {
	r := k.file.get()
	if r.err != nil {
		return nacre.Errorf(nacre.CodeInternal, "the server's keys file cannot be read any more, and its log says why")
	}
	key := r.value.byID[g.Subject]
	if key == nil {
		return nacre.Errorf(wire.CodeUnauthorized, "the API %s was removed", g)
	}
	if err := key.usable(k.clock()); err != nil {
		return err
	}
	if !key.grant.same(g) {
		return nacre.Errorf(wire.CodeUnauthorized, "the rights of the API %s were changed: come again", g)
	}
	return nil
}

// Create makes a key. Its text is returned this one time only: what is kept does not lead back to it.
func (k *Keys) Create(spec KeySpec) (secret string, info KeyInfo, err error) {
	now := k.clock().UTC().Truncate(time.Second)
	stored, err := spec.stored(now)
	if err != nil {
		return "", KeyInfo{}, err
	}
	err = k.change(func(keys []storedKey) ([]storedKey, error) {
		for stored.ID == "" || slices.ContainsFunc(keys, func(other storedKey) bool { return other.ID == stored.ID }) {
			stored.ID = newKeyID()
		}
		secret = newKey(stored.ID)
		hash := hashKey(secret)
		stored.Hash = hashPrefix + hex.EncodeToString(hash[:])
		return append(keys, stored), nil
	})
	if err != nil {
		return "", KeyInfo{}, err
	}
	return secret, stored.info(), nil
}

// stored checks the specification. The id and hash are still to come.
func (s *KeySpec) stored(now time.Time) (storedKey, error) {
	fail := func(field, message string) (storedKey, error) {
		return storedKey{}, &nacre.Error{Code: nacre.CodeInvalid, Field: field, Message: message}
	}
	if problem := checkText(s.Name, maxKeyName); problem != "" {
		return fail("name", problem)
	}
	perms, err := parsePermissions(s.Permissions)
	if err != nil {
		return storedKey{}, err
	}
	stores := slices.Clone(s.Stores)
	if stores == nil {
		stores = []string{anyStore}
	}
	if err := checkStores(stores); err != nil {
		return storedKey{}, err
	}
	if err := checkPrefixes(s.Streams); err != nil {
		return storedKey{}, err
	}
	if err := claims(s.Claims).check(); err != nil {
		return storedKey{}, err
	}
	expires := s.ExpiresAt.UTC()
	if !expires.IsZero() {
		if !now.Before(expires) {
			return fail("expiresAt", fmt.Sprintf("is %s, which is over", expires.Format(time.RFC3339)))
		}
		if expires.Year() > 9999 {
			return fail("expiresAt", "is beyond the year 9999: leave it out for a key that never expires")
		}
	}
	key := storedKey{
		Name: s.Name, Permissions: perms, Stores: stores, Streams: slices.Clone(s.Streams), Claims: maps.Clone(s.Claims),
		CreatedAt: now,
	}
	if !expires.IsZero() {
		key.ExpiresAt = &expires
	}
	return key, nil
}

// List tells of all keys, also of those that were revoked or have expired, in the order of their making.
func (k *Keys) List() ([]KeyInfo, error) {
	r := k.file.reread()
	if r.err != nil {
		return nil, k.unreadable(r.err)
	}
	infos := make([]KeyInfo, len(r.value.stored))
	for i := range r.value.stored {
		infos[i] = r.value.stored[i].info()
	}
	return infos, nil
}

// Revoke ends a key. It takes the id, with or without "db_", and the whole key as well, for who has found
// one where it should not be. A key that is revoked already stays as it is. NOT_FOUND where there is none.
func (k *Keys) Revoke(id string) (KeyInfo, error) {
	id = keyID(id)
	if !validKeyID(id) {
		return KeyInfo{}, nacre.Errorf(nacre.CodeInvalid, "this is not the id of a key: give the %d characters behind %q", idLength, KeyPrefix)
	}
	now := k.clock().UTC().Truncate(time.Second)
	var info KeyInfo
	err := k.change(func(keys []storedKey) ([]storedKey, error) {
		i := slices.IndexFunc(keys, func(key storedKey) bool { return key.ID == id })
		if i < 0 {
			return nil, nacre.Errorf(nacre.CodeNotFound, "there is no key %q in %s", id, k.path)
		}
		if keys[i].RevokedAt != nil {
			info = keys[i].info()
			return nil, nil
		}
		keys[i].RevokedAt = &now
		info = keys[i].info()
		return keys, nil
	})
	return info, err
}

func (k *storedKey) info() KeyInfo {
	info := KeyInfo{
		ID: k.ID, Name: k.Name, Permissions: slices.Clone(k.Permissions), Stores: slices.Clone(k.Stores),
		Streams: slices.Clone(k.Streams), Claims: maps.Clone(k.Claims), CreatedAt: k.CreatedAt,
	}
	if k.ExpiresAt != nil {
		info.ExpiresAt = *k.ExpiresAt
	}
	if k.RevokedAt != nil {
		info.RevokedAt = *k.RevokedAt
	}
	return info
}

// change replaces the file by what edit makes of its keys, under the lock. Edit owns the slice; nil without
// an error means that nothing is to be written. A file that cannot be read is never replaced.
func (k *Keys) change(edit func([]storedKey) ([]storedKey, error)) (err error) {
	k.writing.Lock()
	defer k.writing.Unlock()
	lock, err := k.lock()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, lock.Close()) }()
	r := k.file.reread()
	if r.err != nil {
		return k.unreadable(r.err)
	}
	keys, err := edit(slices.Clone(r.value.stored))
	if err != nil || keys == nil {
		return err
	}
	if err := writeKeys(k.path, keys); err != nil {
		return nacre.Errorf(nacre.CodeInternal, "the keys file cannot be written: %w", err)
	}
	// This process knows its own change at once, and that it can be read.
	if r := k.file.reread(); r.err != nil {
		return k.unreadable(r.err)
	}
	return nil
}

// lock keeps other writers away, in this process and in others, and ends with the process.
func (k *Keys) lock() (io.Closer, error) {
	patience := time.NewTimer(lockPatience)
	defer patience.Stop()
	for {
		lock, err := vfs.OS.Lock(k.path+".lock", fmt.Sprintf("pid %d, changing the keys", os.Getpid()))
		if err == nil {
			return lock, nil
		}
		if _, held := errors.AsType[*vfs.LockedError](err); !held {
			return nil, nacre.Errorf(nacre.CodeInternal, "the keys file cannot be locked: %w", err)
		}
		select {
		case <-patience.C:
			return nil, nacre.Errorf(nacre.CodeLocked, "the keys are being changed by somebody else: %w", err)
		case <-time.After(lockPause/2 + rand.N(lockPause)):
		}
	}
}
