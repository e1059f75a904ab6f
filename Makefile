# Two commands do it all: `make run` and `make test`. The others are for those who change the code.
PYTHON ?= python3
PY = .venv/bin/python
# On a loaded machine a test that waits for other processes may miss its time once: it gets one more try, and the run
# names it. One that is wrong fails twice.
TEST = $(PY) -m pytest --reruns 1 -rR

.PHONY: run test test-fast lint format bench clean

run: .venv/.installed
	@exec $(PY) manage.py serve --first-run

# The fast ones, then those that may share the machine, whole houses and browsers, and what measures, by itself.
test: test-fast
	$(TEST) -n 4 --dist worksteal -m "(peers or slow or faults) and not (e2e or processes or alone)"
	$(TEST) -n 3 --dist loadfile --no-loadscope-reorder -m "(e2e or processes) and not alone"
	$(TEST) -m alone

# Everything but real browsers, foreign servers, faults and large data.
test-fast: .venv/.installed-dev
	$(TEST) -n 4 --dist worksteal -m "not (e2e or peers or processes or slow or faults or alone)"

lint: .venv/.installed-dev
	.venv/bin/ruff format --check .
	.venv/bin/ruff check .
	.venv/bin/mypy
	$(PY) manage.py makemigrations --check --dry-run
	$(PY) manage.py check

format: .venv/.installed-dev
	.venv/bin/ruff format .
	.venv/bin/ruff check --fix .

# Live pictures, Fairwatch beside others; writes docs/performance.md. About 20 minutes, best on a machine at rest.
# A short one: make bench BENCH="--rounds 1 --viewers 1,10 --seconds 3 --out /tmp/bench"
bench: .venv/.installed-bench
	@$(PY) -m benchmarks.live $(BENCH)

.venv/.installed: requirements.txt scripts/install.py
	@$(PYTHON) scripts/install.py requirements.txt
	@touch $@

.venv/.installed-dev: requirements.txt requirements-dev.txt scripts/install.py
	@$(PYTHON) scripts/install.py requirements-dev.txt
	@touch $@ .venv/.installed

.venv/.installed-bench: requirements.txt requirements-bench.txt scripts/install.py
	@$(PYTHON) scripts/install.py requirements-bench.txt
	@touch $@ .venv/.installed

clean:
	rm -rf .venv .pytest_cache .mypy_cache .ruff_cache
