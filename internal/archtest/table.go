package archtest

// Module is the path of the module that the table is about.
const Module = "github.com/nacredb/nacre"

// Rule is a row of the table: what a package may import.
type Rule struct {
	// Package is a path inside the module, "." being the root. "x/..." is x and everything below it.
	// Where several rows fit a package, the longest one counts.
	Package string

	// May is what production code may import of the project, in the notation of Package; "..." is
	// everything. Packages that support tests and commands are never among it. The package itself
	// is always allowed to its own tests.
	May []string

	// Libs is what production code may import of other modules, in the same notation. Nothing unless given.
	Libs []string

	// Tests is what the package's _test files may import of the project beside May and the packages
	// that support tests.
	Tests []string

	// SupportsTests says that the package exists for tests: _test files anywhere may import it, and of
	// production code only packages that support tests as well.
	SupportsTests bool
}

// Everything is every package of the project, apart from commands.
const everything = "..."

// Libraries that more than one row names.
const (
	jsonLib      = "github.com/go-json-experiment/json/..."
	websocketLib = "github.com/coder/websocket/..."
	otelAPI      = "go.opentelemetry.io/otel/..."
	otelHash     = "github.com/cespare/xxhash/v2" // what otelAPI hashes attributes with
)

// Table is the rule about imports. Arrows point down: a package imports only what stands above its row.
// It names packages that are still to come, so that the rule is there before the code.
var Table = []Rule{
	// The vocabulary, and what stands beside it.
	{Package: ".", Libs: []string{"github.com/oklog/ulid/v2"}, Tests: []string{"storage/memstore", "storage/filestore"}},
	{Package: "decider"},
	{Package: "codec", May: []string{"."}, Libs: []string{jsonLib}},
	{Package: "query", May: []string{"."}},

	// The engine.
	{Package: "internal/vfs"},
	{Package: "internal/vfs/crashfs", May: []string{"internal/vfs"}, SupportsTests: true},
	{Package: "internal/line", May: []string{"."}},
	{Package: "internal/index", May: []string{"internal/vfs"}},
	{
		Package: "internal/segment",
		May:     []string{".", "internal/line", "internal/vfs"},
		Libs:    []string{"github.com/klauspost/compress/zstd"},
	},
	{
		// What others have written, for imports.
		Package: "internal/eventfold",
		May:     []string{".", "internal/vfs"},
		Libs:    []string{"github.com/klauspost/compress/zstd", jsonLib},
	},
	{Package: "internal/relay", May: []string{"."}}, // what relays to other systems share
	{Package: "internal/archtest"},
	{Package: "internal/meter"},
	{Package: "internal/component"},

	// Drivers: each its own technology.
	{
		Package:       "storage/storagetest",
		May:           []string{"."},
		Tests:         []string{"storage/memstore"},
		Libs:          []string{"pgregory.net/rapid", "github.com/anishathalye/porcupine", "go.uber.org/goleak"},
		SupportsTests: true,
	},
	{Package: "storage/memstore", May: []string{".", "internal/line"}},
	{
		Package: "storage/filestore",
		May:     []string{".", "internal/index", "internal/line", "internal/segment", "internal/vfs"},
		Tests:   []string{"storage/memstore"},
	},
	{Package: "storage/pgstore", May: []string{".", "internal/line"}, Libs: []string{"github.com/jackc/pgx/v5/..."}},
	{
		Package: "storage/natsstore",
		May:     []string{".", "internal/line"},
		Libs:    []string{"github.com/nats-io/nats-server/v2/...", "github.com/nats-io/nats.go/..."},
	},

	// The framework. Its three parts never import each other.
	{Package: "internal/runner", May: []string{"."}, Libs: []string{jsonLib}, Tests: drivers},
	{Package: "aggregate", May: []string{".", "codec", "decider"}, Libs: []string{otelAPI}, Tests: append([]string{"client", "server", "wire"}, drivers...)},
	{
		Package:       "aggregate/aggregatetest",
		May:           []string{".", "codec", "decider", "aggregate"},
		Tests:         drivers,
		Libs:          []string{"github.com/google/go-cmp/..."},
		SupportsTests: true,
	},
	{Package: "projection", May: []string{".", "codec", "decider", "internal/runner"}, Libs: []string{otelAPI}, Tests: drivers},
	{
		Package:       "projection/projectiontest",
		May:           []string{".", "codec", "projection"},
		SupportsTests: true,
	},
	{Package: "projection/sqlmodel", May: []string{".", "projection"}, Tests: append([]string{"projection/sqlite", "codec"}, drivers...)},
	{
		Package: "projection/sqlite",
		May:     []string{".", "projection", "projection/sqlmodel"},
		Libs:    []string{"modernc.org/sqlite/..."},
		Tests:   append([]string{"codec"}, drivers...),
	},
	{
		Package: "process",
		May:     []string{".", "codec", "decider", "internal/runner"},
		Libs:    []string{otelAPI},
		Tests:   append([]string{"aggregate"}, drivers...),
	},
	{Package: "wasm", May: []string{".", "codec", "decider", "aggregate", "internal/component", "internal/meter"}, Libs: []string{"github.com/tetratelabs/wazero/..."}, Tests: append([]string{"wasm/guest/probe"}, drivers...)},
	{
		// Modules and components for tests, of text.
		Package:       "wasm/wasmtest",
		Tests:         []string{"internal/component"},
		Libs:          []string{"github.com/tetratelabs/wazero/..."},
		SupportsTests: true,
	},
	{Package: "wasm/guest", May: []string{"decider", "wasm/guest/jsontext", "wasm/guest/reflected"}, Tests: []string{"wasm/guest/probe"}},
	{Package: "wasm/guest/jsontext"},
	{Package: "wasm/guest/reflected", May: []string{"wasm/guest/jsontext"}},
	{Package: "wasm/guest/codegen", May: []string{"wasm/guest", "wasm/guest/jsontext", "wasm/guest/reflected"}},
	{Package: "wasm/guest/codegen/shapes/...", May: []string{"wasm/guest/jsontext", "wasm/guest/reflected", "wasm/guest/codegen/shapes/..."}, Tests: []string{".", "codec"}, SupportsTests: true},
	{Package: "wasm/guest/probe/...", May: []string{"decider", "wasm/guest", "wasm/guest/probe"}},
	{Package: "wasm/build", May: []string{"wasm/guest/codegen"}, Tests: []string{"wasm"}},
	{Package: "wasm/modules", May: []string{".", "codec", "aggregate", "wasm"}, Tests: append([]string{"wasm/wasmtest", "decider"}, drivers...)},

	// Delivery: what makes events reach others.
	{Package: "consumer", May: []string{"."}, Tests: append([]string{"delivery"}, drivers...)},
	{Package: "delivery", May: []string{".", "consumer", "internal/runner", "query", "wire"}, Tests: drivers},
	{
		Package: "delivery/webhook",
		May:     []string{".", "delivery"},
		Tests:   append([]string{"consumer"}, drivers...),
	},
	{
		// What every kind owes.
		Package:       "delivery/deliverytest",
		May:           []string{".", "delivery"},
		SupportsTests: true,
	},
	{
		Package: "delivery/file",
		May:     []string{".", "delivery", "internal/relay", "internal/vfs"},
	},
	{
		// Relays: each its own technology.
		Package: "delivery/...",
		May:     []string{".", "delivery", "internal/relay"},
		Libs:    []string{"github.com/nats-io/nats.go/...", "github.com/gomodule/redigo/..."},
		Tests:   drivers,
	},

	// Merge streams.
	{Package: "entity/merge", May: []string{"."}}, // pure: it keeps nothing
	{Package: "entity/merge/kindtest", May: []string{".", "entity/merge"}, SupportsTests: true},
	{Package: "entity/reactor", May: []string{".", "query"}, Libs: []string{"github.com/tidwall/btree"}}, // pure, too
	{Package: "entity", May: []string{".", "query", "entity/merge", "entity/reactor"}, Tests: append([]string{"entity/memory", "entity/sqlite"}, drivers...)},
	{Package: "entity/memory", May: []string{".", "entity", "query"}},
	{
		// Its files are SQLite's; the lock, and what is done to files as a whole, are vfs's.
		Package: "entity/sqlite",
		May:     []string{".", "entity", "entity/merge", "query", "internal/vfs"},
		Libs:    []string{"modernc.org/sqlite/..."},
	},
	{
		// What all tables owe.
		Package:       "entity/tablestest",
		May:           []string{".", "entity", "entity/merge", "query"},
		SupportsTests: true,
	},
	{
		Package: "entity/...",
		May:     []string{".", "entity", "query"},
		Libs:    []string{"modernc.org/sqlite", "github.com/jackc/pgx/v5/..."},
		Tests:   drivers,
	},

	// The wire.
	{Package: "spec"},
	{Package: "wire", May: []string{".", "internal/line"}, Libs: []string{jsonLib}, Tests: []string{"spec", "storage/memstore"}},
	{
		// Its backups are files: made and synced through vfs.
		Package: "client",
		May:     []string{".", "consumer", "wire", "internal/line", "internal/vfs"},
		Libs:    []string{websocketLib},
		Tests:   []string{"server", "storage/memstore", "storage/filestore"},
	},
	{Package: "replication", May: []string{".", "wire"}, Libs: []string{websocketLib}, Tests: drivers},
	{
		// Who may do what. Its files are the operator's: the lock among writers and the durable rename are vfs's.
		Package: "server/access",
		May:     []string{".", "wire", "internal/vfs"},
		Libs:    []string{jsonLib, "github.com/golang-jwt/jwt/v5"},
	},
	{
		// Never storage: a server is given its stores.
		Package: "server/...",
		May: []string{
			".", "spec", "wire", "server/...", "internal/runner", "codec", "decider", "aggregate", "projection", "projection/sqlite", "process",
			"query", "entity/...", "replication", "client", "wasm", "wasm/modules", "consumer", "delivery", "delivery/webhook",
		},
		Libs: []string{
			websocketLib,
			otelAPI,
			"github.com/prometheus/client_golang/...",
			"github.com/golang-jwt/jwt/v5",
			"github.com/coreos/go-oidc/v3/oidc",
			"golang.org/x/crypto/acme/autocert",
		},
		Tests: append([]string{"wasm/wasmtest"}, drivers...),
	},

	// Where everything is wired, and programs that show or test the whole.
	{
		Package: "cmd/nacre",
		May:     []string{everything},
		Libs: []string{
			"github.com/spf13/cobra",
			"github.com/BurntSushi/toml",
			"github.com/schollz/progressbar/v3",
			"golang.org/x/term",
			otelAPI,
		},
	},
	{Package: "examples/...", May: []string{
		".", "codec", "decider", "aggregate", "projection/...", "process", "query", "entity/...", "replication",
		"storage/...", "wasm/...", "client", "server/...", "examples/...",
	}},
	{Package: "test/server", May: []string{everything}, Libs: []string{websocketLib, "github.com/gomodule/redigo/...", "github.com/nats-io/nats.go/..."}, SupportsTests: true},
	{Package: "test/...", May: []string{everything}, Libs: []string{"github.com/hanwen/go-fuse/v2/..."}, SupportsTests: true},
}

