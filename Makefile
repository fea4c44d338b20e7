# GNU make; `make help` lists what there is. Needs Python 3.11 or newer with its venv module.

PYTHON ?= python3
HOST ?= 127.0.0.1
PORT ?= 8000
ARGS ?=
# Tests often wait for servers and browsers, so two more than there are processors run at once.
WORKERS ?= $(shell $(PYTHON) -c "import os; print(min(6, 2 + (os.cpu_count() or 1)))")

VENV := .venv
TOOLS := .tools
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --quiet

export PIP_DISABLE_PIP_VERSION_CHECK := 1
export PIP_ROOT_USER_ACTION := ignore
# A personal setting that asks for installs into the home folder makes no sense in an environment.
export PIP_USER := 0

# From the public registry alone: a local folder of wheels would put its own hashes in the lock.
COMPILE = env -u PIP_FIND_LINKS -u PIP_EXTRA_INDEX_URL -u PIP_NO_INDEX PIP_CONFIG_FILE=/dev/null \
	CUSTOM_COMPILE_COMMAND="make lock" $(TOOLS)/bin/pip-compile --quiet --generate-hashes \
	--no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
	--strip-extras --allow-unsafe $(ARGS)

.DEFAULT_GOAL := help
.PHONY: help run test lint assets build bench lock audit clean

help: ## List these targets
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "  make run takes HOST=$(HOST) PORT=$(PORT); make test, lint, bench and lock take ARGS=\"...\";"
	@echo "  all of them take PYTHON=$(PYTHON)."

run: $(VENV)/.run ## Start the sample site, with a demo admin
	@exec $(BIN)/chat-profiles run examples/roles.py --demo --host $(HOST) --port $(PORT)

# What the tests and their many processes compile is kept, whatever the environment says.
test: export PYTHONDONTWRITEBYTECODE :=
test: $(VENV)/.test ## Run all tests
	@$(BIN)/python -m pytest -n $(WORKERS) --dist loadfile --no-loadscope-reorder $(ARGS)

lint: $(VENV)/.test ## Check style, types and the direction of imports
	@$(BIN)/ruff check $(ARGS)
	@$(BIN)/ruff format --check
	@$(BIN)/mypy
	@$(BIN)/lint-imports

assets: $(VENV)/.test ## Build webapp/static/ from the scripts and sheets of static/
	@$(BIN)/python scripts/build_static.py

build: $(VENV)/.build ## Make the wheel, the source archive and the list of parts (SBOM) in dist/
	@$(BIN)/python -m hatchling build
	@$(BIN)/python scripts/build_sbom.py

bench: $(VENV)/.test ## Measure what it costs
	@$(BIN)/python -m benchmarks.cost $(ARGS)

# The oldest Python we support needs the most packages, so its lock serves all of them.
lock: $(TOOLS)/.installed ## Pin the requirements (ARGS=--upgrade for newer ones)
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info[:2] != (3, 11))' || \
		{ echo "Locks are made with Python 3.11: make lock PYTHON=python3.11"; exit 1; }
	@$(COMPILE) --extra gunicorn --output-file requirements/run.txt pyproject.toml
	@$(COMPILE) --build-deps-for editable --only-build-deps \
		--output-file requirements/build.txt pyproject.toml
	@$(COMPILE) --output-file requirements/tools.txt requirements/tools.in
	@$(COMPILE) -c requirements/tools.txt --output-file requirements/sbom.txt requirements/sbom.in
	@$(COMPILE) --extra test --extra lint -c requirements/run.txt -c requirements/build.txt \
		-c requirements/sbom.txt --output-file requirements/test.txt pyproject.toml

audit: $(TOOLS)/.installed ## Look the pinned versions up among known vulnerabilities
	@for lock in run build test; do \
		$(TOOLS)/bin/pip-audit --strict --require-hashes --disable-pip \
			-r requirements/$$lock.txt || exit 1; \
	done

clean: ## Remove environments, caches and builds; instance/ stays
	rm -rf $(VENV) $(TOOLS) build dist test-results webapp/static \
		.hypothesis .import_linter_cache .mypy_cache .pytest_cache .ruff_cache
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

# Building needs neither the site nor the tests.
$(VENV)/.build: requirements/build.txt requirements/sbom.txt $(VENV)/pyvenv.cfg
	@echo "Installing what building needs ..."
	@$(PIP) install --require-hashes -r requirements/build.txt -r requirements/sbom.txt
	@touch $@

$(VENV)/.run: requirements/run.txt requirements/build.txt pyproject.toml $(VENV)/pyvenv.cfg
	@echo "Installing what the site needs ..."
	@$(PIP) install --require-hashes -r requirements/run.txt -r requirements/build.txt
	@$(PIP) install --no-index --no-deps --no-build-isolation --editable .
	@touch $@

# The test lock holds all of the run lock, at the same versions: tests/test_lock_files.py.
$(VENV)/.test: requirements/test.txt pyproject.toml $(VENV)/pyvenv.cfg
	@echo "Installing what the tests need ..."
	@$(PIP) install --require-hashes -r requirements/test.txt
	@$(PIP) install --no-index --no-deps --no-build-isolation --editable .
	@touch $(VENV)/.build $(VENV)/.run $@

$(TOOLS)/.installed: requirements/tools.txt $(TOOLS)/pyvenv.cfg
	@echo "Installing the tools ..."
	@$(TOOLS)/bin/python -m pip --quiet install --require-hashes -r requirements/tools.txt
	@touch $@

$(VENV)/pyvenv.cfg $(TOOLS)/pyvenv.cfg:
	@command -v $(PYTHON) >/dev/null || \
		{ echo "Chat Profiles needs Python 3.11 or newer, and there is no $(PYTHON) here."; exit 1; }
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Chat Profiles needs Python 3.11 or newer; $(PYTHON) is older." \
		"Name another one: make $(MAKECMDGOALS) PYTHON=python3.12"; exit 1; }
	@$(PYTHON) -m venv $(@D) || \
		{ rm -rf $(@D); echo "Python's venv module is incomplete. On Debian: apt install python3-venv"; exit 1; }
