# Each target first provides what it needs (tools/provision), so it works in a fresh checkout.

PYTHON ?= python3
DIST ?= dist
TARPAULIN_VERSION := 0.37.5
TARPAULIN := .provision/tarpaulin-$(TARPAULIN_VERSION)
CARGO_DEB_VERSION := 3.8.0
CARGO_DEB := .provision/cargo-deb-$(CARGO_DEB_VERSION)

# Cargo's own variable for another output directory.
TARGET := $(or $(CARGO_TARGET_DIR),target)
RUN := tools/run
# A quick file from each folder of Python tests, except `package`, which builds a wheel, and `matrix`.
CHECKED := aio/test_names api/test_transports deadlines/test_answers_in_time process/test_streams \
	security/test_command_port tools/test_claims values/test_scripted
# Most tests wait most of the time, so a few files can run in parallel even on few processors.
PYTEST := $(RUN) pytest --numprocesses 3 --dist loadfile
COVER := $(RUN) $(TARPAULIN)/bin/cargo-tarpaulin tarpaulin --engine llvm --locked --skip-clean \
	--target-dir $(TARGET)/tarpaulin --timeout 300 --fail-under 85
FUZZ := CARGO_TARGET_DIR=$(abspath $(TARGET))/fuzz $(RUN) fuzz/run
CAUSES := $(RUN) cargo run --quiet --package chrony-health --example causes
VERDICT := $(RUN) cargo run --quiet --package chrony-health --features schema --example schema
FIELDS := $(RUN) cargo run --quiet --package libchrony --example fields
GENERATE := $(RUN) cargo run --quiet --package chrony-report -- generate
# The duration of `make fuzz` and `make soak`.
MINUTES ?= 10
export PYTHON
# maturin configures PyO3 differently from plain cargo. With a shared folder, each would rebuild PyO3 after the other.
MATURIN_TARGET := $(TARGET)/maturin-build
# The extension module gets its Python symbols from the interpreter, with maturin and with plain cargo.
export PYO3_BUILD_EXTENSION_MODULE := 1
export RUSTDOCFLAGS := -D warnings

# The wheel is for glibc 2.17 and later, linked by zig, or for musl if the system has musl. zig would link its own
# unwinder into the wheel. CPython ends daemon threads with the system's unwinder, and would crash at exit.
GLIBC := $(shell getconf GNU_LIBC_VERSION 2>/dev/null)
WHEEL_FLAGS ?= $(if $(GLIBC),--zig --compatibility manylinux2014)
WHEEL_LINK ?= $(if $(GLIBC),-- -C link-arg=$(shell cc -print-file-name=libgcc_s.so.1))

.DEFAULT_GOAL := help
.NOTPARALLEL:
.DELETE_ON_ERROR:

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' Makefile

.PHONY: demo
demo: provision-demo extension ## Show what pychrony reads from private chronyds
	@cargo build --quiet --package testbed --package chrony-report
	@$(RUN) python tools/demo.py $(TARGET)/debug/testbed $(TARGET)/debug/chrony-report

.PHONY: test
test: provision-test lint build ## Run all lints, and all tests of Rust and Python
	cargo test --workspace --no-run
	@# At once, since both wait most of the time.
	PYCHRONY_TEST_DRIVER=asyncio $(PYTEST) --ignore=tests/package >$(TARGET)/asyncio.log 2>&1 & asyncio=$$!; failed=; \
		$(RUN) cargo test --workspace || failed=yes; \
		wait $$asyncio || failed=yes; cat $(TARGET)/asyncio.log; test -z "$$failed"
	$(FUZZ) 10
	$(PYTEST) --ignore=tests/package/test_report_wheel.py

.PHONY: test-field
test-field: provision-test ## Judge real chronyds in states from the field, in a minute
	@# At once, since each waits most of the time.
	$(RUN) cargo test --package chrony-health --test field -- --test-threads 8

.PHONY: check
check: provision-test extension ## Check format, clippy, types and a few tests, in a minute
	cargo fmt --all --check
	cargo clippy --workspace --all-targets --quiet -- -D warnings
	$(RUN) ruff format --check --quiet
	$(RUN) ruff check --quiet
	$(RUN) mypy
	cargo build --package testbed --quiet
	$(RUN) cargo test --workspace --lib --bins --quiet
	$(PYTEST) --quiet $(CHECKED:%=tests/%.py)

