package access

import (
	"bytes"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs"
)

const (
	// keysVersion is of the file's format. A reader takes this one only.
	keysVersion = 1
	// maxKeysFile is the most bytes that a keys file may have: some 40,000 keys.
	maxKeysFile = 16 << 20
	// maxKeyName is the most bytes of a key's name.
	maxKeyName = 128
	// hashPrefix says how a key was hashed.
	hashPrefix = "sha256:"
)

// keysDocument is the file. Permissions stand in it under their own names, never under synonyms.
type keysDocument struct {
	Version int         `json:"version"`
	Keys    []storedKey `json:"keys"`
}

// storedKey is a key in the file.
type storedKey struct {
	ID          string       `json:"id"`
	Name        string       `json:"name"`
	Hash        string       `json:"hash"`
	Permissions []Permission `json:"permissions"`
	Stores      []string     `json:"stores"`
	Streams     []string     `json:"streams,omitzero"`
	Claims      claims       `json:"claims,omitzero"`
	CreatedAt   time.Time    `json:"createdAt"`
	ExpiresAt   *time.Time   `json:"expiresAt,omitzero"`
	RevokedAt   *time.Time   `json:"revokedAt,omitzero"`
}

// keySet is a keys file as it is used. It is not changed.
type keySet struct {
	stored []storedKey // in the order of their making
	byID   map[string]*activeKey
}

type activeKey struct {
	hash    keyHash
	grant   *Grant
	revoked bool
}

// parseKeys reads a keys file strictly: what it does not understand could be what takes a right away.
// Absent content is an empty set.
func parseKeys(path string, data []byte) (*keySet, error) {
	if data == nil {
		return &keySet{}, nil
	}
	damaged := func(offset int64, format string, args ...any) (*keySet, error) {
		line := int64(0)
		if offset >= 0 && offset <= int64(len(data)) {
			line = 1 + int64(bytes.Count(data[:offset], []byte("\n")))
		}
		return nil, &nacre.DamageError{File: path, Line: line, Offset: max(offset, 0), Reason: fmt.Sprintf(format, args...)}
	}
	// The version first: a file of a later format is not damaged.
	var version struct {
		Version int `json:"version"`
	}
	if err := json.Unmarshal(data, &version); err != nil {
		return damaged(jsonOffset(err), "it is not a keys file: %v", jsonReason(err))
	}
	if version.Version > keysVersion {
		return nil, nacre.Errorf(nacre.CodeUnsupported, "%s is of version %d, and this program reads version %d: use a newer one",
			path, version.Version, keysVersion)
	}
	var doc keysDocument
	if err := json.Unmarshal(data, &doc, json.RejectUnknownMembers(true)); err != nil {
		return damaged(jsonOffset(err), "it is not a keys file: %v", jsonReason(err))
	}
	if doc.Version != keysVersion {
		return damaged(-1, "its version is %d, which is none", doc.Version)
	}
	if doc.Keys == nil {
		return damaged(-1, "it has no list of keys")
	}
	set := &keySet{stored: doc.Keys, byID: make(map[string]*activeKey, len(doc.Keys))}
	for i := range doc.Keys {
		k := &doc.Keys[i]
		active, err := k.activate()
		if err != nil {
			return damaged(-1, "keys[%d]: %v", i, err)
		}
		if set.byID[k.ID] != nil {
			return damaged(-1, "keys[%d]: the id %q stands there twice", i, k.ID)
		}
		set.byID[k.ID] = active
	}
	return set, nil
}

