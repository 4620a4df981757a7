# The one door: for people and for CI.

CARGO ?= cargo

.PHONY: run demo gauntlet install static example-dashboard example-annotate example-chat test lint bench chaos servers soak fuzz test-deps clean

run: ## Build and start the gateway with the embedded broker, on http://localhost:8080/
	$(CARGO) run --release -p gateway -- serve

demo: ## An uptime dashboard with all that is behind it, on http://localhost:8080/
	$(CARGO) run --release -p gateway -- demo

gauntlet: test-deps ## Fanfare beside Socket.IO and Node by hand while you break things, on http://localhost:8070/
	$(CARGO) build --release -p gateway
	@node gauntlet/run.js

install: ## Puts fanfare into ~/.cargo/bin
	$(CARGO) install --locked --path crates/gateway

static: ## A binary that needs nothing but Linux, in target/static; needs rustup and musl-tools
	rustup target add $$(uname -m)-unknown-linux-musl
	$(CARGO) build --release --locked -p gateway --target $$(uname -m)-unknown-linux-musl
	@mkdir -p target/static
	strip -o target/static/fanfare target/$$(uname -m)-unknown-linux-musl/release/fanfare

example-dashboard: ## A dashboard whose transport is chosen by a select box: bytes and latency of each
example-annotate: ## Several people annotate one document: cursors, notes, who is there
example-chat: ## Rooms, history, who is there, and messages that are sent once
example-dashboard example-annotate example-chat: example-%: clients/js/dist/index.js
	$(CARGO) build --release -p gateway
	@node examples/run.js $*

# The browser client, built where it is missing or older than its sources.
clients/js/dist/index.js: clients/js/node_modules/installed-lock.json $(wildcard clients/js/*.json clients/js/src/*)
	cd clients/js && npm run --silent build
	@touch $@

clients/js/node_modules/installed-lock.json: clients/js/package-lock.json
	cd clients/js && npm ci --loglevel=error --no-audit --no-fund
	@cp $< $@

test: test-deps ## Install what the tests need if it is missing, then run everything
	$(CARGO) build -p gateway
	@if $(CARGO) nextest --version >/dev/null 2>&1; then $(CARGO) nextest run --workspace; \
	else $(CARGO) test --workspace; fi
	cd clients/js && npm test
	cd examples && npm test
	cd gauntlet && npm test

lint: test-deps ## Formatting, lints; licences, versions and sources of dependencies
	$(CARGO) fmt --all --check
	$(CARGO) clippy --workspace --all-targets -- -D warnings
	@$(CARGO) deny --version >/dev/null 2>&1 || $(CARGO) install cargo-deny --locked --no-default-features --quiet
	$(CARGO) deny --log-level error check bans licenses sources
	cd clients/js && npm run lint
	cd examples && npm run lint
	cd gauntlet && npm run lint

bench: ## The load generator and the comparison with the floor and with peers
	$(CARGO) build --release -p gateway -p bench
	target/release/bench $(BENCH)

chaos: ## Faults on purpose, on both brokers; CHAOS="--quick" or "--scenario redis-killed" for less
	$(CARGO) build --release -p gateway -p chaos
	target/release/chaos $(CHAOS)

fuzz: ## What comes from outside as bytes, for a minute each, SECONDS_EACH=600 for longer; needs rustup's nightly and cargo-fuzz
	tests/fuzz.sh $(FUZZ)

servers: test-deps ## The tests that speak to Redis, on Redis 6.2 and 8 and Valkey 8 and 9
	tests/servers.sh $(SERVERS)

soak: ## Ten minutes of steady load with churn: memory, descriptors and threads must stay
	$(CARGO) build --release -p gateway -p chaos
	target/release/chaos soak $(SOAK)

test-deps:
	@tests/install.sh

clean:
	$(CARGO) clean