.PHONY: lint
lint: provision-test extension ## Check format, clippy, rustdoc, ruff, mypy, ledgers and prose
	cargo fmt --all --check
	cargo clippy --workspace --all-targets -- -D warnings
	cargo clippy --package chrony-health --test field --quiet -- -D warnings
	cargo fmt --manifest-path fuzz/Cargo.toml --check
	cargo clippy --manifest-path fuzz/Cargo.toml --target-dir $(TARGET)/fuzz --release --locked --quiet -- -D warnings
	cargo clippy --package libchrony --quiet -- -D warnings
	cargo doc --workspace --no-deps --all-features --quiet
	$(RUN) ruff format --check
	$(RUN) ruff check
	$(RUN) mypy
	$(RUN) basedpyright --verifytypes pychrony --ignoreexternal >$(TARGET)/types.log || { cat $(TARGET)/types.log; exit 1; }
	$(RUN) python tools/checks/claims.py
	$(RUN) python tools/checks/prose.py
	@$(FIELDS) | diff docs/fields.md - || { echo "docs/fields.md is stale; run: make fields" >&2; exit 1; }
	@$(CAUSES) | diff docs/causes.md - || { echo "docs/causes.md is stale; run: make fields" >&2; exit 1; }
	@$(VERDICT) | diff crates/chrony-health/verdict.schema.json - || \
		{ echo "the schema of the verdict is stale; run: make fields" >&2; exit 1; }
	@rm -rf $(TARGET)/generated && $(GENERATE) $(TARGET)/generated
	@diff -r docs/schemas $(TARGET)/generated/schemas || { echo "docs/schemas is stale; run: make fields" >&2; exit 1; }

.PHONY: fmt
fmt: provision-test ## Format all code, and fix what ruff can fix
	cargo fmt --all
	$(RUN) ruff check --fix-only
	$(RUN) ruff format

.PHONY: fields
fields: provision-test ## Generate docs/fields.md, docs/causes.md and the schemas
	@$(CAUSES) > $(TARGET)/causes.md
	mv $(TARGET)/causes.md docs/causes.md
	@$(VERDICT) > $(TARGET)/verdict.json
	mv $(TARGET)/verdict.json crates/chrony-health/verdict.schema.json
	@$(FIELDS) > $(TARGET)/fields.md
	mv $(TARGET)/fields.md docs/fields.md
	@rm -rf $(TARGET)/generated docs/schemas && $(GENERATE) $(TARGET)/generated
	mv $(TARGET)/generated/schemas docs/schemas

.PHONY: build
build: provision-test extension ## Build the extension module and all crates (debug)
	cargo build --workspace