// activate checks a key of the file.
func (k *storedKey) activate() (*activeKey, error) {
	if !validKeyID(k.ID) {
		return nil, fmt.Errorf("the id %q is not %d of the digits %s", k.ID, idLength, digits)
	}
	if problem := checkText(k.Name, maxKeyName); problem != "" {
		return nil, fmt.Errorf("the name of key %s %s", k.ID, problem)
	}
	a := &activeKey{revoked: k.RevokedAt != nil}
	text, found := bytes.CutPrefix([]byte(k.Hash), []byte(hashPrefix))
	if n, err := hex.Decode(a.hash[:], text[:min(len(text), 2*len(a.hash))]); !found || err != nil || n != len(a.hash) || len(text) != 2*n {
		return nil, fmt.Errorf("the hash of key %s is not %q and 64 hexadecimal digits", k.ID, hashPrefix)
	}
	if len(k.Permissions) == 0 {
		return nil, fmt.Errorf("key %s has no permissions", k.ID)
	}
	for _, p := range k.Permissions {
		if known, ok := lookupPermission(string(p)); !ok || known != p {
			return nil, fmt.Errorf("key %s has the permission %q, which does not exist", k.ID, p)
		}
	}
	if err := errors.Join(checkStores(k.Stores), checkPrefixes(k.Streams)); err != nil {
		return nil, fmt.Errorf("key %s: %w", k.ID, err)
	}
	if err := k.Claims.check(); err != nil {
		return nil, fmt.Errorf("key %s: %w", k.ID, err)
	}
	if k.CreatedAt.IsZero() {
		return nil, fmt.Errorf("key %s has no createdAt", k.ID)
	}
	a.grant = &Grant{
		Kind: KindKey, Subject: k.ID, Name: k.Name, Permissions: k.Permissions, Stores: k.Stores, Streams: k.Streams, Claims: k.Claims,
	}
	if k.ExpiresAt != nil {
		// The zero time would be read as "never".
		if k.ExpiresAt.IsZero() {
			return nil, fmt.Errorf("the expiresAt of key %s is the year 1", k.ID)
		}
		a.grant.Expires = *k.ExpiresAt
	}
	return a, nil
}

// jsonOffset is where a JSON error is, -1 where that is not known.
func jsonOffset(err error) int64 {
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok {
		return e.ByteOffset
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		return e.ByteOffset
	}
	return -1
}

// jsonReason is a JSON error without the name of the library and of our types.
func jsonReason(err error) error {
	if e, ok := errors.AsType[*jsontext.SyntacticError](err); ok && e.Err != nil {
		return fmt.Errorf("%w at %q", e.Err, e.JSONPointer)
	}
	if e, ok := errors.AsType[*json.SemanticError](err); ok {
		if e.Err != nil {
			return fmt.Errorf("%w at %q", e.Err, e.JSONPointer)
		}
		return fmt.Errorf("a value of another type at %q", e.JSONPointer)
	}
	return err
}

// encodeKeys is the text of the file.
func encodeKeys(keys []storedKey) ([]byte, error) {
	data, err := json.Marshal(&keysDocument{Version: keysVersion, Keys: keys}, jsontext.WithIndent("  "))
	return append(data, '\n'), err
}

// writeKeys replaces the file, durably and as a whole. The caller holds the lock.
func writeKeys(path string, keys []storedKey) error {
	data, err := encodeKeys(keys)
	if err != nil {
		return err
	}
	if len(data) > maxKeysFile {
		return nacre.Errorf(nacre.CodeTooLarge, "%s would have %d bytes, at most %d are read: remove what was revoked long ago",
			path, len(data), maxKeysFile)
	}
	temporary := path + ".tmp"
	if err := writePrivate(temporary, data); err != nil {
		return err
	}
	if err := vfs.OS.Rename(temporary, path); err != nil {
		_ = vfs.OS.Remove(temporary) // the first error is the one to tell
		return err
	}
	return vfs.OS.SyncDir(filepath.Dir(path))
}

// writePrivate makes a synced file that only its owner may read. What a crash has left under the name goes
// first: it could have other permissions.
func writePrivate(name string, data []byte) (err error) {
	if err := os.Remove(name); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(data)
	if err == nil {
		err = f.Sync()
	}
	if err = errors.Join(err, f.Close()); err != nil {
		_ = os.Remove(name) // the first error is the one to tell
	}
	return err
}
