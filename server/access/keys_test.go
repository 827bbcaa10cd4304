package access

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/internal/vfs"
	"github.com/nacredb/nacre/wire"
)

func TestKeyLife(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	k := testKeys(t, clock.Now)
	if k.Configured() || k.Err() != nil {
		t.Fatalf("without a file: configured %v, %v", k.Configured(), k.Err())
	}
	_, err := k.Authenticate(newKey(newKeyID()))
	wantErr(t, err, wire.CodeUnauthorized, "there is no API key")

	expires := clock.Now().Add(time.Hour)
	secret, info := createKey(t, k, KeySpec{
		Name: "orders service", Permissions: []string{"read:events", "create:event_store"},
		Stores: []string{"orders"}, Streams: []string{"order-"}, ExpiresAt: expires,
	})
	if !k.Configured() || !strings.HasPrefix(secret, KeyPrefix+info.ID+"_") {
		t.Fatalf("configured %v, id %q", k.Configured(), info.ID)
	}
	g := must[*Grant](t)(k.Authenticate(secret))
	if g.Who() != "key:"+info.ID || g.Name != "orders service" || !slices.Equal(g.Permissions, []Permission{ReadEvents, ManageStores}) ||
		!slices.Equal(g.Stores, []string{"orders"}) || !slices.Equal(g.Streams, []string{"order-"}) || !g.Expires.Equal(expires) {
		t.Fatalf("the grant is %+v", g)
	}
	listed := must[[]KeyInfo](t)(k.List())
	if len(listed) != 1 || listed[0].ID != info.ID || !listed[0].CreatedAt.Equal(clock.Now()) || !listed[0].RevokedAt.IsZero() {
		t.Fatalf("listed %+v", listed)
	}

	clock.add(time.Hour)
	_, err = k.Authenticate(secret)
	wantErr(t, err, wire.CodeUnauthorized, "expired at 2030-05-17T13:00:00Z", info.ID)
	wantErr(t, k.recheck(g), wire.CodeUnauthorized, "expired")

	other, otherInfo := createKey(t, k, KeySpec{})
	g = must[*Grant](t)(k.Authenticate(other))
	if g.Confined() || !g.AllowsStore("whatever") || k.recheck(g) != nil {
		t.Fatalf("the default grant is %+v", g)
	}
	revoked := must[KeyInfo](t)(k.Revoke(KeyPrefix + otherInfo.ID))
	if !revoked.RevokedAt.Equal(clock.Now()) {
		t.Fatalf("revoked %+v", revoked)
	}
	_, err = k.Authenticate(other)
	wantErr(t, err, wire.CodeUnauthorized, "was revoked")
	wantErr(t, k.recheck(g), wire.CodeUnauthorized, "was revoked")
	clock.add(time.Minute)
	if again := must[KeyInfo](t)(k.Revoke(other)); !again.RevokedAt.Equal(revoked.RevokedAt) {
		t.Fatalf("revoking again changes the time to %v", again.RevokedAt)
	}
	_, err = k.Revoke("00000000")
	wantErr(t, err, nacre.CodeNotFound, "there is no key")
	_, err = k.Revoke("my key")
	wantErr(t, err, nacre.CodeInvalid, "not the id of a key")
	if !k.Configured() {
		t.Fatal("revoking opens the server")
	}
}

// TestSecretIsNotKept looks for the secret in everything that is written.
func TestSecretIsNotKept(t *testing.T) {
	t.Parallel()
	k := testKeys(t, nil)
	secret, info := createKey(t, k, KeySpec{})
	entries, err := os.ReadDir(filepath.Dir(k.path))
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		text, err := os.ReadFile(filepath.Join(filepath.Dir(k.path), e.Name()))
		if err != nil {
			t.Fatal(err)
		}
		if bytes.Contains(text, []byte(secret[len(KeyPrefix)+idLength:])) {
			t.Errorf("%s has the secret", e.Name())
		}
		if e.Name() == "keys.json" && !bytes.Contains(text, []byte(info.ID)) {
			t.Error("the file does not have the id")
		}
		if strings.HasSuffix(e.Name(), ".tmp") {
			t.Errorf("%s is left", e.Name())
		}
	}
	if at, err := os.Stat(k.path); err != nil || runtime.GOOS != "windows" && at.Mode().Perm() != 0o600 {
		t.Errorf("the file has the mode %v, %v, want 0600", at.Mode(), err)
	}
}

