# Sıra. GNU make and Python 3.11 or newer are all that a fresh machine needs; `make help` lists the commands.
.DEFAULT_GOAL := help
.DELETE_ON_ERROR:
.PHONY: help run test check bench chaos clean lock

VENV := .venv
BIN := $(VENV)/bin
# PYTHON=/path/to/python chooses another one.
PYTHON ?=

# Tests start hundreds of Python processes, and each would compile all of our code again.
unexport PYTHONDONTWRITEBYTECODE

# A stamp says: what the requirements file of that moment asks for is installed.
RUN_READY := $(VENV)/.requirements
DEV_READY := $(VENV)/.requirements-dev

help: ## what you can say
	@echo "Sıra: durable background jobs for slow AI and document work."
	@echo
	@awk -F ':.*## ' '/^[a-z]+:.*## / { printf "  make %-8s %s\n", $$1, $$2 }' Makefile
	@echo
	@echo "First time: make run, then open the address that it prints."

run: $(RUN_READY) ## start the web server and two workers (PORT=8000 DATA_DIR=.data HOST=127.0.0.1)
	@exec $(BIN)/python -m config.serve

# Four at once on two cores: much of a test is waiting for processes of its own.
test: $(DEV_READY) ## run the tests (ARGS="-k name -n 0" goes to pytest; CI=true turns every skip into a failure)
	@$(BIN)/python -m pytest -n 4 --dist worksteal $(ARGS)

# The commands of Django that need a database get an empty one of their own, and never yours.
# bandit's own log names each `# nosec` that one of its tests had no need of, so it is shown only when something is wrong.
APPS := config jobs parsers classifier imaging orders
check: $(DEV_READY) ## formatting, lint, types, import rules, holes, Django's checks, missing migrations
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy .
	$(BIN)/lint-imports
	@echo "bandit $(APPS)"; log=$$(mktemp); trap 'rm -f "$$log"' EXIT; \
	$(BIN)/bandit --quiet --configfile pyproject.toml --recursive $(APPS) 2>"$$log" || { cat "$$log" >&2; exit 1; }
	@$(BIN)/python tools/audit
	@data=$$(mktemp -d) && trap 'rm -rf "$$data"' EXIT && export DATA_DIR="$$data" DATABASE_URL= && set -ex && \
	$(BIN)/python manage.py check --fail-level WARNING && \
	$(BIN)/python manage.py makemigrations --check --dry-run

bench: $(DEV_READY) ## measure speed, memory and idle cost on both databases, 20 minutes (ARGS="--quick"; PEERS=path: beside other systems)
	@$(BIN)/python -m benchmarks.bench$(if $(PEERS), --peers "$(PEERS)") $(ARGS)

chaos: $(DEV_READY) ## break everything while jobs run, then count (MINUTES=10 SEED=1)
	@echo "python -m benchmarks.chaos$(if $(MINUTES), --minutes $(MINUTES))$(if $(SEED), --seed $(SEED)) $(ARGS)"
	@$(BIN)/python -m benchmarks.chaos $(if $(MINUTES),--minutes $(MINUTES)) $(if $(SEED),--seed $(SEED)) $(ARGS)

clean: ## remove what was built; your data in .data stays
	@echo "Removing $(VENV), caches and test artefacts. Your data (.data, or your DATA_DIR) stays."
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis .import_linter_cache test-artifacts
	find . -name __pycache__ -type d -prune -exec rm -rf {} +

lock: ## choose and pin new versions: pyproject.toml -> requirements.txt, requirements-dev.txt
	@tools/lock "$(call find_python)"

# Which Python: PYTHON if given, else the first that is new enough. The pinned hashes were made with 3.11.
find_python = $(shell for python in $(or $(PYTHON),python3.11 python3.12 python3.13 python3.14 python3 python); do \
	"$$python" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null && { echo "$$python"; break; }; done)

$(VENV)/.made:
	@python="$(call find_python)"; \
	if [ -z "$$python" ]; then \
		echo "Sıra needs Python 3.11 or newer$(if $(PYTHON),$(comma) and PYTHON=$(PYTHON) is not one). Install it, or say: make PYTHON=/path/to/python3.11" >&2; \
		exit 1; \
	fi; \
	echo "Making $(VENV) with $$python"; \
	"$$python" -m venv $(VENV) || { \
		echo "The venv module of $$python does not work. On Debian and Ubuntu: apt-get install python3-venv" >&2; exit 1; }
	@touch $@

comma := ,
PIP_INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check --require-hashes

$(RUN_READY): requirements.txt | $(VENV)/.made
	@echo "Installing requirements.txt (once; a minute or two)"
	@$(PIP_INSTALL) -r requirements.txt
	@touch $@

# The development requirements hold the others, pinned the same, so `make run` has nothing to install after this.
$(DEV_READY): requirements-dev.txt requirements.txt | $(VENV)/.made
	@echo "Installing requirements-dev.txt (once; a minute or two)"
	@$(PIP_INSTALL) -r requirements-dev.txt
	@touch $(RUN_READY) $@
