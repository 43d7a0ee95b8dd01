# Everything on a fresh machine: Python 3.11 or later, git and make; no virtual environment, nothing installed.
#
#   make leaderboard   set up, run suites/quick.yaml, write the leaderboard and say where it is
#   make test          set up, check style and types, run the tests
#   make test-long     the tests that take minutes: every normalizer trained on every architecture
#   make test-lowest   tests of each room on the lowest versions that pyproject.toml allows (10 minutes, 6 GB of disk)
#   make test-faults   10,000 random schedules of faults for a simulated cluster; SCHEDULES and SEED change and repeat it
#   make evidence      every figure and table of docs/stability.md and docs/statistics.md (half an hour)
#   make findings      docs/findings.md, from the ledgers of the papers' suites in docs/leaderboards (seconds)
#   make sensitivity   how the published leaderboards depend on thresholds and budgets (a few minutes)
#   make boards        the pages of all published leaderboards, from their ledgers, into results/boards (a minute); it says
#                      whether what is committed is what the ledgers give
#   make benchmark     what the harness costs against a hand-written loop, and docs/performance.md
#
# The set-up runs once; afterwards both work offline.

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
INSTALL := $(BIN)/python -m pip install --quiet --disable-pip-version-check
RESULTS ?= results/quick

# Nothing of ours reports to anyone.
export RAY_USAGE_STATS_ENABLED = 0
export MLFLOW_DISABLE_TELEMETRY = true

.PHONY: leaderboard test test-long test-lowest test-faults lint evidence findings sensitivity boards benchmark clean

leaderboard: $(VENV)/installed
	$(BIN)/ganbench run quick --results $(RESULTS)
	$(BIN)/ganbench check --suite quick --json > $(RESULTS)/checks.json
	@$(BIN)/ganbench report $(RESULTS) --out $(RESULTS)/leaderboard
	@echo "open $(CURDIR)/$(RESULTS)/leaderboard/leaderboard.html"

test: lint
	OMP_NUM_THREADS=1 PYTHONDONTWRITEBYTECODE= $(BIN)/python -m pytest -q -n 3 --dist loadfile --no-loadscope-reorder

test-long: $(VENV)/installed-dev
	$(BIN)/python -m pytest -q -m long

test-lowest: $(VENV)/installed
	$(BIN)/python tools/lowest.py

SCHEDULES ?= 10000
SEED ?= $(shell date +%s)
test-faults: $(VENV)/installed-dev
	@echo "to repeat this: make test-faults SCHEDULES=$(SCHEDULES) SEED=$(SEED)"
	GANBENCH_SCHEDULES=$(SCHEDULES) $(BIN)/python -m pytest -q -s --timeout=0 --hypothesis-seed=$(SEED) tests/sweeps/test_simulated_faults.py

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

evidence: $(VENV)/installed
	$(BIN)/python tools/detection_power.py
	$(BIN)/python tools/label_published.py
	$(BIN)/python tools/plant_failures.py
	$(BIN)/python tools/bssn_figures.py
	$(BIN)/python tools/simulate_statistics.py

findings: $(VENV)/installed
	$(BIN)/ganbench findings docs/leaderboards/*-small/ledger --notes docs/findings-notes.md --out docs/findings.md

sensitivity: $(VENV)/installed
	$(BIN)/python tools/half_budget.py

boards: $(VENV)/installed
	$(BIN)/python tools/boards.py

benchmark: $(VENV)/installed
	$(BIN)/python benchmarks/performance.py

clean:
	rm -rf $(VENV)

# An interrupted installation leaves no stamp, so the next call does it again.
$(VENV)/installed: pyproject.toml
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "ganbench needs Python 3.11 or later; name one with: make PYTHON=python3.12"; exit 1; }
	test -x $(BIN)/python || $(PYTHON) -m venv $(VENV)
	$(INSTALL) --editable .
	@touch $@

# What only the tests need, so that nobody waits for it who wants to see a leaderboard.
$(VENV)/installed-dev: $(VENV)/installed
	$(INSTALL) --editable '.[dev]'
	@touch $@
