package access

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/binary"
	"hash/crc32"
	"strings"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

// The text of a key is
//
//	db_ id _ secret checksum
//
// with an id of 8 characters, 32 random bytes as 52 characters and a CRC-32 of all before it as 7
// characters. The digits are those of Crockford's base32 in lower case, which has no letters that look like
// others.
const (
	// KeyPrefix begins every key, and nothing else that is a credential.
	KeyPrefix = "db_"

	digits       = "0123456789abcdefghjkmnpqrstvwxyz"
	idBytes      = 5
	idLength     = 8
	secretBytes  = 32
	secretLength = 52
	sumLength    = 7
	keyLength    = len(KeyPrefix) + idLength + 1 + secretLength + sumLength
)

var base32Digits = base32.NewEncoding(digits).WithPadding(base32.NoPadding)

// keyHash is what is kept of a key.
type keyHash [sha256.Size]byte

func hashKey(key string) keyHash { return sha256.Sum256([]byte(key)) }

// newKeyID makes the public part of a key.
func newKeyID() string {
	var raw [idBytes]byte
	_, _ = rand.Read(raw[:]) // it ends the process rather than fail
	return base32Digits.EncodeToString(raw[:])
}

// newKey makes the text of a key with this id.
func newKey(id string) string {
	var raw [secretBytes]byte
	_, _ = rand.Read(raw[:]) // it ends the process rather than fail
	key := KeyPrefix + id + "_" + base32Digits.EncodeToString(raw[:])
	return key + checksum(key)
}

// checksum is for those who type: it finds every single wrong character and every two that changed places.
// It protects nothing.
func checksum(text string) string {
	var raw [4]byte
	binary.BigEndian.PutUint32(raw[:], crc32.ChecksumIEEE([]byte(text)))
	return base32Digits.EncodeToString(raw[:])
}

// IsKey tells an API key from a token by how it begins.
func IsKey(text string) bool { return strings.HasPrefix(text, KeyPrefix) }

// parseKey gives the id of a key whose text can be one. Errors have nothing of the text in them.
func parseKey(text string) (id string, err error) {
	refuse := func(format string, args ...any) (string, error) {
		return "", nacre.Errorf(wire.CodeUnauthorized, format, args...)
	}
	if !IsKey(text) {
		return refuse("this is not an API key: keys begin with %q", KeyPrefix)
	}
	if len(text) != keyLength {
		return refuse("the API key has %d characters, and keys have %d: it was cut off, or something was added", len(text), keyLength)
	}
	id = text[len(KeyPrefix) : len(KeyPrefix)+idLength]
	if !validKeyID(id) || text[len(KeyPrefix)+idLength] != '_' || !onlyDigits(text[len(KeyPrefix)+idLength+1:]) {
		return refuse("the API key has characters that keys do not have: copy it again, as it was shown")
	}
	if at := keyLength - sumLength; text[at:] != checksum(text[:at]) {
		return refuse("the API key was mistyped: its last %d characters do not fit the others", sumLength)
	}
	return id, nil
}

func validKeyID(id string) bool { return len(id) == idLength && onlyDigits(id) }

func onlyDigits(s string) bool {
	for i := range len(s) {
		if strings.IndexByte(digits, s[i]) < 0 {
			return false
		}
	}
	return true
}

// keyID takes what people have at hand to name a key: its id, the beginning of the key, or the whole key.
func keyID(text string) string {
	text = strings.TrimPrefix(strings.TrimSpace(text), KeyPrefix)
	if len(text) > idLength && text[idLength] == '_' {
		return text[:idLength]
	}
	return text
}