func TestWrongSecretOfAKnownKey(t *testing.T) {
	t.Parallel()
	k := testKeys(t, nil)
	secret, info := createKey(t, k, KeySpec{})
	_, err := k.Authenticate(newKey(info.ID)) // the right id and checksum
	wantErr(t, err, wire.CodeUnauthorized, "with this secret")
	if _, err := k.Revoke(info.ID); err != nil {
		t.Fatal(err)
	}
	// Whether a key was revoked is told only to who has its secret.
	_, err = k.Authenticate(newKey(info.ID))
	wantErr(t, err, wire.CodeUnauthorized, "with this secret")
	_, err = k.Authenticate(secret[:len(secret)-1])
	wantErr(t, err, wire.CodeUnauthorized, "was cut off")
}

func TestCreateRefuses(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	k := testKeys(t, clock.Now)
	read := []string{"read:events"}
	for name, c := range map[string]struct {
		spec KeySpec
		word string
	}{
		"no name":       {KeySpec{Permissions: read}, "name: is empty"},
		"long name":     {KeySpec{Name: strings.Repeat("n", 129), Permissions: read}, "at most 128"},
		"control":       {KeySpec{Name: "a\nb", Permissions: read}, "control characters"},
		"no permission": {KeySpec{Name: "a"}, "no permission is given"},
		"unknown":       {KeySpec{Name: "a", Permissions: []string{"read"}}, `there is no permission "read"`},
		"no store":      {KeySpec{Name: "a", Permissions: read, Stores: []string{}}, "no store is given"},
		"bad store":     {KeySpec{Name: "a", Permissions: read, Stores: []string{"A"}}, "not the name of a store"},
		"no stream":     {KeySpec{Name: "a", Permissions: read, Streams: []string{}}, "the list of stream prefixes is empty"},
		"bad stream":    {KeySpec{Name: "a", Permissions: read, Streams: []string{""}}, "the stream prefix"},
		"over":          {KeySpec{Name: "a", Permissions: read, ExpiresAt: clock.Now()}, "which is over"},
		"too late":      {KeySpec{Name: "a", Permissions: read, ExpiresAt: time.Date(10000, 1, 1, 0, 0, 0, 0, time.UTC)}, "9999"},
	} {
		_, _, err := k.Create(c.spec)
		if err == nil {
			t.Errorf("%s is taken", name)
			continue
		}
		wantErr(t, err, nacre.CodeInvalid, c.word)
	}
	if k.Configured() {
		t.Error("a refused key makes the file")
	}
}

// TestAnotherProcessChanges has two handles on one file: the server's and the command line's.
func TestAnotherProcessChanges(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	server := testKeys(t, clock.Now)
	command := must[*Keys](t)(OpenKeys(server.path, clock.Now))
	secret, info := createKey(t, command, KeySpec{})
	if server.Configured() {
		t.Fatal("the file is looked at more than once a second")
	}
	clock.add(lookInterval)
	if !server.Configured() {
		t.Fatal("the first key is not seen after a second")
	}
	g := must[*Grant](t)(server.Authenticate(secret))
	if _, err := command.Revoke(info.ID); err != nil {
		t.Fatal(err)
	}
	clock.add(lookInterval - 1)
	if _, err := server.Authenticate(secret); err != nil {
		t.Fatalf("the file is looked at more than once a second: %v", err)
	}
	clock.add(1)
	_, err := server.Authenticate(secret)
	wantErr(t, err, wire.CodeUnauthorized, "was revoked")
	wantErr(t, server.recheck(g), wire.CodeUnauthorized, "was revoked")

	// A clock that is set back does not hide changes.
	second, _ := createKey(t, command, KeySpec{})
	clock.add(-24 * time.Hour)
	if _, err := server.Authenticate(second); err != nil {
		t.Fatal(err)
	}
}