.PHONY: wheel
wheel: provision-wheel ## Build the wheel, with libchrony inside, for Python 3.10+
	@rm -rf $(MATURIN_TARGET)/wheel
	$(RUN) maturin build --release --locked $(WHEEL_FLAGS) --target-dir $(MATURIN_TARGET) --out $(MATURIN_TARGET)/wheel \
		$(WHEEL_LINK)
	$(RUN) python tools/release/bundle_libchrony.py $(MATURIN_TARGET)/wheel/*.whl $(DIST)

.PHONY: report-wheel
report-wheel: provision-wheel ## Build a wheel of chrony-report, with libchrony inside
	@rm -rf $(MATURIN_TARGET)/report-wheel
	$(RUN) maturin build --manifest-path crates/chrony-report/Cargo.toml --profile command --locked $(WHEEL_FLAGS) \
		--target-dir $(MATURIN_TARGET) --out $(MATURIN_TARGET)/report-wheel
	$(RUN) python tools/release/bundle_libchrony.py $(MATURIN_TARGET)/report-wheel/*.whl $(DIST)

.PHONY: deb
deb: provision-wheel $(CARGO_DEB)/bin/cargo-deb ## Build a Debian package of chrony-report
	cargo build --package chrony-report --profile command --locked
	@rm -rf target/deb
	$(TARGET)/command/chrony-report generate target/deb
	cp .provision/libchrony/libchrony.so.0 target/deb
	$(CARGO_DEB)/bin/cargo-deb --package chrony-report --profile command --no-build --output $(DIST)/

.PHONY: sdist
sdist: provision-wheel ## Build the source distribution
	$(RUN) maturin sdist --out $(DIST)

.PHONY: bench
bench: provision-bench ## Measure against the raw library and pychrony 2.0.3
	$(RUN) maturin develop --release --locked --quiet --target-dir $(MATURIN_TARGET)
	$(RUN) python -m benches --write-docs

.PHONY: fuzz
fuzz: provision-test ## Send hostile replies through libchrony for MINUTES (10)
	$(FUZZ) $$(($(MINUTES) * 60))

.PHONY: soak
soak: provision-test build ## Read amid restarts, losses and signals for MINUTES (10)
	@# In memory, like /run. On a busy disk, chronyd and the creation of sockets would wait for other programs.
	TMPDIR=/dev/shm TESTBED_FOLDER=/dev/shm $(RUN) python -m soak --minutes $(MINUTES)

.PHONY: valgrind
valgrind: provision-valgrind build ## Look for memory errors and leaks, in Rust and Python
	tools/checks/valgrind

.PHONY: matrix
matrix: provision-matrix extension ## Test on Debian 13 and unstable: wheels, judgement (as root)
	rm -rf $(TARGET)/matrix/wheel
	$(MAKE) --no-print-directory wheel DIST=$(TARGET)/matrix/wheel
	cargo build --quiet --package testbed
	tools/systems/matrix $(TARGET)/matrix/wheel/*.whl "$$(cargo test --quiet --package chrony-health --test field \
		--no-run --message-format json | sed -n 's/.*"name":"field".*"executable":"\([^"]*\)".*/\1/p')"
	$(RUN) pytest tests/package/test_report_wheel.py
	$(MAKE) --no-print-directory try-deb

.PHONY: try-deb
try-deb: provision-matrix ## Test on Debian 13 and unstable: the Debian package (as root)
	rm -rf $(TARGET)/matrix/deb
	$(MAKE) --no-print-directory deb DIST=$(TARGET)/matrix/deb
	tools/systems/try_deb $(TARGET)/matrix/deb/*.deb

.PHONY: coverage
coverage: build $(TARPAULIN)/bin/cargo-tarpaulin ## Measure coverage: at least 85 % of Rust, 90 % of Python
	$(COVER) --packages libchrony --include-files 'crates/libchrony/src/*'; \
		status=$$?; rm -f build_rs_cov.profraw; exit $$status
	$(COVER) --packages chrony-health --packages chrony-report --include-files 'crates/chrony-health/src/*' \
		--include-files 'crates/chrony-report/src/*' --follow-exec; \
		status=$$?; rm -f build_rs_cov.profraw; exit $$status
	$(PYTEST) --cov --cov-report=term-missing --cov-fail-under=90 --ignore=tests/package

.PHONY: clean
clean: ## Remove everything that was built or provisioned here
	cargo clean
	rm -rf fuzz/target fuzz/found fuzz/artifacts dist .venv .provision python/pychrony/*.so
	rm -rf .coverage .pytest_cache .mypy_cache .ruff_cache .hypothesis
	find python tests soak tools benches -type d -name __pycache__ -exec rm -rf {} +

# --- Shared steps --------------------------------------------------------------------------------------------------

.PHONY: provision-demo provision-wheel provision-test provision-bench provision-valgrind provision-matrix
provision-demo provision-wheel provision-test provision-bench provision-valgrind provision-matrix:
	@tools/provision $(@:provision-%=%)

.PHONY: extension
extension:
	@$(RUN) maturin develop --locked --quiet --target-dir $(MATURIN_TARGET)

$(TARPAULIN)/bin/cargo-tarpaulin:
	cargo install cargo-tarpaulin --version $(TARPAULIN_VERSION) --locked --quiet \
		--root $(TARPAULIN) --target-dir $(TARPAULIN)/build
	rm -rf $(TARPAULIN)/build

$(CARGO_DEB)/bin/cargo-deb:
	cargo install cargo-deb --version $(CARGO_DEB_VERSION) --locked --quiet \
		--root $(CARGO_DEB) --target-dir $(CARGO_DEB)/build
	rm -rf $(CARGO_DEB)/build
