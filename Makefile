# The two commands: `make demo` and `make test`. Both set everything up and are quick the second time.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready

.PHONY: demo test check unit bench clean
.DELETE_ON_ERROR:

demo: $(READY)
	$(PY) -m demo

test: check
	$(PY) -m pytest

check: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

unit: $(READY)
	$(PY) -m pytest tests/unit

bench: $(READY)
	$(PY) -m liveguard bench

$(READY): pyproject.toml setup.sh
	sh setup.sh "$(PYTHON)" "$(VENV)"
	touch $@

clean:
	rm -rf $(VENV) .pytest_cache .mypy_cache .ruff_cache .hypothesis
