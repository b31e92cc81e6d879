# Everything runs from a virtual environment of the checkout; nothing is installed outside it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test check lint types pytest coverage test-real-server bench package clean

help: ## list what can be made
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 20

$(READY): pyproject.toml
	@echo "installing into $(VENV)"
	@$(PYTHON) -m venv $(VENV)
	@$(BIN)/pip install --quiet --disable-pip-version-check --editable '.[dev]'
	@touch $@

demo: $(READY) ## review a saved diff with the built-in stand-in, and print the note
	@$(BIN)/iquest-review review --diff examples/diffs/python.diff --api-url stand-in --output demo

test: lint types pytest ## lint, types and the whole test suite

lint: $(READY) ## ruff, rules and format; import-linter, the layers of .importlinter
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .
	@$(BIN)/lint-imports --no-logo --no-cache

types: $(READY) ## mypy --strict
	@$(BIN)/mypy

pytest: $(READY) ## the test suite alone
	@$(BIN)/pytest

# What tests run in a process of its own is not counted: the command line and the wiring. A tracer takes twice the time, so
# the tests that draw at random, bound the time or judge thousands of texts are left to `pytest`.
UNITS := $(filter-out $(addprefix tests/,end_to_end/ faults/ fuzzing/ hostile/ support/ data/ __pycache__/),$(wildcard tests/*/))
HEAVY := tests/note/test_guard.py tests/note/test_markdown.py tests/note/test_summary_size.py tests/prompt/test_fitting.py

coverage: $(READY) ## lines of src that the tests of the packages run; fails below the floor
	@$(BIN)/pytest -q -m "not hypothesis and not timed" --cov=iquest_review --cov-report= --cov-fail-under=94 \
		$(addprefix --ignore=,$(HEAVY)) $(UNITS)

test-real-server: $(READY) ## the tests that need a real model server (IQUEST_TEST_SERVER_URL, _COMMAND)
	@$(BIN)/pytest -n 0 -m real_server

bench: $(READY) ## our own overhead, as ratios to the floor
	@$(BIN)/python -m benchmarks.overhead

package: $(READY) ## the wheel and the source archive, in dist/
	@$(BIN)/python -m build --outdir dist .

# Tools of their own environment: what they need is no part of what they look at.
SUPPLY := $(VENV)/supply
$(SUPPLY)/.ready:
	@$(PYTHON) -m venv $(SUPPLY)
	@$(SUPPLY)/bin/pip install --quiet --disable-pip-version-check 'pip-audit>=2.10,<3' 'cyclonedx-bom>=7.5,<8'
	@touch $@

# --strict: a package that the service does not know, or does not answer for, is a failure and not a clean bill.
AUDIT := $(SUPPLY)/bin/pip-audit --strict --progress-spinner off --disable-pip
.PHONY: audit sbom

audit: $(READY) $(SUPPLY)/.ready ## known vulnerabilities of what the image and this environment run on (asks PyPI)
	@$(AUDIT) --require-hashes --requirement docker/requirements.lock --requirement docker/build.lock
	@$(BIN)/pip freeze --disable-pip-version-check --exclude-editable > $(SUPPLY)/installed.txt
	@$(AUDIT) --no-deps --requirement $(SUPPLY)/installed.txt

sbom: $(SUPPLY)/.ready ## what the image is made of, as CycloneDX: dist/sbom.json, the same for the same lock
	@mkdir -p dist
	@$(SUPPLY)/bin/cyclonedx-py requirements --pyproject pyproject.toml --output-reproducible \
		--output-file dist/sbom.json docker/requirements.lock

clean: ## remove what make made
	rm -rf $(VENV) dist build demo iquest-review .mypy_cache .pytest_cache .ruff_cache .hypothesis
