# `make run` starts Greenroom, `make test` checks it; both need only Python 3.11, make and, for the
# tests' databases, root or sudo on Debian. Nothing is installed outside $(VENV) by `make run`.

PYTHON ?= python3
VENV ?= .venv
BIN := $(VENV)/bin

# Without kept bytecode each of the servers that the tests start would compile everything again.
unexport PYTHONDONTWRITEBYTECODE

.DEFAULT_GOAL := help
.PHONY: help run test check lint types floors unit format lock clean soak bench

help: ## This list
	@grep -E '^[a-z]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: $(VENV)/.run ## Install what is missing and start the server
	@exec $(BIN)/greenroom serve

test: $(VENV)/.dev ## Install all that the tests need, then run every check
	@sh tools/install_test_packages.sh
	@$(MAKE) --no-print-directory check

check: lint types floors unit ## Every check, on what is installed

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

floors: $(VENV)/.dev
	$(BIN)/lint-imports

unit: $(VENV)/.dev
	rm -f .coverage .coverage.*
	$(BIN)/coverage run -m pytest $(PYTEST_ARGS)
	$(BIN)/coverage combine -q
	$(BIN)/coverage report

format: $(VENV)/.dev ## Format the code
	$(BIN)/ruff check --fix .
	$(BIN)/ruff format .

bench: $(VENV)/.dev ## Measure, beside Pipecat and LiveKit Agents (several minutes)
	$(BIN)/python bench/run.py --quick

COMPILE := $(BIN)/pip-compile -q --generate-hashes --strip-extras --allow-unsafe --no-header \
  --no-emit-index-url --no-emit-trusted-host --no-emit-find-links --no-annotate

lock: ## Write the lock files anew from pyproject.toml
	$(COMPILE) --extra espeak --extra openai -o requirements.lock pyproject.toml
	$(COMPILE) --extra espeak --extra openai --extra postgresql --extra redis --extra workers \
	  --extra whisper --extra piper --extra livekit --extra dev \
	  -c requirements.lock -o requirements-dev.lock pyproject.toml
	$(COMPILE) --extra espeak --extra openai --extra postgresql --extra redis --extra workers \
	  -c requirements-dev.lock -o requirements-deploy.lock pyproject.toml
	$(COMPILE) --extra espeak --extra openai --extra postgresql --extra redis --extra workers \
	  --extra whisper --extra piper \
	  -c requirements-dev.lock -o requirements-deploy-models.lock pyproject.toml

clean: ## Remove the virtual environment and what the checks leave
	rm -rf $(VENV) .mypy_cache .ruff_cache .pytest_cache .import_linter_cache .coverage .coverage.*

$(BIN)/python:
	@sh tools/make_venv.sh $(PYTHON) $(VENV)

$(VENV)/.run: requirements.lock pyproject.toml | $(BIN)/python
	@echo "Installing Greenroom into $(VENV) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps -e .
	@sh tools/install_graphics.sh $(BIN)/python
	@touch $@

$(VENV)/.dev: requirements-dev.lock $(VENV)/.run
	@echo "Installing the tools for checks into $(VENV) ..."
	@$(BIN)/pip install -q --disable-pip-version-check --require-hashes --no-deps -r requirements-dev.lock
	@$(BIN)/pip install -q --disable-pip-version-check --no-deps -e sdk/python
	@touch $@
