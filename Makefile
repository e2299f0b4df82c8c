# Penstock: `make demo` shows it, `make check` proves it. Both do their own set-up in .venv.
# The machine needs Python 3.11 or later with venv (Debian: python3-venv), make and git; nothing else.

PYTHON ?= $(shell command -v python3.11 || command -v python3 || echo python3)
VENV   := .venv
BIN    := $(VENV)/bin
ARGS   ?=

.DEFAULT_GOAL := help
.PHONY: help setup demo check format test bench clean

help:  ## this list
	@grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z]+):.*## */  make \1|/' | column -t -s '|' 2>/dev/null \
	  || grep -hE '^[a-z]+:.*##' $(MAKEFILE_LIST)

setup: $(VENV)/.installed  ## virtual environment with the locked dependencies

# The lock decides: dependencies are installed again only when it changes.
$(VENV)/.locked: requirements.lock
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
	  { echo "Penstock needs Python 3.11 or later; $(PYTHON) is older or missing. Try: make PYTHON=/path/to/python3.11" >&2; exit 1; }
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || \
	  { echo "No virtual environment could be made. On Debian: apt install python3-venv" >&2; rm -rf $(VENV); exit 1; }
	@echo "Installing the locked dependencies into $(VENV) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes -r requirements.lock
	@touch $@

$(VENV)/.installed: $(VENV)/.locked pyproject.toml
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-deps -e .
	@touch $@

demo: setup  ## 541,909 real transactions through bronze, silver and gold into Delta tables (ARGS="--dirt 2")
	@$(BIN)/penstock demo $(ARGS)

check: setup  ## lint, types and every test: what the build server runs
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/pytest -n auto $(ARGS)

format: setup  ## let ruff put the code into its form
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

test: setup  ## the tests alone (ARGS="-k windows")
	$(BIN)/pytest -n auto $(ARGS)

bench: setup  ## figures beside a rival's, on the same bytes
	@for each in benchmarks/bench_*.py; do echo "== $$each"; $(BIN)/python $$each $(ARGS) || exit 1; done

clean:  ## take away what make and the demo wrote
	rm -rf $(VENV) .penstock .mypy_cache .ruff_cache .pytest_cache .hypothesis *.egg-info
