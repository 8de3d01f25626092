# One command each; nothing is installed outside the checkout. Needs Python 3.11 or newer.
# The first Python here that is new enough; another one: make PYTHON=/path/to/python ...
PYTHON ?= $(shell for python in python3 python3.11 python3.12 python3.13 python; do \
  $$python -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2> /dev/null && echo $$python && break; done)
VENV := .venv
BIN := $(VENV)/bin
# In one command: npm removes whatever it is not told of. The tests compare rules with Microsoft's own parser.
NODE_PACKAGES := azurite@3.37.0 @kusto/language-service-next@12.4.1
BENCH_MB ?= 200
STREAMING := bench-out/streaming-kql
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet
# Explicitly: where PYTHONDONTWRITEBYTECODE is set, every start would compile the program anew.
COMPILE := $(BIN)/python -m compileall -q stream_detector
# Which packages the installed environment was made from; tests install more than the demo.
RUNTIME := $(VENV)/.runtime
DEVELOP := $(VENV)/.develop

.DEFAULT_GOAL := help
.PHONY: help venv develop node demo run test check bench lock clean

help: ## this list
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "make %-8s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

venv: $(RUNTIME) ## the program and what it needs, in .venv

develop: $(DEVELOP) ## the same with everything the checks need

$(BIN)/python:
	@test -n "$(PYTHON)" && "$(PYTHON)" -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "make: Python 3.11 or newer is needed; say where it is: make PYTHON=/path/to/python ..." >&2; exit 1; }
	@$(PYTHON) -c 'import ensurepip, venv' || \
	  { echo "make: $(PYTHON) cannot make environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	@echo "make: creating $(VENV) with $(PYTHON); this is done once and takes a few seconds" >&2
	@$(PYTHON) -m venv $(VENV)

$(RUNTIME): requirements.lock pyproject.toml | $(BIN)/python
	@echo "make: installing the locked packages" >&2
	@$(PIP) install --require-hashes --only-binary :all: -r requirements.lock
	@$(PIP) install --no-deps --no-build-isolation -e .
	@touch $@

$(DEVELOP): requirements-dev.lock $(RUNTIME)
	@echo "make: installing what the checks need" >&2
	@$(PIP) install --require-hashes --only-binary :all: -r requirements-dev.lock
	@touch $@

# Tests against Blob storage and against Microsoft's parser need these. Without npm they skip and say so;
# with CI=true they fail.
node_modules/.installed: Makefile
	@if command -v npm > /dev/null; then \
	  npm install --no-save --no-package-lock --no-audit --no-fund --loglevel=error --prefix . $(NODE_PACKAGES) && \
	    touch $@ || echo "make: npm could not install; the tests that need its packages will skip" >&2; \
	else echo "make: no npm; the tests that need its packages will skip" >&2; fi

node: node_modules/.installed

demo: $(RUNTIME) ## the product in fifteen seconds: a hub, a stream with attacks, alerts
	@$(BIN)/stream-detector demo

run: $(RUNTIME) ## the service with config from the environment; the embedded hub without Azure settings
	@$(BIN)/stream-detector run

test: $(DEVELOP) node ## all tests
	$(BIN)/python -m pytest -q -n 4 --dist loadfile

# Comparisons with other engines are left out of the coverage, which would make them take twice as long.
# To mypy a second conftest.py is a second module of that name, so those below are checked one by one.
check: $(DEVELOP) node ## what CI runs: format, lint, types, tests with coverage
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/mypy --exclude '^tests/.+/conftest\.py$$'
	@for fixtures in tests/*/conftest.py; do test ! -e $$fixtures || $(BIN)/mypy $$fixtures || exit 1; done
	$(BIN)/python -m pytest -q -n 4 --dist loadfile --ignore tests/oracle --cov --cov-report=term
	$(BIN)/python -m pytest -q -n 4 --dist loadfile tests/oracle

bench: $(DEVELOP) $(STREAMING)/bin/python ## send to alert, replay against a plain loop, RULE 15 against other ways to run it
	$(COMPILE)
	PYTHONPATH=tests $(BIN)/python tests/bench/latency.py
	PYTHONPATH=.:tests $(BIN)/python tests/bench/compiled_rule.py --streaming-kql $(STREAMING)/bin/python
	$(BIN)/python tests/bench/bench.py --mb $(BENCH_MB)

# Another way to run KQL on a stream, in an environment of its own: it is compared with and never imported.
$(STREAMING)/bin/python: | $(BIN)/python
	@$(BIN)/python -m venv $(STREAMING)
	@$(STREAMING)/bin/python -m pip --disable-pip-version-check --quiet install streaming-kql==0.0.2

lock: ## both lock files anew, with hashes (needs uv)
	tools/lock

clean: ## everything that make has made
	rm -rf $(VENV) node_modules bench-out build dist state .mypy_cache .ruff_cache .pytest_cache .hypothesis .coverage
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
