# `make demo` shows Figure 1 of a real model, `make test` proves the rest, `make docs` builds the site, `make dist` the packages.

PYTHON ?= python3
VENV   ?= .venv
BIN    := $(VENV)/bin
ARGS   ?=
DIST   := loadfile
# One process a core, each with one thread: threads of several processes would wait for one another.
PYTEST  = OMP_NUM_THREADS=1 $(BIN)/python -m pytest -n auto --dist $(DIST)

.PHONY: demo docs test test-slow test-browser lint dist clean

$(VENV)/.created:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || { echo "residyn needs Python 3.11 or newer; $(PYTHON) is older. Name one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 2; }
	$(PYTHON) -m venv $(VENV)
	@touch $@

$(VENV)/.installed: $(VENV)/.created pyproject.toml constraints.txt
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable .
	@touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test]'
	@touch $@

$(VENV)/.installed-docs: $(VENV)/.installed-test
	$(BIN)/python -m pip install --quiet --constraint constraints.txt --editable '.[test,docs]'
	@touch $@

demo: $(VENV)/.installed
	$(BIN)/residyn run --out runs/demo $(ARGS)

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/pyright
	$(BIN)/lint-imports

# One process makes the finished run that many of these share.
test: DIST := loadgroup
test: lint
	$(PYTEST) -m "not slow and not browser and not site" $(ARGS)

test-slow: $(VENV)/.installed-test
	$(PYTEST) -m "slow and not browser and not site" $(ARGS)

test-browser: $(VENV)/.installed-test
	$(BIN)/python -m pytest -m browser tests/explorer tests/report $(ARGS)

# A small run of the built-in model, the site with its notebooks run on it, and what the site must be.
docs: $(VENV)/.installed-docs
	OMP_NUM_THREADS=1 $(BIN)/python docs/small_run.py
	OMP_NUM_THREADS=1 $(BIN)/sphinx-build -q -W --keep-going -b html docs build/docs
	$(BIN)/python -m pytest -q -m site tests/docs $(ARGS)

# The wheel and the sdist; and the wheel, installed into an environment of its own, makes a run of few texts.
dist: $(VENV)/.installed-test
	rm -rf dist build/dist
	$(BIN)/python -m build --no-isolation --outdir dist .
	$(PYTHON) -m venv build/dist/venv
	build/dist/venv/bin/python -m pip install --quiet --constraint constraints.txt dist/residyn-*.whl
	cd build/dist && venv/bin/residyn --version && venv/bin/residyn run --preset quick --n 20 --out run && venv/bin/residyn verify run

clean:
	rm -rf $(VENV) build dist docs/_generated
