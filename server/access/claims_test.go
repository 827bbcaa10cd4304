package access

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/golang-jwt/jwt/v5"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wire"
)

func TestClaimsOfKeys(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "keys.json")
	keys, err := OpenKeys(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	given := map[string]any{"team": "blue", "roles": []any{"a", "b"}, "level": 3.0, "on": true}
	secret, info, err := keys.Create(KeySpec{Name: "ann", Permissions: []string{"entities"}, Claims: given})
	if err != nil {
		t.Fatal(err)
	}
	again, err := OpenKeys(path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, k := range []*Keys{keys, again} {
		g, err := k.Authenticate(secret)
		if err != nil {
			t.Fatal(err)
		}
		want := map[string]any{"sub": info.ID, "name": "ann", "team": "blue", "roles": []any{"a", "b"}, "level": 3.0, "on": true}
		if got := g.Told(); !reflect.DeepEqual(got, want) {
			t.Errorf("told %v, want %v", got, want)
		}
	}
	if list, err := again.List(); err != nil || !reflect.DeepEqual(list[0].Claims, given) {
		t.Errorf("listed %+v, %v", list, err)
	}
	for name, claims := range map[string]map[string]any{
		"object": {"a": map[string]any{}}, "null": {"a": nil}, "nested": {"a": []any{[]any{"x"}}}, "nameless": {"": "x"}, "control": {"a\n": "x"},
		"long": {"a": strings.Repeat("x", maxClaimText+1)}, "listed null": {"a": []any{nil}},
	} {
		if _, _, err := keys.Create(KeySpec{Name: "x", Permissions: []string{"raw"}, Claims: claims}); nacre.CodeOf(err) != nacre.CodeInvalid {
			t.Errorf("%s: %v", name, err)
		}
	}
	// A record whose claims are changed is another one: who came with the old ones comes again.
	g, err := again.Authenticate(secret)
	if err != nil {
		t.Fatal(err)
	}
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for from, code := range map[string]nacre.Code{`"blue"`: wire.CodeUnauthorized, `"team"`: wire.CodeUnauthorized} {
		other := filepath.Join(t.TempDir(), "keys.json")
		if err := os.WriteFile(other, []byte(strings.Replace(string(text), from, `"green"`, 1)), 0o600); err != nil {
			t.Fatal(err)
		}
		changed, err := OpenKeys(other, nil)
		if err != nil {
			t.Fatal(err)
		}
		if err := changed.recheck(g); nacre.CodeOf(err) != code {
			t.Errorf("with another %s: %v", from, err)
		}
	}
	if err := again.recheck(g); err != nil {
		t.Error(err)
	}
	broken := filepath.Join(t.TempDir(), "keys.json")
	if err := os.WriteFile(broken, []byte(strings.Replace(string(text), `"blue"`, `{}`, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := OpenKeys(broken, nil); nacre.CodeOf(err) != nacre.CodeDamaged || !strings.Contains(err.Error(), "team") {
		t.Errorf("claims that are none: %v", err)
	}
}

func TestClaimsOfOthers(t *testing.T) {
	t.Parallel()
	j := &JWT{options: JWTOptions{PermissionsClaim: "permissions", Stores: []string{"*"}}}
	g, err := j.grant(jwt.MapClaims{"sub": "ann", "exp": 4e9, "scope": "entities", "team": "blue", "groups": []any{"a"}})
	if err != nil || !g.Has(Entities) || g.Has(Raw) {
		t.Fatalf("got %+v, %v", g, err)
	}
	if told := g.Told(); told["sub"] != "ann" || told["team"] != "blue" || !reflect.DeepEqual(told["groups"], []any{"a"}) {
		t.Errorf("told %v", told)
	}
	certified := &Grant{Kind: KindCertificate, Subject: "spiffe://x/y"}
	if told := certified.Told(); !reflect.DeepEqual(told, map[string]any{"sub": "spiffe://x/y"}) {
		t.Errorf("told %v", told)
	}
	// What is told is the caller's.
	certified.Claims = map[string]any{"a": "b"}
	certified.Told()["a"] = "c"
	if certified.Claims["a"] != "b" {
		t.Error("a grant was changed")
	}
}
