# The way in. Every target prepares what it needs by itself, says what it does, and does nothing twice.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-builtin-rules --no-print-directory

# A process that compiles every module anew at its start takes half a second longer, and the tests start hundreds of them.
unexport PYTHONDONTWRITEBYTECODE

VENV := .venv
PY := $(VENV)/bin/python
# Locked versions with hashes are the whole truth: nothing of the machine may add to them or ask questions.
PIP := env -u PIP_CONSTRAINT -u PIP_REQUIREMENT -u PIP_TARGET -u PIP_USER -u PYTHONPATH \
       PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_INPUT=1 PIP_ROOT_USER_ACTION=ignore $(PY) -m pip
RUNTIME := $(VENV)/.installed-runtime
DEVELOPMENT := $(VENV)/.installed-development

.PHONY: help
help: ## show this list
	@sed -nE 's/^([a-z]+):.*## (.*)/  make \1\t\2/p' $(MAKEFILE_LIST) | expand -t 16

.PHONY: install
install: $(DEVELOPMENT) ## install into .venv what the `dialer` command, its tests and yours need
	@echo "== ready: source .venv/bin/activate, then dialer --help"

.PHONY: demo
demo: $(RUNTIME) ## place real calls to a synthetic phone network and print the codes; leaves nothing behind
	$(VENV)/bin/dialer demo

.PHONY: up
up: $(RUNTIME) ## the same, and stay until Ctrl-C
	$(VENV)/bin/dialer demo --stay

.PHONY: test
test: $(DEVELOPMENT) ## run every test (ARGS="-k name" to choose)
ifdef ARGS
	$(PY) -m pytest $(ARGS)
else
	@# Tests wait more than they compute: four files at a time, each worker with a laboratory and a database server of its own,
	@# calls beside what computes (tests/conftest.py).
	$(PY) -m pytest -n 4 --dist loadfile --no-loadscope-reorder
endif

.PHONY: check
check: $(DEVELOPMENT) ## lint, format, types, import rules, and the table of what is proven
	$(VENV)/bin/ruff check
	$(VENV)/bin/ruff format --check
	$(VENV)/bin/mypy
	$(VENV)/bin/lint-imports
	$(PY) tools/coverage-table --check

.PHONY: bench
bench: $(DEVELOPMENT) ## run every benchmark, or one: make bench NAME=press1
	$(PY) -m bench $(NAME)

.PHONY: clean
clean: ## remove everything that make and the tests have made in this folder
	rm -rf $(VENV) build dist *.egg-info var .cache .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .hypothesis
	find . -type d -name __pycache__ -prune -exec rm -rf {} +

.PHONY: lock
lock: $(DEVELOPMENT) ## choose versions anew within pyproject.toml and write the lock files
	@$(PIP) install --quiet uv
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade \
	    --custom-compile-command "make lock" --group build -o requirements.lock pyproject.toml
	$(VENV)/bin/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --upgrade \
	    --custom-compile-command "make lock" --group build --group dev -c requirements.lock -o requirements-dev.lock pyproject.toml

# --- set-up: a virtual environment from the locked versions -------------------------------------------------------------

$(RUNTIME): requirements.lock pyproject.toml setup.py | $(PY)
	@echo "== installing the locked dependencies"
	@$(PIP) install --quiet --only-binary :all: --require-hashes -r requirements.lock
	@$(PIP) install --quiet --no-deps --no-build-isolation -e .
	@touch $@

$(DEVELOPMENT): requirements-dev.lock $(RUNTIME)
	@echo "== installing the locked tools for tests and checks"
	@# What comes as source is built with the locked setuptools: nothing unlocked is fetched to build it.
	@$(PIP) install --quiet --no-build-isolation --use-pep517 --require-hashes -r requirements-dev.lock
	@touch $@

$(PY):
	@tools/make-venv $(VENV)
