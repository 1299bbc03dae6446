# make demo    the whole system on this machine, on a broker of its own
# make test    everything that is checked: format, lints, docs, tests
# make soak    faults under load, for long
# make bench   everything measured, into docs/benchmarks; QUICK=1 for a look of three minutes
# make deliveries how fast a channel delivers; ALDEBARAN_ENTRIES=10000000 with a full ledger
# make figures what a change of owner, an open book and a large topology cost
# make build   the programs, into target/release

# What continuous integration adds: `--config FILE`, so that it compiles faster. (Behind the subcommand:
# `cargo clippy` hands on only what stands there.)
CARGO_FLAGS =

.PHONY: bench build deliveries demo figures soak test

build:
	cargo build --release --workspace

demo:
	@tests/packages.sh demo
	@cargo build --release -p declare -p publisher -p auditor -p channel-boy -p demo
	@target/release/demo

# Four tests at a time also on two cores: they wait for brokers, too, and so none is idle.
test:
	tests/packages.sh test
	cargo fmt --all -- --check
	cargo build $(CARGO_FLAGS) --release --workspace
	cargo build $(CARGO_FLAGS) --release --workspace \
		--features channel-boy/crash-points,declare/crash-points \
		--bin channel-boy-crash-points --bin declare-crash-points
	cargo clippy $(CARGO_FLAGS) --release --workspace --all-targets -- -D warnings
	RUSTDOCFLAGS='-D warnings' cargo doc $(CARGO_FLAGS) --release --workspace --no-deps
	RUST_TEST_THREADS=$${RUST_TEST_THREADS:-4} cargo test $(CARGO_FLAGS) --release --workspace

# The same as a test of `make test`, which it runs for a short while.
soak: build
	tests/packages.sh test
	ALDEBARAN_SECONDS=$${ALDEBARAN_SECONDS:-60} ALDEBARAN_RATE=$${ALDEBARAN_RATE:-20000} \
		cargo test --release --workspace --test faults -- --nocapture

bench: build
	tests/packages.sh bench
	@target/release/benchmark $(if $(QUICK),--quick)

figures: build
	tests/packages.sh test
	target/release/figures
	target/release/declares
	cargo run --release --quiet -p book --example memory

deliveries: build
	tests/packages.sh test
	target/release/deliveries --repeats 3 --entries $${ALDEBARAN_ENTRIES:-0}
