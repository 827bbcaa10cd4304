# What a contributor runs. `make` alone lists it.

GO      ?= go
SEEDS   ?= 50
SOAK    ?= 10m
FUZZ    ?= 20s
GRAPHS  ?= 1000000
CASES   ?= 3000000

# What the race detector looks at: everything, or, in make test, the packages where goroutines meet. Those of DETECTED
# have no test that means something else without it, and are tested under it only.
RACED    ?= ./...
DETECTED = ./aggregate/... ./client ./consumer ./delivery ./entity ./internal/index ./internal/runner ./internal/vfs ./process ./projection/... ./storage/...
MEETING  = . ./server/... $(DETECTED)

# The linters have a module of their own, so that go.mod has nothing of them.
TOOL = $(GO) tool -modfile=$(CURDIR)/tools/go.mod

.DEFAULT_GOAL := help
.PHONY: help test race sdk wasm wasm-rust wasm-assemblyscript lint format tidy fuzz query-fuzz bench bench-large soak merge-graphs build clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-20s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

test: ## vet and test everything, in under five minutes; needs nothing but Go
	$(GO) vet ./...
	@packages=$$($(GO) list ./...); \
	if command -v "$$($(GO) env CC)" >/dev/null; then \
		packages=$$(echo "$$packages" | grep -vxF "$$($(GO) list $(DETECTED))"); \
	fi; \
	echo "$(GO) test -short (what is not tested under the race detector below)"; \
	$(GO) test -short -timeout=10m $$packages
	@$(MAKE) --no-print-directory race RACED='$(MEETING)'
	@$(MAKE) --no-print-directory sdk

race: ## test with the race detector, which needs a C compiler
	@if command -v "$$($(GO) env CC)" >/dev/null; then \
		echo "CGO_ENABLED=1 $(GO) test -race -short -timeout=10m $(RACED)"; \
		CGO_ENABLED=1 $(GO) test -race -short -timeout=10m $(RACED); \
	else \
		echo "race: SKIPPED: the race detector needs a C compiler, and $$($(GO) env CC) is not here"; \
	fi

