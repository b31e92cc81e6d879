# Everything runs from a virtual environment of the checkout; nothing is installed outside it.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

.PHONY: help demo test check lint types pytest test-real-server bench package clean

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

lint: $(READY) ## ruff, rules and format
	@$(BIN)/ruff check .
	@$(BIN)/ruff format --check .

types: $(READY) ## mypy --strict
	@$(BIN)/mypy

pytest: $(READY) ## the test suite alone
	@$(BIN)/pytest

test-real-server: $(READY) ## the tests that need a real model server (IQUEST_TEST_SERVER_URL)
	@$(BIN)/pytest -n 0 -m real_server

bench: $(READY) ## our own overhead, as ratios to the floor
	@$(BIN)/python -m benchmarks.overhead

package: $(READY) ## the wheel and the source archive, in dist/
	@$(BIN)/python -m build --outdir dist .

clean: ## remove what make made
	rm -rf $(VENV) dist build demo iquest-review .mypy_cache .pytest_cache .ruff_cache .hypothesis
