# make app    set up .venv and open the inspector on the bundled demo
# make test   set up .venv and run every test
# make check  layers, style, types
# make e2e    the browser tests alone
# make demo   write the demo world to disk (build/demo)

PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 7860
ARGS ?=

.PHONY: app test check e2e demo format clean
.DEFAULT_GOAL := app

$(VENV)/bin/python:
	@$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11))' || \
		{ echo "Python must be 3.11 or newer; $(PYTHON) is $$($(PYTHON) --version 2>&1). Set PYTHON=/path/to/python3.11."; exit 2; }
	$(PYTHON) -m venv $(VENV)

# A stamp is written last, so that an interrupted installation is done again.
$(VENV)/app.stamp: requirements.txt | $(VENV)/bin/python
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements.txt
	$(BIN)/python -c 'import torch, torchvision; torchvision.ops.nms(torch.zeros(1, 4), torch.zeros(1), 0.5)'
	@touch $@

$(VENV)/dev.stamp: requirements-dev.txt $(VENV)/app.stamp
	$(BIN)/python -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt
	@touch $@

app: $(VENV)/app.stamp
	$(BIN)/python launch.py --port $(PORT) $(ARGS)

demo: $(VENV)/app.stamp
	$(BIN)/python -m esl demo --out build/demo

test: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -n 2 -m "not e2e" $(ARGS)
	$(BIN)/python -m pytest -m e2e $(ARGS)

e2e: $(VENV)/dev.stamp
	$(BIN)/python -m pytest -m e2e tests/e2e $(ARGS)

check: $(VENV)/dev.stamp
	$(BIN)/ruff format --check .
	$(BIN)/ruff check .
	$(BIN)/lint-imports
	$(BIN)/python -m mypy

format: $(VENV)/dev.stamp
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf build test-artifacts .mypy_cache .ruff_cache .pytest_cache .import_linter_cache