sdk: ## build the TypeScript client and test it against this server; needs Node 20 and npm
	@if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
		echo "sdk: SKIPPED: building the TypeScript client needs node and npm, which are not here"; \
	elif [ "$$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then \
		echo "sdk: SKIPPED: the TypeScript client needs Node 20 or later, and $$(node --version) is here"; \
	else \
		cd sdk/typescript && \
		if npm ci; then npm run build && GO='$(GO)' npm test; \
		elif npm ping >/dev/null 2>&1; then exit 1; \
		else echo "sdk: SKIPPED: the packages that build the TypeScript client cannot be fetched"; fi; \
	fi

# The modules of the examples, by name, and the folders that they are made of.
MODULES = counter=examples/counter/wasm account=examples/bank/wasm/account transfer=examples/bank/wasm/transfer \
	todos=examples/todos/wasm probe=wasm/guest/probe/module \
	counter-rust=sdk/rust/examples/counter counter-assemblyscript=sdk/assemblyscript/examples/counter

wasm: build ## build the examples' WebAssembly modules into dist/wasm; those in Rust and AssemblyScript where their tools are
	@mkdir -p dist/wasm
	@set -e; for m in $(MODULES); do \
		name=$${m%%=*}; folder=$${m#*=}; \
		if [ -f $$folder/Cargo.toml ] && ! command -v cargo >/dev/null; then \
			echo "wasm: SKIPPED: $$name needs cargo, which is not here"; \
		elif [ -f $$folder/asconfig.json ] && ! command -v npm >/dev/null; then \
			echo "wasm: SKIPPED: $$name needs node and npm, which are not here"; \
		else \
			if [ -f $$folder/asconfig.json ] && [ ! -d sdk/assemblyscript/node_modules/@nacredb ]; then \
				(cd sdk/assemblyscript && npm ci --silent && npm run --silent build); \
			fi; \
			./nacre wasm build $$folder -o dist/wasm/$$name.wasm; \
		fi; \
	done

wasm-rust: ## test the guest SDK for Rust, and what is built with it; needs cargo and Rust's target wasm32-unknown-unknown
	@if ! command -v cargo >/dev/null || ! command -v rustc >/dev/null; then \
		echo "wasm-rust: SKIPPED: the guest SDK for Rust needs cargo, which is not here"; \
	elif [ ! -d "$$(rustc --print target-libdir --target wasm32-unknown-unknown 2>/dev/null)" ]; then \
		echo "wasm-rust: SKIPPED: the target wasm32-unknown-unknown is not here: rustup target add wasm32-unknown-unknown"; \
	else \
		(cd sdk/rust && cargo test --offline --locked) && \
		(cd sdk/rust/examples/counter && cargo test --offline --locked) && \
		$(GO) test -short -run '/rust' ./test/guests; \
	fi

wasm-assemblyscript: ## test the guest SDK for AssemblyScript, and what is built with it; needs Node 20 and npm
	@if ! command -v node >/dev/null || ! command -v npm >/dev/null; then \
		echo "wasm-assemblyscript: SKIPPED: the guest SDK for AssemblyScript needs node and npm, which are not here"; \
	elif [ "$$(node -p 'process.versions.node.split(".")[0]')" -lt 20 ]; then \
		echo "wasm-assemblyscript: SKIPPED: the guest SDK for AssemblyScript needs Node 20 or later, and $$(node --version) is here"; \
	elif (cd sdk/assemblyscript && npm ci); then \
		(cd sdk/assemblyscript && npm run build && npm test) && \
		$(GO) test -short -run '/assemblyscript' ./test/guests; \
	elif npm ping >/dev/null 2>&1; then exit 1; \
	else echo "wasm-assemblyscript: SKIPPED: the compiler cannot be fetched"; fi

lint: ## run the linters of .golangci.yml; the first time builds them, which takes minutes
	$(TOOL) golangci-lint run
	cd bench && $(TOOL) golangci-lint run --config=$(CURDIR)/.golangci.yml

format: ## format all Go files
	$(TOOL) gofumpt -w .

tidy: ## tell whether go.mod and go.sum are as go mod tidy would write them
	$(GO) mod tidy -diff
	cd bench && $(GO) mod tidy -diff
	cd tools && $(GO) mod tidy -diff

fuzz: ## run each fuzz target for FUZZ (20s)
	@set -e; for package in $$($(GO) list ./...); do \
		listed=$$($(GO) test -list '^Fuzz' $$package); \
		for target in $$(echo "$$listed" | grep '^Fuzz' || true); do \
			echo "$$package $$target"; \
			$(GO) test -run '^$$' -fuzz "^$$target$$" -fuzztime $(FUZZ) $$package; \
		done; \
	done

query-fuzz: ## have both engines of the query language answer CASES (3000000) random queries; twenty minutes
	$(GO) test ./query -count=1 -timeout=0 -run '^TestEnginesAgree$$' -v -cases=$(CASES)

bench: ## measure the store beside a bare loop and its peers; writes bench/RESULTS.md, takes ten minutes
	cd bench && $(GO) run .

bench-large: ## the same, and a log of 20 million events: ten minutes more, and 16 GB
	cd bench && $(GO) run . -large

soak: ## run all tests in full, SEEDS (50) times the seeds, kills and crashes for SOAK (10m) each
	NACRE_SEEDS=$(SEEDS) NACRE_SOAK=$(SOAK) $(GO) test -count=1 -timeout=0 ./...

merge-graphs: ## compare merges of GRAPHS (1000000) random graphs with an oracle: ten minutes of two processors
	GOGC=400 NACRE_GRAPHS=$(GRAPHS) $(GO) test -count=1 -timeout=0 -run '^TestLaw$$' ./entity/merge

build: ## build the binary, ./nacre
	CGO_ENABLED=0 $(GO) build -trimpath -o nacre ./cmd/nacre

clean: ## remove what was built
	rm -rf nacre dist bench/bench
