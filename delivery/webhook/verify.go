package webhook

import (
	"crypto/hmac"
	"encoding/base64"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// tolerance is how far a request's time may be from the receiver's.
const tolerance = 5 * time.Minute

// What [Verifier.Verify] finds.
var (
	// ErrHeaders: webhook-id, webhook-timestamp or webhook-signature is missing or is not what it has to be.
	ErrHeaders = errors.New("webhook: a header of the signature is missing or malformed")
	// ErrTime: the request is more than five minutes old, or comes from the future.
	ErrTime = errors.New("webhook: the request was signed too long ago or in the future")
	// ErrSignature: no signature fits a secret. Whoever sent it does not have the secret, or the body is not as
	// it came.
	ErrSignature = errors.New("webhook: no signature fits")
)

// Verifier is for receivers: it tells whether a request was signed with one of its secrets. It may be used from
// many goroutines.
type Verifier struct {
	keys  [][]byte
	clock func() time.Time
}

// NewVerifier makes a verifier of secrets, "whsec_…", at least one. While secrets are rotated, give the old one and
// the new one.
func NewVerifier(secrets ...string) (*Verifier, error) {
	if len(secrets) == 0 {
		return nil, errors.New("webhook: there is no secret: give the one that the subscription was created with")
	}
	v := &Verifier{clock: time.Now}
	for i, s := range secrets {
		key, err := keyOf(s)
		if err != nil {
			return nil, fmt.Errorf("webhook: secret %d of %d %w", i+1, len(secrets), err)
		}
		v.keys = append(v.keys, key)
	}
	return v, nil
}

// Verify tells whether a request is genuine. body is its body, byte for byte as it came: decoded and encoded again it
// fits no signature. It returns nil, [ErrHeaders], [ErrTime] or [ErrSignature]; the answer to them is 400 or 401.
func (v *Verifier) Verify(header http.Header, body []byte) error {
	return v.VerifyAt(header, body, v.clock())
}

// VerifyAt is Verify at another time than now: for requests that were kept, and for tests.
func (v *Verifier) VerifyAt(header http.Header, body []byte, at time.Time) error {
	id, timestamp, signatures := header.Get(headerID), header.Get(headerTimestamp), header.Get(headerSignature)
	if id == "" || timestamp == "" || signatures == "" {
		return fmt.Errorf("%w: webhook-id, webhook-timestamp and webhook-signature have to be there; see that proxies pass them on", ErrHeaders)
	}
	seconds, err := strconv.ParseInt(timestamp, 10, 64)
	if err != nil || seconds < 0 || strconv.FormatInt(seconds, 10) != timestamp {
		return fmt.Errorf("%w: webhook-timestamp is no number of seconds", ErrHeaders)
	}
	if off := seconds - at.Unix(); off > int64(tolerance/time.Second) || off < -int64(tolerance/time.Second) {
		return fmt.Errorf("%w: by %d s, %v is taken; see that both clocks are right", ErrTime, off, tolerance)
	}
	wanted := make([][]byte, len(v.keys))
	for i, key := range v.keys {
		wanted[i] = signature(key, id, timestamp, body)
	}
	for one := range strings.FieldsSeq(signatures) {
		text, is := strings.CutPrefix(one, "v1,")
		if !is {
			continue // of a version to come
		}
		got, err := base64.StdEncoding.Strict().DecodeString(text)
		if err != nil {
			continue
		}
		for _, want := range wanted {
			if hmac.Equal(got, want) {
				return nil
			}
		}
	}
	return fmt.Errorf("%w: see that the secret is the subscription's, and that the body is as it came", ErrSignature)
}
