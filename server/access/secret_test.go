package access

import (
	"strings"
	"testing"

	"github.com/nacredb/nacre/wire"
)

func TestKeyText(t *testing.T) {
	t.Parallel()
	id := newKeyID()
	key := newKey(id)
	if len(key) != keyLength || !IsKey(key) {
		t.Fatalf("the key has %d characters, want %d", len(key), keyLength)
	}
	if got, err := parseKey(key); err != nil || got != id {
		t.Fatalf("parsed %q, %v, want %q", got, err, id)
	}
	if newKey(id) == key || newKeyID() == id {
		t.Fatal("two keys are the same")
	}
	for _, text := range []string{id, KeyPrefix + id, key, " " + key + "\n"} {
		if got := keyID(text); got != id {
			t.Errorf("keyID of %q is %q", text, got)
		}
	}
	for name, c := range map[string]struct{ text, word string }{
		"empty":         {"", "not an API key"},
		"other prefix":  {"sk_" + key[3:], "not an API key"},
		"cut off":       {key[:keyLength-1], "was cut off"},
		"something on":  {key + "x", "something was added"},
		"upper case":    {KeyPrefix + strings.ToUpper(key[3:]), "characters that keys do not have"},
		"no underscore": {key[:11] + "0" + key[12:], "characters that keys do not have"},
		"null byte":     {key[:20] + "\x00" + key[21:], "characters that keys do not have"},
	} {
		_, err := parseKey(c.text)
		if err == nil {
			t.Errorf("%s: taken", name)
			continue
		}
		wantErr(t, err, wire.CodeUnauthorized, c.word)
		if len(c.text) > 20 && strings.Contains(err.Error(), c.text[12:20]) {
			t.Errorf("%s: the error shows the secret: %v", name, err)
		}
	}
}

// TestEveryTypingMistakeIsFound changes each character, and swaps each two neighbours.
func TestEveryTypingMistakeIsFound(t *testing.T) {
	t.Parallel()
	key := newKey(newKeyID())
	for i := len(KeyPrefix); i < keyLength; i++ {
		for _, d := range []byte(digits) {
			if wrong := key[:i] + string(d) + key[i+1:]; wrong != key {
				if _, err := parseKey(wrong); err == nil {
					t.Fatalf("%q for %q at %d is not noticed", d, key[i], i)
				}
			}
		}
		if i+1 < keyLength && key[i] != key[i+1] {
			if _, err := parseKey(key[:i] + key[i+1:i+2] + key[i:i+1] + key[i+2:]); err == nil {
				t.Fatalf("the exchange of %d and %d is not noticed", i, i+1)
			}
		}
	}
}

func FuzzKeyText(f *testing.F) {
	key := newKey("3k7m9qaw")
	for _, seed := range []string{"", KeyPrefix, key, key[:30], key + "0", "db_3k7m9qaw_", strings.Repeat("\xff", keyLength)} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id, err := parseKey(text)
		if err != nil {
			wantErr(t, err, wire.CodeUnauthorized)
			return
		}
		if !validKeyID(id) || len(text) != keyLength || keyID(text) != id {
			t.Fatalf("%q was taken for a key with id %q", text, id)
		}
	})
}
