# trajreg: every target sets up what it needs. `make help` lists them.
PROFILE ?= digits
VERSION ?= local
FIGURES ?= all
PYTHON  ?= python3
VENV     = .venv
BIN      = $(VENV)/bin
RUN      = $(BIN)/python -m trajreg
CODE     = .ci trajreg tests benchmarks docs
SELECT   = --profile $(PROFILE) --figures $(FIGURES) $(if $(ANEW),--train-anew) $(if $(OFFLINE),--offline)

# The environment is stamped with the content of what it was built from, not with a time.
LOCK     = requirements.lock
STAMP    = $(VENV)/built-from
BUILT    = echo "$$(cksum < $(LOCK))$${TORCH_INDEX:+ $$TORCH_INDEX}"

# Where PyTorch is taken from, an address or a folder, if not with all else: so named once, and kept until another is named.
export TORCH_INDEX ?= $(shell cat $(VENV)/torch-index 2>/dev/null)

# Every target uses all cores by itself. Goals that share a results tree are made in the order of what they need of each other.
.NOTPARALLEL:
MAKEFLAGS += --silent
named    = $(filter $(MAKECMDGOALS),$1)

# trajreg ends when the make that started it does, however that ends.
export TRAJREG_MADE_BY := $(shell echo $$PPID)

# In a container everybody is root, which Jupyter refuses unless it is told to go on.
ALLOWED  = $$([ "$$(id -u)" != 0 ] || echo --allow-root)

# Another's checkout: status reads only, everything else writes.
REFUSAL  = error: this folder cannot be written to: clone trajreg into one that can, and run make there
WRITABLE = [ -w . ] || { echo "$(REFUSAL)" >&2; exit 1; }

.DEFAULT_GOAL := help
.PHONY: all runs figures report verify status test soak lint format docs lab env lock clean help writable

all: env | $(call named,runs figures)  ## reproduce: train the runs, execute the notebooks, render the report, compare with the reference
	$(RUN) all $(SELECT) --version $(VERSION)

runs: env  ## make only the runs and measurements that are missing; PLAN=1 only says what they would take
	$(RUN) run $(SELECT)$(if $(PLAN), --plan)

figures: env | $(call named,runs)  ## execute only the notebooks whose inputs changed
	$(RUN) figure $(SELECT) --version $(VERSION)

report: env | $(call named,runs figures all)  ## render the report from what is there
	$(RUN) report --profile $(PROFILE) --version $(VERSION)

verify: env | $(call named,runs figures all report)  ## compare results/PROFILE/VERSION with the newest committed reference
	$(RUN) verify --profile $(PROFILE) --version $(VERSION)

status: env | $(call named,runs figures all report verify)  ## what is ready and what is missing
	$(RUN) status $(SELECT) --version $(VERSION)

test: env lint  ## lint, the unit tests, the documentation and the whole pipeline on the smoke profile
	$(BIN)/python -m pytest -n auto --maxprocesses 4 --dist loadfile

soak: env  ## attack the pipeline from outside for hours: kills, interrupts, pairs, spoilt files, full disks (SEED=1)
	$(BIN)/python tests/soak --seed $(or $(SEED),1)

lint: env  ## ruff, the layer contract, the types of the library
	$(BIN)/ruff check $(CODE) notebooks
	$(BIN)/ruff format --check $(CODE)
	$(BIN)/python $(BIN)/lint-imports --no-logo
	$(BIN)/python -m mypy

format: env  ## mend what ruff can mend, and format the code
	$(BIN)/ruff check --fix $(CODE) notebooks
	$(BIN)/ruff format $(CODE)

docs: env  ## build the documentation into docs/_build/html
	$(BIN)/python -m sphinx -q -n -W --keep-going -d docs/_build/doctrees docs docs/_build/html
	echo "docs/_build/html/index.html"

lab: env  ## open JupyterLab on the notebooks
	$(BIN)/python -m jupyterlab --notebook-dir . $(ALLOWED)

env: $(if $(filter-out env status,$(MAKECMDGOALS)),writable)  ## create or rebuild .venv when the lock file changed
	[ "$$(cat $(STAMP) 2>/dev/null)" = "$$($(BUILT))" ] || \
	  { $(WRITABLE); $(PYTHON) .ci/set_up.py $(VENV) $(LOCK) "$$($(BUILT))"; }

writable:
	$(WRITABLE)

lock: env  ## resolve the newest versions into the lock file and environment.yml
	$(BIN)/python -m pip install --quiet uv
	$(BIN)/uv pip compile --quiet pyproject.toml --all-extras --universal --python-version 3.11 \
	  --no-header --no-annotate --no-emit-index-url --upgrade --output-file $(LOCK)
	$(BIN)/python -m trajreg.environment

clean: writable  ## delete the environment, caches, stored runs and unversioned results; committed results stay
	rm -rf $(VENV) docs/_build .pytest_cache .ruff_cache .mypy_cache .import_linter_cache build *.egg-info
	rm -rf $$(sed -n 's|^\(results/.*\)/$$|\1|p' .gitignore)

help:  ## this list
	awk -F ':.*## *' '/^[a-z]+:.*## /{printf "  make %-9s %s\n", $$1, $$2}' Makefile
	echo "  options: PROFILE=$(PROFILE) VERSION=$(VERSION) FIGURES=\"fig04 fig05\" PYTHON=$(PYTHON) TORCH_INDEX=$(TORCH_INDEX); profiles: $(notdir $(patsubst %/,%,$(wildcard params/*/)))"
