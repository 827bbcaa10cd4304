package webhook

import (
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Bounds of secrets. Standard Webhooks has their length: 192 to 512 bits.
const (
	secretPrefix = "whsec_"
	newSecret    = 32
	minSecret    = 24
	maxSecret    = 64
	maxSecrets   = 8
	maxOverlap   = 90 * 24 * time.Hour
)

// secret is a key that requests are signed with.
type secret struct {
	Key string `json:"key,omitempty"`
	// Until is when it stops to sign; zero is never.
	Until time.Time `json:"until,omitzero"`
	// Hint is the key's end. It stands in what is public, in place of the key.
	Hint string `json:"hint,omitempty"`
}

// secretFields are a secret's members, for who decodes it as an object.
type secretFields secret

// UnmarshalJSON takes a string or an object. Its errors do not show what it was given.
func (s *secret) UnmarshalJSON(raw []byte) error {
	if len(raw) > 0 && raw[0] == '"' {
		return json.Unmarshal(raw, &s.Key)
	}
	var fields secretFields
	d := json.NewDecoder(bytes.NewReader(raw))
	d.DisallowUnknownFields()
	if err := d.Decode(&fields); err != nil || len(raw) == 0 || raw[0] != '{' {
		return errors.New(`is neither "whsec_…" nor {"key":"whsec_…","until":"2026-11-20T18:55:20Z"}`)
	}
	*s = secret(fields)
	s.Until = s.Until.UTC()
	return nil
}

// hint is the end of a key.
func (s *secret) hint() string {
	if s.Key == "" {
		return s.Hint
	}
	return s.Key[max(0, len(s.Key)-4):]
}

func (s *secret) ended(now time.Time) bool { return !s.Until.IsZero() && !now.Before(s.Until) }

// makeSecret makes up a key.
func makeSecret() secret {
	key := make([]byte, newSecret)
	_, _ = rand.Read(key) // it never fails
	return secret{Key: secretPrefix + base64.StdEncoding.EncodeToString(key)}
}

// keyOf is the bytes of a key.
func keyOf(s string) ([]byte, error) {
	text, prefixed := strings.CutPrefix(s, secretPrefix)
	if !prefixed {
		return nil, errors.New(`does not begin with "whsec_": give "whsec_" and base64 of 24 to 64 random bytes`)
	}
	key, err := base64.StdEncoding.Strict().DecodeString(text)
	switch {
	case err != nil || strings.ContainsAny(text, "\r\n"):
		return nil, errors.New(`has no base64 behind "whsec_": give all of it, with the "=" at its end`)
	case len(key) < minSecret || len(key) > maxSecret:
		return nil, fmt.Errorf("has %d bytes: give base64 of %d to %d random bytes", len(key), minSecret, maxSecret)
	}
	return key, nil
}

// keep puts the keys that were there before in the place of their hints, and takes all of them where c has none.
func (c *config) keep(old *config) error {
	if c.Secrets == nil && old != nil {
		c.Secrets = slices.Clone(old.Secrets)
	}
	for i := range c.Secrets {
		s := &c.Secrets[i]
		if s.Key != "" || s.Hint == "" {
			s.Hint = ""
			continue
		}
		var found []secret
		if old != nil {
			for _, o := range old.Secrets {
				if o.Key != "" && o.hint() == s.Hint {
					found = append(found, o)
				}
			}
		}
		if len(found) != 1 {
			return invalid(fmt.Sprintf("config.secrets[%d]", i), "is a hint that does not tell which secret is meant: give its key")
		}
		s.Key, s.Hint = found[0].Key, ""
	}
	return nil
}

// checkSecrets tells what is wrong with the secrets of a configuration that has all of them.
func (c *config) checkSecrets() error {
	if len(c.Secrets) > maxSecrets {
		return invalid("config.secrets", "has %d: give at most %d", len(c.Secrets), maxSecrets)
	}
	seen := map[string]bool{}
	for i := range c.Secrets {
		s := &c.Secrets[i]
		field := fmt.Sprintf("config.secrets[%d]", i)
		if _, err := keyOf(s.Key); err != nil {
			return invalid(field, "%v", err)
		}
		if seen[s.Key] {
			return invalid(field, "stands there twice: give it once")
		}
		seen[s.Key] = true
		if i == 0 && !s.Until.IsZero() {
			return invalid(field, "is the first and has an end: put the secret that stays before it")
		}
	}
	return nil
}

// prune leaves out what has ended, but for the first.
func (c *config) prune(now time.Time) {
	for i := len(c.Secrets) - 1; i > 0; i-- {
		if c.Secrets[i].ended(now) {
			c.Secrets = slices.Delete(c.Secrets, i, i+1)
		}
	}
}

// rotateSecrets puts a new secret first and gives the others an end.
func (c *config) rotateSecrets(now time.Time, overlap time.Duration) error {
	end := now.Add(overlap).UTC().Truncate(time.Second)
	for i := range c.Secrets {
		if s := &c.Secrets[i]; s.Until.IsZero() || end.Before(s.Until) {
			s.Until = end
		}
	}
	c.Secrets = slices.Insert(c.Secrets, 0, makeSecret())
	c.prune(now)
	if len(c.Secrets) > maxSecrets {
		return invalid("config.secrets", "has %d secrets that sign: wait until one ends, or rotate with an overlap of 0, which ends all",
			len(c.Secrets)-1)
	}
	return nil
}

// signature is what Standard Webhooks has signed: the id, the time and the body.
func signature(key []byte, id, timestamp string, body []byte) []byte {
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id))
	mac.Write([]byte{'.'})
	mac.Write([]byte(timestamp))
	mac.Write([]byte{'.'})
	mac.Write(body)
	return mac.Sum(nil)
}

// signer signs with all secrets that have not ended.
type signer []signing

type signing struct {
	key   []byte
	until secret
}

func newSigner(secrets []secret) (signer, error) {
	out := make(signer, 0, len(secrets))
	for i := range secrets {
		key, err := keyOf(secrets[i].Key)
		if err != nil {
			return nil, invalid(fmt.Sprintf("config.secrets[%d]", i), "%v", err)
		}
		out = append(out, signing{key: key, until: secrets[i]})
	}
	return out, nil
}

// header is the value of webhook-signature. The first secret has no end.
func (s signer) header(now time.Time, id, timestamp string, body []byte) string {
	var out []byte
	for i := range s {
		if s[i].until.ended(now) {
			continue
		}
		if len(out) > 0 {
			out = append(out, ' ')
		}
		out = append(out, "v1,"...)
		out = base64.StdEncoding.AppendEncode(out, signature(s[i].key, id, timestamp, body))
	}
	return string(out)
}
