# The two commands: `make demo` and `make test`. Both set everything up and are quick the second time.

PYTHON ?= python3
VENV := .venv
PY := $(VENV)/bin/python
READY := $(VENV)/.ready
TESTS_READY := $(VENV)/.tests-ready

.PHONY: demo test check unit training bench figures figures-daily figures-live clean
.DELETE_ON_ERROR:

demo: $(READY)
	$(PY) -m demo

# What goes by the clock runs alone, the rest on two processes: those that one file has made stay in one of them.
test: $(TESTS_READY) check
	$(PY) -m pytest -m "not clock" --numprocesses 2 --dist loadfile
	$(PY) -m pytest -m clock

check: $(READY)
	$(VENV)/bin/ruff check .
	$(VENV)/bin/ruff format --check .
	$(VENV)/bin/mypy

unit: $(READY)
	$(PY) -m pytest tests/unit

# What training models wants besides (PyTorch: on Linux PyPI's comes with CUDA, several GB). Without it its tests are skipped.
training: $(READY)
	$(PY) -m pip install --quiet --disable-pip-version-check -e ".[training]"

bench: $(READY)
	$(PY) -m demo --bench-clip out/bench/talking.mp4
	$(PY) -m liveguard bench out/bench/talking.mp4

# What README and the model cards say, made again from DATA, the folder of research recordings, and compared with what was
# published. More than an hour on two cores; may be broken off and resumed.
EVALUATE = $(PY) -m liveguard evaluate $(DATA)/video/manifest.csv --variants benign,bench --jobs 2
figures: $(READY)
	@test -n "$(DATA)" || { echo "make figures DATA=FOLDER: the folder that holds video/manifest.csv" >&2; exit 2; }
	$(EVALUATE) --out out/figures --held-out models/face_checks/left_out.json,models/animation/left_out.json --compare docs/results/dev.json
	$(PY) -m tests.bench.camera_feeds $(DATA)/video/manifest.csv
	$(PY) tests/bench/lipsync_fit.py $(DATA)
	$(MAKE) bench

# A seeded draw of a little of everything, for every day: under 20 minutes.
figures-daily: $(READY)
	@test -n "$(DATA)" || { echo "make figures-daily DATA=FOLDER: the folder that holds video/manifest.csv" >&2; exit 2; }
	$(EVALUATE) --minutes 90 --out out/figures-daily --compare docs/results/daily.json

# Those of the live page want the machine for themselves. `make bench` first: it makes the clip that glass_to_alert sends.
figures-live: $(TESTS_READY)
	@test -n "$(DATA)" || { echo "make figures-live DATA=FOLDER: the folder that holds video/manifest.csv" >&2; exit 2; }
	$(PY) -m tests.bench.page_attacks --manifest $(DATA)/video/manifest.csv --repeat 3
	$(PY) -m tests.bench.glass_to_alert --sessions 4 --minutes 10

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
