# Two commands do all: `make demo` and `make test`. Both set up what they need.
PYTHON ?= python3
CHROMIUM ?= chromium
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip install --quiet --disable-pip-version-check -c constraints.txt

.PHONY: demo test check notebooks picture clean

demo: $(VENV)/core.done
	$(BIN)/qa-scoring score demo/transcripts --to demo/scores.duckdb --policy configs/policies/demo.yaml
	$(BIN)/qa-scoring explain demo/scores.duckdb
	$(BIN)/qa-scoring report demo/scores.duckdb --out demo/report.html

# A process a core, so no process may take all cores for its products.
test: check
	OMP_NUM_THREADS=1 $(BIN)/python -m pytest --numprocesses auto --dist worksteal

check: $(VENV)/dev.done
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/lint-imports --no-cache

# What the notebooks show on a code host, anew: after a change of what they print, or of the model.
notebooks: $(VENV)/dev.done
	OMP_NUM_THREADS=1 $(BIN)/python notebooks/execute.py

# The report's first screen, for the README.
picture: demo
	$(CHROMIUM) --headless --no-sandbox --hide-scrollbars --window-size=1200,805 \
	  --screenshot=docs/report.png file://$(CURDIR)/demo/report.html

clean:
	rm -rf $(VENV) demo/scores.duckdb demo/report.html demo/to-grade.csv
	rm -rf demo/customers demo/retention demo/retention.html

$(VENV)/core.done: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(PIP) -e .
	touch $@

# torch by its exact version first: a range would fetch the newest build, which may bring
# gigabytes of GPU libraries.
$(VENV)/dev.done: $(VENV)/core.done
	$(PIP) torch==2.13.0
	$(PIP) -e '.[train,mlflow,quality,retention,postgres,review,spark,notebooks,dev]'
	touch $@
