# make play: install once, then watch self-play in the terminal.   make test: set up and run the tests.
PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin
TORCH_INDEX_URL ?=
STAMP := $(VENV)/.installed
PIP := $(BIN)/python -m pip --disable-pip-version-check

.PHONY: play test slow check bench install clean

play: $(STAMP)
	@$(BIN)/exphil-rt

test: $(STAMP)
	@$(BIN)/python -m pytest -m "not slow"

slow: $(STAMP)
	@$(BIN)/python -m pytest -m slow

check: $(STAMP)
	@$(BIN)/ruff format --check .
	@$(BIN)/ruff check .
	@$(BIN)/mypy
	@$(BIN)/lint-imports

bench: $(STAMP)
	@for b in benchmarks/bench_*.py; do echo "== $$b"; $(BIN)/python $$b || exit 1; done

install: $(STAMP)

$(STAMP): pyproject.toml constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; sys.exit(0 if (3, 11) <= v <= (3, 13) else f"exphil_rt needs Python 3.11 to 3.13, and $(PYTHON) is {v[0]}.{v[1]}: run make PYTHON=python3.12 (or another one in that range).")'
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	@echo "Installing into $(VENV) (1.6 GB on disk with a CPU build of torch; PyPI's own for Linux x86_64 takes several GB more: see README) ..."
ifneq ($(TORCH_INDEX_URL),)
	@$(PIP) install --quiet --constraint constraints.txt --no-deps --index-url $(TORCH_INDEX_URL) torch
endif
	@$(PIP) install --quiet --constraint constraints.txt --editable '.[dev]'
	@$(BIN)/exphil-rt sim warmup
	@touch $(STAMP)

clean:
	rm -rf $(VENV)
