# Two commands are enough: `make run` opens the app with the sample project, `make test` runs every test.
PYTHON ?= python3
VENV := .venv
BIN := $(VENV)/bin
PORT ?= 8501

.PHONY: run install test consumers practitioners numeric check lint types layers docs format clean

run: $(VENV)/.installed
	$(BIN)/datablame sample fashion
	$(BIN)/datablame app fashion-sample --port $(PORT)

install: $(VENV)/.installed

$(VENV)/.installed: pyproject.toml constraints.txt
	$(PYTHON) -m venv $(VENV)
	$(BIN)/python -m pip install --quiet -c constraints.txt -e .
	touch $@

$(VENV)/.installed-test: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[test]'
	touch $@

test: $(VENV)/.installed-test
	$(BIN)/python -m pytest

# What is exported, read by the programs that it is for, in an environment of theirs.
CONSUMERS := .venv-consumers
export FIFTYONE_DO_NOT_TRACK=true HF_HUB_OFFLINE=1 HF_DATASETS_OFFLINE=1 MLFLOW_DISABLE_TELEMETRY=true
$(CONSUMERS)/.installed: tests/consumers/fiftyone.txt tests/consumers/requirements.txt
	$(PYTHON) -m venv $(CONSUMERS)
	$(CONSUMERS)/bin/python -m pip install --quiet -r tests/consumers/fiftyone.txt
	$(CONSUMERS)/bin/python -m pip install --quiet -r tests/consumers/requirements.txt
	touch $@

consumers: $(VENV)/.installed-test $(CONSUMERS)/.installed
	folder=$$(mktemp -d) && PYTHONPATH=.:tests DATABLAME_HOME=$$folder/home $(BIN)/python tests/consumers/write.py $$folder && \
		DATABLAME_EXPORTS=$$folder DATABLAME_SITE=$$($(BIN)/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))') \
		$(CONSUMERS)/bin/python -m pytest -c tests/consumers/pytest.ini --confcutdir tests/consumers tests/consumers; \
		status=$$?; rm -rf $$folder; exit $$status

# What people bring (their models, transforms, loaders and folders), with the real libraries, in an environment of theirs.
PRACTITIONERS := .venv-practitioners
$(PRACTITIONERS)/.installed: pyproject.toml constraints.txt tests/practitioners/requirements.txt tests/practitioners/alone.txt
	$(PYTHON) -m venv $(PRACTITIONERS)
	$(PRACTITIONERS)/bin/python -m pip install --quiet -c constraints.txt -e . -r tests/practitioners/requirements.txt
	$(PRACTITIONERS)/bin/python -m pip install --quiet --no-deps -r tests/practitioners/alone.txt
	touch $@

practitioners: $(PRACTITIONERS)/.installed
	PYTHONPATH=.:tests:tests/practitioners/site $(PRACTITIONERS)/bin/python -m pytest \
		-c tests/practitioners/pytest.ini --confcutdir tests/practitioners tests/practitioners

# The tests of numbers once more with the kernels of other processors, as far as this one has them.
NUMERIC := tests/contract/test_estimators.py tests/gradients tests/estimators tests/gradients/selected tests/measures tests/studies/test_influence.py tests/statistics/test_intervals.py
numeric: $(VENV)/.installed-test
	for kernels in default $$(grep -qsw avx2 /proc/cpuinfo && echo avx2); do \
		ATEN_CPU_CAPABILITY=$$kernels $(BIN)/python -m pytest $(NUMERIC) || exit 1; done

lint: $(VENV)/.installed-test
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .

types: $(VENV)/.installed-test
	$(BIN)/mypy

layers: $(VENV)/.installed-test
	$(BIN)/lint-imports

$(VENV)/.installed-docs: $(VENV)/.installed
	$(BIN)/python -m pip install --quiet -c constraints.txt -e '.[docs]'
	touch $@

# The documentation as a site, in build/site: warnings are errors, and nothing is loaded from elsewhere.
docs: $(VENV)/.installed-docs
	NO_MKDOCS_2_WARNING=1 $(BIN)/python -m mkdocs build

check: lint types layers test

format: $(VENV)/.installed-test
	$(BIN)/ruff format .
	$(BIN)/ruff check --fix .

clean:
	rm -rf $(VENV) $(CONSUMERS) $(PRACTITIONERS) build .pytest_cache .ruff_cache .mypy_cache .hypothesis *.egg-info
