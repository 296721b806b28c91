# make demo        everything on this machine: installs, starts PostgreSQL, Redis, web and workers; Ctrl-C stops all of it
# make test-fast   the tests that need no browser, start no process, train nothing and take no time: a minute on eight cores
# make test        installs what tests need, then runs every test, in real browsers too
# make check       linters, strict types, import rules, migrations, documentation
# make bench       every benchmark (QUICK=1: each within a minute, planted_taste in five)
# make lock        resolve requirements/*.in anew into requirements/*.txt
# make clean       remove virtual environments and caches; var/, where your data is, stays

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
.PHONY: help demo test test-fast check check-types check-rest bench lock clean browser

VENV := .venv
BENCH_VENVS := .venv-bench .venv-bench-ppo
BIN := $(VENV)/bin
PACKAGES := config laptop lm labeling sampler rm_trainer policy_trainer benchmarks tests manage.py
LOCKS := base gpu laptop dev bench bench-ppo
# Collecting, downloading and installing, one line each: an installation that says nothing for minutes looks dead.
PIP_INSTALL = -m pip install --disable-pip-version-check --progress-bar off
SHOW_PROGRESS = sed -un -e 's/^Collecting \([^ ]*\).*/  \1/p' -e 's/^ *Downloading \([^ ]*\) (\(.*\))/    downloading \2/p' \
  -e 's/^Installing collected.*/  unpacking …/p' -e '/^ERROR/p'

help:
	@sed -n 's/^# //p' Makefile | head -7

demo: $(VENV)/.laptop
	@exec $(BIN)/python manage.py up --stop-with-parent $(if $(PORT),--port $(PORT)) $(ARGS)

test: $(VENV)/.dev browser
	@$(BIN)/python -m pytest -n auto --dist worksteal $(ARGS)

test-fast: $(VENV)/.dev
	@$(BIN)/python -m pytest -n auto --dist worksteal -m "not (browser or processes or training or gpu or slow)" $(ARGS)

# Types take as long as all the rest, which is looked at meanwhile.
check: $(VENV)/.dev
	@$(MAKE) --no-print-directory --jobs 2 --output-sync check-types check-rest

check-types: $(VENV)/.dev
	@echo "== mypy" && $(BIN)/mypy --num-workers 2 $(PACKAGES)

check-rest: $(VENV)/.dev
	@echo "== ruff" && $(BIN)/ruff check $(PACKAGES) && $(BIN)/ruff format --check $(PACKAGES)
	@echo "== templates" && $(BIN)/djlint templates --quiet --check --lint
	@echo "== migrations" && $(BIN)/python manage.py makemigrations --check --dry-run
	@echo "== imports and documentation" && $(BIN)/python -m pytest -q tests/test_architecture.py tests/test_docs.py tests/test_templates.py

bench: $(VENV)/.dev browser $(BENCH_VENVS:%=%/.bench)
	@$(BIN)/python -m benchmarks $(if $(QUICK),--quick) $(ARGS)

lock: $(VENV)/.dev
	@cd requirements && for name in $(LOCKS); do \
	  echo "resolving $$name.in …"; \
	  CUSTOM_COMPILE_COMMAND="make lock" ../$(BIN)/pip-compile --quiet --upgrade --strip-extras --annotation-style=line \
	    --no-emit-index-url --no-emit-find-links --no-emit-trusted-host --no-emit-options \
	    --output-file $$name.txt $$name.in; \
	  sed -i 's/+cpu//' $$name.txt; \
	done

clean:
	rm -rf $(VENV) $(BENCH_VENVS) .mypy_cache .ruff_cache .pytest_cache .hypothesis
	find . -name __pycache__ -type d -prune -exec rm -rf {} +
	@echo "var/ is left as it is: your database and models are there."

# A package whose lock did not change is not looked at again.
$(VENV)/.%: requirements/%.txt | $(BIN)/python
	@echo "Installing $$(grep -c == $<) packages from $< …"
	@requirements/prefer_cpu_torch $(BIN)/python
	@$(BIN)/python $(PIP_INSTALL) -r $< | $(SHOW_PROGRESS)
	@touch $@

# Peers that benchmarks compare with, in environments of their own: they need other versions of one another.
$(BENCH_VENVS:%=%/.bench): .venv-%/.bench: requirements/%.txt | .venv-%/bin/python
	@echo "Installing the peers of $< that benchmarks compare with …"
	@requirements/prefer_cpu_torch $(@D)/bin/python
	@$(@D)/bin/python $(PIP_INSTALL) -r $< | $(SHOW_PROGRESS)
	@touch $@

$(VENV)/bin/python $(BENCH_VENVS:%=%/bin/python):
	@requirements/make_venv $(@D)/..

browser: $(VENV)/.dev
	@requirements/ensure_browser $(BIN)/python