// TestChangeOfTheSameLook changes the file in place, keeping its size and its time.
func TestChangeOfTheSameLook(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	k := testKeys(t, clock.Now)
	secret, _ := createKey(t, k, KeySpec{Stores: []string{"orders"}})
	text := must[[]byte](t)(os.ReadFile(k.path))
	at := clock.Now() // so young that more changes may bear the same time
	set := func(text []byte) {
		t.Helper()
		if err := os.WriteFile(k.path, text, 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(k.path, at, at); err != nil {
			t.Fatal(err)
		}
	}
	set(text)
	clock.add(lookInterval)
	if g := must[*Grant](t)(k.Authenticate(secret)); !g.AllowsStore("orders") {
		t.Fatalf("the grant is %+v", g)
	}
	set(bytes.Replace(text, []byte(`"orders"`), []byte(`"wrongs"`), 1))
	clock.add(lookInterval)
	old := k.file.now.Load()
	g := must[*Grant](t)(k.Authenticate(secret))
	if !g.AllowsStore("wrongs") {
		t.Fatalf("a change within the time's grain is not seen: %+v, read at %v", g, old.at)
	}
	// Once the file is old enough it is not read again.
	clock.add(settleTime + lookInterval)
	k.Configured()
	settled := k.file.now.Load()
	clock.add(lookInterval)
	k.Configured()
	if k.file.now.Load() != settled {
		t.Fatal("a file that did not change is read again")
	}
}

func TestRightsChangedByHand(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	k := testKeys(t, clock.Now)
	secret, _ := createKey(t, k, KeySpec{Permissions: []string{"*"}})
	g := must[*Grant](t)(k.Authenticate(secret))
	text := must[[]byte](t)(os.ReadFile(k.path))
	writeTest(t, k.path, strings.Replace(string(text), `"*"`, `"read:events"`, 1))
	clock.add(lookInterval)
	wantErr(t, k.recheck(g), wire.CodeUnauthorized, "were changed")
	now := must[*Grant](t)(k.Authenticate(secret))
	wantErr(t, now.Allows(WriteEvents, ""), wire.CodeForbidden)
	writeTest(t, k.path, `{"version":1,"keys":[]}`)
	clock.add(lookInterval)
	wantErr(t, k.recheck(now), wire.CodeUnauthorized, "was removed")
	if !k.Configured() {
		t.Fatal("a file without keys opens the server")
	}
}

const goodKey = `{"id":"3k7m9qaw","name":"ci","hash":"sha256:0000000000000000000000000000000000000000000000000000000000000000","permissions":["read:events"],"stores":["*"],"createdAt":"2030-01-01T00:00:00Z"}`

// damagedFiles are keys files that must let nobody in.
var damagedFiles = map[string]string{
	"empty":              ``,
	"white space":        "\n",
	"cut off":            `{"version":1,"keys":[` + goodKey[:60],
	"null":               `null`,
	"a list":             `[]`,
	"no version":         `{"keys":[]}`,
	"version 0":          `{"version":0,"keys":[]}`,
	"version text":       `{"version":"1","keys":[]}`,
	"no keys":            `{"version":1}`,
	"keys null":          `{"version":1,"keys":null}`,
	"two documents":      `{"version":1,"keys":[]}{"version":1,"keys":[]}`,
	"unknown field":      `{"version":1,"keys":[],"open":true}`,
	"unknown key field":  `{"version":1,"keys":[` + strings.Replace(goodKey, `"name"`, `"nome":"x","name"`, 1) + `]}`,
	"other case":         `{"version":1,"Keys":[]}`,
	"field twice":        `{"version":1,"keys":[],"keys":[` + goodKey + `]}`,
	"id twice":           `{"version":1,"keys":[` + goodKey + `,` + goodKey + `]}`,
	"bad id":             `{"version":1,"keys":[` + strings.Replace(goodKey, "3k7m9qaw", "3k7m9qa", 1) + `]}`,
	"no name":            `{"version":1,"keys":[` + strings.Replace(goodKey, `"ci"`, `""`, 1) + `]}`,
	"short hash":         `{"version":1,"keys":[` + strings.Replace(goodKey, "sha256:00", "sha256:", 1) + `]}`,
	"long hash":          `{"version":1,"keys":[` + strings.Replace(goodKey, "sha256:00", "sha256:000000", 1) + `]}`,
	"other hash":         `{"version":1,"keys":[` + strings.Replace(goodKey, "sha256:", "sha512:", 1) + `]}`,
	"no hash":            `{"version":1,"keys":[` + strings.Replace(goodKey, "sha256:", "", 1) + `]}`,
	"unknown permission": `{"version":1,"keys":[` + strings.Replace(goodKey, "read:events", "read:event", 1) + `]}`,
	"synonym":            `{"version":1,"keys":[` + strings.Replace(goodKey, "read:events", "read:streams", 1) + `]}`,
	"no permissions":     `{"version":1,"keys":[` + strings.Replace(goodKey, `"read:events"`, "", 1) + `]}`,
	"no stores":          `{"version":1,"keys":[` + strings.Replace(goodKey, `"*"`, "", 1) + `]}`,
	"empty streams":      `{"version":1,"keys":[` + strings.Replace(goodKey, `"stores"`, `"streams":[],"stores"`, 1) + `]}`,
	"empty prefix":       `{"version":1,"keys":[` + strings.Replace(goodKey, `"stores"`, `"streams":[""],"stores"`, 1) + `]}`,
	"no createdAt":       `{"version":1,"keys":[` + strings.Replace(goodKey, `,"createdAt":"2030-01-01T00:00:00Z"`, ``, 1) + `]}`,
	"expires in year 1":  `{"version":1,"keys":[` + strings.Replace(goodKey, `"stores"`, `"expiresAt":"0001-01-01T00:00:00Z","stores"`, 1) + `]}`,
	"bad time":           `{"version":1,"keys":[` + strings.Replace(goodKey, "2030-01-01", "2030-13-01", 1) + `]}`,
	"not UTF-8":          `{"version":1,"keys":[` + strings.Replace(goodKey, `"ci"`, "\"\xff\"", 1) + `]}`,
}

func TestDamagedFile(t *testing.T) {
	t.Parallel()
	if _, err := parseKeys("keys.json", []byte(`{"version":1,"keys":[`+goodKey+`]}`)); err != nil {
		t.Fatalf("the good key: %v", err)
	}
	for name, text := range damagedFiles {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			clock := newHandClock()
			k := testKeys(t, clock.Now)
			secret, info := createKey(t, k, KeySpec{})
			good := must[[]byte](t)(os.ReadFile(k.path))
			writeTest(t, k.path, text)
			clock.add(lookInterval)

			_, err := k.Authenticate(secret)
			wantErr(t, err, nacre.CodeInternal, "nobody is let in")
			if strings.Contains(err.Error(), filepath.Dir(k.path)) {
				t.Errorf("the client is told where the file is: %v", err)
			}
			wantErr(t, k.Err(), nacre.CodeDamaged, k.path)
			wantErr(t, k.recheck(&Grant{Kind: KindKey, Subject: info.ID}), nacre.CodeInternal)
			if !k.Configured() {
				t.Error("damage opens the server")
			}
			_, err = OpenKeys(k.path, clock.Now)
			wantErr(t, err, nacre.CodeDamaged, k.path)

			// Nothing writes over what may be mended.
			_, _, err = k.Create(KeySpec{Name: "new", Permissions: []string{"*"}})
			wantErr(t, err, nacre.CodeDamaged)
			_, err = k.Revoke(info.ID)
			wantErr(t, err, nacre.CodeDamaged)
			_, err = k.List()
			wantErr(t, err, nacre.CodeDamaged)
			if now := must[[]byte](t)(os.ReadFile(k.path)); string(now) != text {
				t.Fatalf("the damaged file was changed to %q", now)
			}

			writeTest(t, k.path, string(good))
			clock.add(lookInterval)
			if _, err := k.Authenticate(secret); err != nil {
				t.Fatalf("after it was mended: %v", err)
			}
		})
	}
}

