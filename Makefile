# What runs and is measured is a release build; what is checked is the profile `quick` (Cargo.toml).
CARGO_FLAGS := --release --ignore-rust-version
CHECK_FLAGS := --profile quick --ignore-rust-version

.PHONY: run build web test long bench lint fmt clean

## Builds what changed and starts the server on ./data (or SIGNET_DATA_DIR).
run: build
	@scripts/run.sh

## Leaves target/release/signet.
build: web
	cargo build $(CARGO_FLAGS) -p signet-server

web:
	@scripts/web.sh

## Every check there is; also installs the Debian packages that the tests need.
test:
	@scripts/test.sh

## Hostile input and hard stops for about two hours; what `make test` does of them is short.
long: web
	@scripts/long.sh

## Measures this build against the limits of this machine.
bench: build
	cargo xtask bench

lint: web
	cargo fmt --all --check
	cargo clippy $(CHECK_FLAGS) --workspace --all-targets -- -D warnings
	cargo xtask tidy

fmt:
	cargo fmt --all

clean:
	cargo clean
	rm -rf web/dist web/node_modules tests/node_modules tests/load/peer/node_modules