// drivers is what tests keep their events in.
var drivers = []string{"storage/memstore", "storage/filestore"}

// TestLibs is what _test files, and packages that support tests, may import of other modules beside Libs.
var TestLibs = []string{
	"github.com/anishathalye/porcupine",
	"github.com/cockroachdb/datadriven",
	"github.com/dop251/goja/...",
	"github.com/getkin/kin-openapi/...",
	jsonLib,
	"github.com/google/go-cmp/...",
	"github.com/jackc/pgx/v5/...",
	"github.com/nats-io/nkeys",
	"github.com/tetratelabs/wazero/...",
	"github.com/rogpeppe/go-internal/...",
	"github.com/standard-webhooks/standard-webhooks/...",
	"go.opentelemetry.io/otel/sdk/...",
	"go.uber.org/goleak",
	"modernc.org/sqlite",
	"pgregory.net/rapid",
}

// Program is a program of a user, as a rule about what it compiles.
type Program struct {
	// Name is what it is called in what is found.
	Name string
	// Imports is what it imports of this module.
	Imports []string
	// Libs is every package of other modules that it may compile, whoever imports it.
	Libs []string
}

// embedded is what an embedded store needs: ids, and zstd without the rest of its module.
var embedded = []string{
	"github.com/oklog/ulid/v2",
	"github.com/klauspost/compress",
	"github.com/klauspost/compress/fse",
	"github.com/klauspost/compress/huff0",
	"github.com/klauspost/compress/internal/...",
	"github.com/klauspost/compress/zstd/...",
}

// Programs are the programs that the rule about an embedded store is checked on: no database, broker,
// WebAssembly, command line or HTTP router comes with it.
var Programs = []Program{
	{
		Name:    "a program with an embedded store",
		Imports: []string{".", "storage/filestore"},
		Libs:    embedded,
	},
	{
		Name:    "a program with aggregates on an embedded store",
		Imports: []string{".", "aggregate", "storage/filestore"},
		Libs:    append([]string{jsonLib, otelAPI, otelHash}, embedded...),
	},
}

// Platforms are the values of GOOS that programs are checked for.
var Platforms = []string{"linux", "darwin", "windows"}