func TestRevokedAtAnyTimeIsRevoked(t *testing.T) {
	t.Parallel()
	for _, at := range []string{"0001-01-01T00:00:00Z", "2999-01-01T00:00:00Z"} {
		set, err := parseKeys("keys.json", []byte(`{"version":1,"keys":[`+strings.Replace(goodKey, `"stores"`, `"revokedAt":"`+at+`","stores"`, 1)+`]}`))
		if err != nil || !set.byID["3k7m9qaw"].revoked {
			t.Errorf("revoked at %s: %v, %v", at, set, err)
		}
	}
}

func TestLaterVersion(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	writeTest(t, path, `{"version":2,"keyring":{}}`)
	_, err := OpenKeys(path, nil)
	wantErr(t, err, nacre.CodeUnsupported, "is of version 2", "use a newer one")
}

func TestDamageHasItsPlace(t *testing.T) {
	t.Parallel()
	_, err := parseKeys("keys.json", []byte("{\n \"version\": 1,\n \"keys\": [}\n"))
	damage, ok := errors.AsType[*nacre.DamageError](err)
	if !ok || damage.Line != 3 || damage.Offset < 20 {
		t.Fatalf("%v, want line 3", err)
	}
}

func TestFileVanishes(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	k := testKeys(t, clock.Now)
	secret, _ := createKey(t, k, KeySpec{})
	away := k.path + ".away"
	if err := os.Rename(k.path, away); err != nil {
		t.Fatal(err)
	}
	clock.add(lookInterval)
	_, err := k.Authenticate(secret)
	wantErr(t, err, nacre.CodeInternal, "nobody is let in")
	if !k.Configured() {
		t.Fatal("a file that vanished opens the server")
	}
	wantErr(t, k.Err(), nacre.CodeInternal, "has vanished")
	if err := os.Rename(away, k.path); err != nil {
		t.Fatal(err)
	}
	clock.add(lookInterval)
	if _, err := k.Authenticate(secret); err != nil || k.Err() != nil {
		t.Fatalf("after it came back: %v, %v", err, k.Err())
	}
}

func TestNotAFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := os.Mkdir(path, 0o700); err != nil {
		t.Fatal(err)
	}
	_, err := OpenKeys(path, nil)
	wantErr(t, err, nacre.CodeInternal, "not a regular file")
	large := filepath.Join(t.TempDir(), "large.json")
	writeTest(t, large, "")
	if err := os.Truncate(large, maxKeysFile+1); err != nil {
		t.Fatal(err)
	}
	_, err = OpenKeys(large, nil)
	wantErr(t, err, nacre.CodeInternal, "has more than")
}

// TestCrashLeavesATemporaryFile has what a killed writer leaves: half a file, with other permissions.
func TestCrashLeavesATemporaryFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(path+".tmp", []byte(`{"version":1,"ke`), 0o666); err != nil {
		t.Fatal(err)
	}
	writeTest(t, path+".lock", "pid 9, who was killed\n")
	k := must[*Keys](t)(OpenKeys(path, nil))
	if k.Configured() {
		t.Fatal("half a file counts")
	}
	secret, _ := createKey(t, k, KeySpec{})
	if _, err := k.Authenticate(secret); err != nil {
		t.Fatal(err)
	}
	if at, err := os.Stat(path); err != nil || runtime.GOOS != "windows" && at.Mode().Perm() != 0o600 {
		t.Fatalf("the file has the mode %v, %v, want 0600", at.Mode(), err)
	}
	if _, err := os.Stat(path + ".tmp"); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("the temporary file: %v, want that it is gone", err)
	}
}

// TestWriteFails puts a folder in the way of the temporary file.
func TestWriteFails(t *testing.T) {
	t.Parallel()
	k := testKeys(t, nil)
	secret, info := createKey(t, k, KeySpec{})
	before := must[[]byte](t)(os.ReadFile(k.path))
	if err := os.MkdirAll(filepath.Join(k.path+".tmp", "in the way"), 0o700); err != nil {
		t.Fatal(err)
	}
	_, _, err := k.Create(KeySpec{Name: "new", Permissions: []string{"*"}})
	wantErr(t, err, nacre.CodeInternal, "cannot be written")
	_, err = k.Revoke(info.ID)
	wantErr(t, err, nacre.CodeInternal, "cannot be written")
	if now := must[[]byte](t)(os.ReadFile(k.path)); !bytes.Equal(now, before) {
		t.Fatal("a failed change changed the file")
	}
	if _, err := k.Authenticate(secret); err != nil {
		t.Fatal(err)
	}
}

func TestLockFileInTheWay(t *testing.T) {
	t.Parallel()
	k := testKeys(t, nil)
	if err := os.Mkdir(k.path+".lock", 0o700); err != nil {
		t.Fatal(err)
	}
	_, _, err := k.Create(KeySpec{Name: "new", Permissions: []string{"*"}})
	wantErr(t, err, nacre.CodeInternal, "cannot be locked")
}

