package modulehost_test

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/nacredb/nacre"
	"github.com/nacredb/nacre/wasm/wasmtest"
	"github.com/nacredb/nacre/wire"
)

const (
	module = "/modules/light"
	a      = "/aggregates/light/a"
	on     = a + "/commands/on"
)

// light describes an aggregate of one command and one event.
func light(members string) string {
	return `{"name":"light","commands":{"on":{}},"events":{"light.on":{}}` + members + `}`
}

func TestTheLifeOfAModule(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.get("/modules").is(200).has(`[]`, "modules")
	h.get(module).refused(nacre.CodeNotFound, "light")
	h.post(on, `{}`).refused(wire.CodeUnknownCommand, "light")
	h.get(a).refused(wire.CodeUnknownCommand, "light")

	one := wasmtest.Guest{Description: light("")}.Build(t)
	dry := h.put(module+"?dryRun=true", one).is(200).has("true", "dryRun").has("true", "new").has("false", "version", "active")
	dry.has("", "version", "publishedAt").has("", "module", "changedAt").has("0", "module", "versions")
	h.get(module).refused(nacre.CodeNotFound)

	done := h.put(module+"?memory=1048576&runningMs=500", one).is(201).has("true", "new").has("1", "version", "version").has("true", "version", "active")
	done.has(`{"memory":1048576,"runningMs":500}`, "version", "limits").has("1", "module", "active").has(`"open:anybody"`, "version", "actor")
	if got := done.header.Get("Location"); got != store+module {
		t.Errorf("it is at %q", got)
	}
	h.put(module+"?memory=1048576&runningMs=500", one).is(200).has("false", "new").has("1", "version", "version")
	if got := h.get(module + "/versions/1").is(200); string(got.body) != string(one) || got.header.Get("Content-Type") != typeWasm {
		t.Errorf("the binary is another one: %d bytes, %s", len(got.body), got.header.Get("Content-Type"))
	}

	h.post(on, `{"payload":{},"commandId":"c-1"}`).is(201).has("1", "state").has("0", "version").has(`"light-a"`, "streamId")
	h.post(on, `{"payload":{},"commandId":"c-1"}`).is(200).has("true", "duplicate")
	h.post(on, `{"expectedVersion":5}`).refused(nacre.CodeVersionConflict)
	h.post(a+"/commands/off", `{}`).refused(wire.CodeUnknownCommand, `\"off\"`, "it takes on")
	h.get(a).is(200).has("1", "state").has("0", "version").has("1", "globalPosition")
	h.get("/aggregates/light/nobody").is(200).has("1", "state").has("-1", "version")
	h.get(a + "?version=7").refused(nacre.CodeNotFound)

	h.put(module, wasmtest.Guest{Description: light(""), State: "2"}.Build(t)).refused(wire.CodeModuleRefused, "light-a", "schemaVersion", `"reasons":["`, `"module":"light"`)
	h.put(module, []byte("no module")).refused(wire.CodeModuleRefused, `"reasons":["`)
	h.put("/modules/dark", one).refused(wire.CodeModuleRefused, `"module":"dark"`)
	h.put("/modules/no-name", one).refused(nacre.CodeInvalid, "name")
	h.put(module+"?memory=0", one).refused(nacre.CodeInvalid, "memory")
	h.do("PUT", module, "").refused(nacre.CodeInvalid, "body")

	h.put(module, wasmtest.Guest{Description: light(`,"schemaVersion":2`), State: "2"}.Build(t)).is(201).has("2", "module", "active")
	h.post(on, `{}`).is(201).has("2", "state")
	h.get(module+"/diff").is(200).has("1", "from").has("2", "to")
	h.get(module + "/diff?from=9").refused(nacre.CodeNotFound)
	h.post(module+"/rollback", "").is(200).has("1", "active")
	h.get(a).is(200).has("1", "state")
	h.post(module+"/rollback", `{"version":2}`).is(200).has("2", "active")
	h.post(module+"/rollback", `{"version":7}`).refused(nacre.CodeNotFound)
	h.post(module+"/pin", `{"version":1}`).is(200).has("true", "pinned").has("1", "active")
	pinned := h.put(module, wasmtest.Guest{Description: light(""), Note: "3"}.Build(t)).is(201)
	pinned.has("false", "version", "active").has("1", "module", "active").has("3", "version", "version")
	h.do("DELETE", module+"/pin", "").is(200).has("false", "pinned").has("3", "active")
	h.get(module + "/versions").is(200)
	h.get("/modules").is(200)
	h.do("DELETE", module, "").is(200).has("true", "retired").has("0", "active")
	h.post(on, `{}`).refused(wire.CodeUnknownCommand, "retired")
	h.get(a).refused(wire.CodeUnknownCommand, "retired")
	h.post(module+"/pin", "").refused(nacre.CodeInvalid, "version")
	h.get(module).is(200).has("true", "retired")
	h.put(module+"?memory=1048576&runningMs=500", one).is(200).has("1", "module", "active")
	h.post(on, `{}`).is(201)
}

