# The two commands: `make demo` and `make test`. Both set everything up and are quick the second time.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
TESTS_READY := $(VENV)/.tests-ready

.PHONY: demo test check unit bench clean
.DELETE_ON_ERROR:

demo: $(READY)
	$(PY) -m demo

test: $(TESTS_READY) check
	$(PY) -m pytest

check: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

unit: $(READY)
	$(PY) -m pytest tests/unit

bench: $(READY)
	$(PY) -m demo --bench-clip out/bench/talking.mp4
	$(PY) -m liveguard bench out/bench/talking.mp4

$(READY): pyproject.toml setup.sh
	sh setup.sh "$(PYTHON)" "$(VENV)"
	touch $@

# What only the tests want of the system.
$(TESTS_READY): $(READY)
	sh setup.sh "$(PYTHON)" "$(VENV)" tests
	touch $@

# A virtual environment whose Python has gone, or changed, is not ready, whatever its stamp says.
ifneq ($(shell $(PY) -c 'import pip; print("well")' 2>/dev/null),well)
.PHONY: $(READY)
endif

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
