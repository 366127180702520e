# Everything here sets up what it needs: a virtual environment in .venv, with the
# versions in constraints.txt. `make help` lists the targets.

PYTHON ?= python3
# Small layers gain nothing from a second thread, and on a busy machine two threads
# that wait for each other can take ten times as long as one.
export OMP_NUM_THREADS ?= 1
BIN := .venv/bin
READY := .venv/.ready

.DEFAULT_GOAL := help
.PHONY: help book pdf test test-all grade-demo exercises experiments pictures bench lint clean

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z-]+:.*## /{printf "make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

$(READY): pyproject.toml requirements.txt constraints.txt
	@$(PYTHON) -c 'import sys; v = sys.version_info[:2]; (3, 11) <= v < (3, 14) or sys.exit("Python %d.%d is not supported: use 3.11 to 3.13, for example make PYTHON=python3.12" % v)'
	@test -x $(BIN)/python || $(PYTHON) -m venv .venv
	@echo "Installing into .venv (a few minutes the first time; torch is large) ..."
	@$(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt -r requirements.txt -e '.[dev]'
	@touch $@

book: $(READY) ## execute and build the book, print where the page is
	@$(BIN)/python book/build.py

pdf: $(READY) ## build the book and print the whole of it into one PDF
	@$(BIN)/python book/build.py --pdf

test: $(READY) ## every check: lint, tests, the book, reference solutions, grading
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/python -m pytest
	@$(BIN)/python -m pytest --nbval -p no:cacheprovider solutions

test-all: test ## the same, and the large runs: a class of 1,000, a cluster, PostgreSQL
	@$(BIN)/python -m pytest -m large

grade-demo: $(READY) ## grade a small class: right, half right, blank and broken
	@$(BIN)/python -m autograder.demo

exercises: $(READY) ## make exercises/ anew from solutions/
	@$(BIN)/autograder release

experiments: $(READY) ## record the long experiments whose recipe has changed
	@$(BIN)/python -m latentspaces.experiments

pictures: book ## take README's and the front page's pictures from the built book
	@$(BIN)/python book/pictures.py

bench: $(READY) ## compare times as ratios in one run, into _build/bench.json
	@$(BIN)/python -m tests.bench

lint: $(READY) ## format the code and mend what ruff can mend
	@$(BIN)/ruff check --fix .
	@$(BIN)/ruff format .

clean: ## remove everything that was generated, the environment too
	rm -rf .venv _build build dist *.egg-info submitted autograded feedback gradebook.db*
