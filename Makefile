# Needs make, a Python of 3.11 or later with its venv module, and the package index.
# Everything else is installed below this directory; `make clean` removes it again.

.DEFAULT_GOAL := help
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DELETE_ON_ERROR:
export PIP_DISABLE_PIP_VERSION_CHECK = 1
export NO_MKDOCS_2_WARNING = 1
export BROKER_TEST_KERNEL = $(CURDIR)/.venv-kernel/bin/python

# The Python for the virtual environments. Default: the first of these that is new enough.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11 python3.14; do \
	$$name -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null \
	&& echo $$name && break; done)
PYTEST_ARGS ?=
# Many tests wait, for a disk, a process or a lease: one process more than cores uses these fully.
PROCESSES := --numprocesses=$$(($$(getconf _NPROCESSORS_ONLN) + 1)) --maxprocesses=4
DEMO_ARGS ?=
BENCH_ARGS ?=
UV := .venv-lock/bin/uv

BIN := .venv/bin
PROJECT := .venv/.installed
KERNEL := .venv-kernel/.installed
BENCH := .venv-bench/.installed

.PHONY: help
help:  ## This list
	@sed -nE 's/^([a-z-]+):.*## (.*)/  make \1\t\2/p' Makefile | expand -t 20

.PHONY: demo
demo: $(PROJECT) $(KERNEL)  ## A notebook with real data, from request to result
	@$(BIN)/python examples/polar-motion/demo.py $(DEMO_ARGS)

.PHONY: test
test: $(PROJECT) $(KERNEL)  ## The tests; PYTEST_ARGS="..." is handed to pytest
	$(BIN)/python -m pytest $(PROCESSES) --dist=loadfile --no-loadscope-reorder $(PYTEST_ARGS)

.PHONY: soak
soak: $(PROJECT) $(KERNEL)  ## The long forms of the tests that have one; takes PYTEST_ARGS too
	$(BIN)/python -m pytest -m soak --capture=no -o faulthandler_timeout=0 $(PYTEST_ARGS)

.PHONY: bench
bench: $(BENCH)  ## Measure beside the peers and the limits; BENCH_ARGS="queue_drain" for one, --quick
	.venv-bench/bin/python -m benchmarks $(BENCH_ARGS)

# Which lines are reached takes fewer examples than whether they are right: that, `make test` shows.
.PHONY: coverage
coverage: $(PROJECT)  ## Branch coverage of the rules, 95 % at least
	$(BIN)/python -m pytest tests/domain --quiet --numprocesses=auto --maxprocesses=4 \
		--hypothesis-profile=few --cov=execution_broker.domain --cov-branch --cov-report=term-missing:skip-covered --cov-fail-under=95

.PHONY: check
check: $(PROJECT)  ## Lint, format, types, import contracts
	$(BIN)/ruff check
	$(BIN)/ruff format --check
	$(BIN)/mypy
	$(BIN)/lint-imports

.PHONY: docs
docs: $(PROJECT)  ## The documentation site, in site/
	$(BIN)/mkdocs build --strict

.PHONY: generate
generate: $(PROJECT)  ## Write again what is committed and generated
	$(BIN)/python -m docs.generate

.PHONY: lock
lock: .venv-lock/.installed  ## Pin the newest versions of everything, with hashes
	$(UV) pip compile $(LOCK_OPTIONS) --output-file requirements/dev.txt \
		pyproject.toml --all-extras --group dev --group docs
	$(UV) pip compile $(LOCK_OPTIONS) --output-file requirements/kernel.txt \
		requirements/kernel.in
	$(UV) pip compile $(LOCK_OPTIONS) --output-file requirements/bench.txt \
		pyproject.toml requirements/bench.in --extra postgres --constraint requirements/dev.txt
	$(UV) pip compile $(LOCK_OPTIONS) --output-file requirements/uv.txt requirements/uv.in

.PHONY: clean
clean:  ## Remove everything that make made
	rm -rf .venv .venv-bench .venv-kernel .venv-lock .node .demo site build dist .coverage .hypothesis \
		.mypy_cache .pytest_cache .ruff_cache .import_linter_cache
	find src tests examples docs benchmarks -name __pycache__ -prune -exec rm -rf {} +

LOCK_OPTIONS := --quiet --upgrade --universal --python-version 3.11 --generate-hashes \
	--custom-compile-command "make lock"

# A virtual environment is made anew when its lock changes; the stamp says that it is complete.
# They are filled by uv, which needs a fifth of the time that pip does; pip brings uv.

# What is started as a process many times is compiled once, also where Python writes no bytecode.
$(PROJECT): .venv/.dependencies pyproject.toml
	@$(BIN)/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@$(BIN)/python -m compileall -q src
	@touch $@

.venv/.dependencies: requirements/dev.txt .venv-lock/.installed
	$(call virtual_environment,.venv)
	$(call fill,.venv,$<)

$(KERNEL): requirements/kernel.txt .venv-lock/.installed
	$(call virtual_environment,.venv-kernel)
	$(call fill,.venv-kernel,$<)

$(BENCH): .venv-bench/.dependencies pyproject.toml
	@.venv-bench/bin/python -m pip install --quiet --no-deps --no-build-isolation --editable .
	@touch $@

.venv-bench/.dependencies: requirements/bench.txt .venv-lock/.installed
	$(call virtual_environment,.venv-bench)
	$(call fill,.venv-bench,$<)

.venv-lock/.installed: requirements/uv.txt
	$(call virtual_environment,.venv-lock)
	@.venv-lock/bin/python -m pip install --quiet --require-hashes --requirement $<
	@touch $@

define virtual_environment
@if [ -z "$(PYTHON)" ]; then \
	echo 'No Python of 3.11 or later with its venv module was found.' >&2; \
	echo 'On Debian or Ubuntu: sudo apt-get install python3-venv' >&2; \
	echo 'Elsewhere: make PYTHON=/path/to/python3.11 ...' >&2; \
	exit 1; \
fi
@echo 'Installing $(1) (once, less than a minute) ...'
@$(PYTHON) -m venv --clear $(1)
endef

define fill
@$(UV) pip install --quiet --python $(1)/bin/python --compile-bytecode --require-hashes --requirement $(2)
@touch $@
endef