// TestWriterWaitsForAnother holds the lock as another process would, and gives it back.
func TestWriterWaitsForAnother(t *testing.T) {
	t.Parallel()
	k := testKeys(t, nil)
	lock, err := vfs.OS.Lock(k.path+".lock", "pid 9, another one")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() {
		_, _, err := k.Create(KeySpec{Name: "waits", Permissions: []string{"*"}})
		done <- err
	}()
	select {
	case err := <-done:
		t.Fatalf("the writer did not wait: %v", err)
	case <-time.After(20 * time.Millisecond):
	}
	if _, err := os.Stat(k.path); !errors.Is(err, os.ErrNotExist) {
		t.Fatalf("written beside the holder of the lock: %v", err)
	}
	if err := lock.Close(); err != nil {
		t.Fatal(err)
	}
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

// TestWritersDoNotLoseKeys creates keys through several handles at once.
func TestWritersDoNotLoseKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	const handles, each = 4, 5
	var all sync.WaitGroup
	secrets := make(chan string, handles*each)
	for h := range handles {
		k := must[*Keys](t)(OpenKeys(path, nil))
		all.Go(func() {
			for i := range each {
				secret, _, err := k.Create(KeySpec{Name: fmt.Sprint(h, " ", i), Permissions: []string{"*"}})
				if err != nil {
					t.Error(err)
					return
				}
				secrets <- secret
			}
		})
	}
	all.Wait()
	close(secrets)
	k := must[*Keys](t)(OpenKeys(path, nil))
	n := 0
	for secret := range secrets {
		n++
		if _, err := k.Authenticate(secret); err != nil {
			t.Error(err)
		}
	}
	if listed := must[[]KeyInfo](t)(k.List()); n != handles*each || len(listed) != n {
		t.Fatalf("%d keys were made, and %d are listed", n, len(listed))
	}
}

// TestAuthenticateBesideRevoke has readers who ask while keys are made and revoked: a key is taken until
// its revocation, and never again after a second has passed since.
func TestAuthenticateBesideRevoke(t *testing.T) {
	t.Parallel()
	clock := newHandClock()
	server := testKeys(t, clock.Now)
	command := must[*Keys](t)(OpenKeys(server.path, clock.Now))
	steady, _ := createKey(t, command, KeySpec{Name: "steady"})
	clock.add(lookInterval)
	server.file.reread() // a reader beside the one who looks goes on with what is known, which is nothing yet

	type pair struct{ secret, id string }
	var current atomic.Pointer[pair]
	var done atomic.Bool
	var readers sync.WaitGroup
	for range 4 {
		readers.Go(func() {
			for !done.Load() {
				if _, err := server.Authenticate(steady); err != nil {
					t.Errorf("the steady key: %v", err)
					return
				}
				if p := current.Load(); p != nil {
					if _, err := server.Authenticate(p.secret); err != nil && nacre.CodeOf(err) != wire.CodeUnauthorized {
						t.Errorf("the passing key: %v", err)
						return
					}
				}
			}
		})
	}
	for range 15 {
		secret, info := createKey(t, command, KeySpec{Name: "passing"})
		clock.add(lookInterval)
		current.Store(&pair{secret, info.ID})
		server.file.reread() // the readers may be in the middle of a look
		if _, err := server.Authenticate(secret); err != nil {
			t.Errorf("a key that was made a second ago: %v", err)
		}
		if _, err := command.Revoke(info.ID); err != nil {
			t.Error(err)
		}
		clock.add(lookInterval)
		server.file.reread()
		if _, err := server.Authenticate(secret); nacre.CodeOf(err) != wire.CodeUnauthorized {
			t.Errorf("a key that was revoked a second ago: %v", err)
		}
	}
	done.Store(true)
	readers.Wait()
}

func FuzzKeysFile(f *testing.F) {
	f.Add([]byte(`{"version":1,"keys":[` + goodKey + `]}`))
	for _, text := range damagedFiles {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if data == nil {
			data = []byte{}
		}
		set, err := parseKeys("keys.json", data)
		if err != nil {
			if code := nacre.CodeOf(err); code != nacre.CodeDamaged && code != nacre.CodeUnsupported {
				t.Fatalf("code %q: %v", code, err)
			}
			return
		}
		// What is taken is understood as a whole: written again, it is the same.
		text, err := encodeKeys(set.stored)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		again, err := parseKeys("keys.json", text)
		if err != nil {
			t.Fatalf("what was written cannot be read: %v", err)
		}
		for id, key := range set.byID {
			other := again.byID[id]
			if other == nil || !key.grant.same(other.grant) || key.hash != other.hash || key.revoked != other.revoked {
				t.Fatalf("key %s is %+v, and was %+v", id, other, key)
			}
		}
	})
}