func TestAComponentOfThaloOverHTTP(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.put("/modules/counter", wasmtest.Counter(t, wasmtest.Agg)).is(201).has("true", "version", "description", "open")
	added := h.post("/aggregates/counter/ann/commands/Add", `{"payload":4}`).is(201)
	if strings.Contains(string(added.body), `"state"`) {
		t.Errorf("a state is told: %s", added.body)
	}
	h.get("/aggregates/counter/ann").refused(wire.CodeStateNotAvailable, "counter")
	h.get("/aggregates/counter/nobody").refused(wire.CodeStateNotAvailable, "counter")
}

// secret is what a guest logs, by every way there is.
const secret = "the-safe-opens-with-1234"

// talkative is a guest that logs a secret whatever it is asked for, and does something.
func talkative(t *testing.T, decide, evolve string) []byte {
	t.Helper()
	description := light("")
	lines := `{\"message\":\"` + secret + `\"}`
	n := len(`{"message":"` + secret + `"}`)
	return wasmtest.Assemble(t, fmt.Sprintf(`
	(module
	  (import "nacre" "log" (func $log (param i32 i32 i32)))
	  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
	  (memory (export "memory") 2)
	  (data (i32.const 1024) "%s") (data (i32.const 2048) "%s")
	  (data (i32.const 4096) "{\"error\":{\"code\":\"DOMAIN\",\"message\":\"no\"}}")
	  (data (i32.const 5120) "{\"events\":[{\"type\":\"light.on\",\"data\":{}}],\"state\":1}")
	  (data (i32.const 6144) "{\"state\":1}")
	  (data (i32.const 7168) "{\"error\":{\"code\":\"INTERNAL\",\"message\":\"no\"}}")
	  (data (i32.const 8192) "nonsense")
	  (func $say
	    (call $log (i32.const 8) (i32.const 2048) (i32.const %d))
	    (i32.store (i32.const 16) (i32.const 2048))
	    (i32.store (i32.const 20) (i32.const %d))
	    (drop (call $write (i32.const 2) (i32.const 16) (i32.const 1) (i32.const 24))))
	  (func (export "nacre_abi") (result i32) (i32.const 1))
	  (func (export "nacre_alloc") (param $size i32) (result i32) (i32.const 32768))
	  (func (export "nacre_describe") (result i64) (call $say) (i64.const %d))
	  (func (export "nacre_decide") (param $p i32) (param $n i32) (result i64) (call $say) %s)
	  (func (export "nacre_evolve") (param $p i32) (param $n i32) (result i64) (call $say) %s))`,
		strings.ReplaceAll(description, `"`, `\"`), lines, n, n, place(1024, len(description)), decide, evolve))
}

func place(at, length int) int64 { return int64(at)<<32 | int64(length) }

func reply64(at int, text string) string { return fmt.Sprintf("(i64.const %d)", place(at, len(text))) }

// What a guest logs is for operators: it stands in the server's log, and in no reply.
func TestWhatAGuestLoggedIsInNoReply(t *testing.T) {
	t.Parallel()
	h := newHarness(t)
	h.put(module, talkative(t, "(i64.const 0)", "(i64.const 0)")[:200]).refused(wire.CodeModuleRefused)
	state := reply64(6144, `{"state":1}`)
	for what, c := range map[string]struct {
		decide string
		code   nacre.Code
	}{
		"events":         {reply64(5120, `{"events":[{"type":"light.on","data":{}}],"state":1}`), ""},
		"a refusal":      {reply64(4096, `{"error":{"code":"DOMAIN","message":"no"}}`), wire.CodeDomain},
		"an error":       {reply64(7168, `{"error":{"code":"INTERNAL","message":"no"}}`), wire.CodeModuleFailed},
		"nonsense":       {reply64(8192, "nonsense"), wire.CodeModuleReply},
		"a trap":         {"unreachable", wire.CodeModuleTrapped},
		"a loop":         {"(loop $again (br $again)) unreachable", nacre.CodeDeadline},
		"all the memory": {"(loop $more (br_if $more (i32.ne (memory.grow (i32.const 1)) (i32.const -1)))) unreachable", wire.CodeModuleMemory},
	} {
		h.put(module+"?runningMs=50&memory=1048576", talkative(t, c.decide, state)).is(201)
		done := h.post(on, `{}`)
		if c.code == "" {
			done.is(http.StatusCreated)
		} else {
			done.refused(c.code)
		}
		if !strings.Contains(h.log.String(), secret) {
			t.Errorf("%s: what the guest logged is not in the server's log", what)
		}
		h.get(a).is(200)
		h.get(module).is(200)
		h.get("/aggregates/light/nobody").is(200)
	}
	h.post(a+"/commands/off", `{}`).refused(wire.CodeUnknownCommand)
	// Nor in the reasons of a refusal: a test of its own that fails, a stream that it does not read.
	h.put(module, wasmtest.WithSection(talkative(t, "unreachable", state), "nacre:tests", `[{"name":"x","when":{"command":"on"},"then":{}}]`)).refused(wire.CodeModuleRefused)
	h.put(module, talkative(t, "unreachable", "unreachable")).refused(wire.CodeModuleRefused, "light-a")
	if strings.Contains(h.seen.String(), secret) {
		t.Errorf("a reply tells what the guest logged: %s", h.seen.String())
	}
}
