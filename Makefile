PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
SOURCES = $(shell git ls-files 'csrc/*.?pp' 'csrc/*.inl' 'tests/cpp/*.?pp')

.PHONY: demo test dev lint format stubs cpp sanitize pure bench

demo: $(VENV)
	$(BIN)/pip install --quiet ".[plot]"
	$(BIN)/pylinear demo

test: $(VENV)
	$(BIN)/pip install --quiet ".[test]"
	PYLINEAR_REQUIRE_CORE=1 $(BIN)/pytest

dev: $(VENV)
	$(BIN)/pip install --quiet "scikit-build-core>=0.11" "pybind11>=3.0" cmake ninja
	$(BIN)/pip install --quiet --no-build-isolation --editable ".[dev]"

lint: $(VENV)
	$(BIN)/pip install --quiet ".[test,lint]"
	$(BIN)/ruff check . && $(BIN)/ruff format --check .
	$(BIN)/mypy
	$(BIN)/clang-format --dry-run -Werror $(SOURCES)
	$(BIN)/python tests/check_stubs.py

format:
	$(BIN)/ruff check --fix . ; $(BIN)/ruff format . ; $(BIN)/clang-format -i $(SOURCES)

stubs:
	$(BIN)/python tests/check_stubs.py --write

# The core and its tests, without Python.
cpp:
	cmake -S csrc -B build/cpp -DPYLINEAR_PYTHON=OFF -DPYLINEAR_TESTS=ON -DPYLINEAR_WERROR=ON
	cmake --build build/cpp --parallel && ctest --test-dir build/cpp --output-on-failure

# The same under the sanitizers: addresses and undefined behaviour, then threads.
sanitize:
	for set in address,undefined thread; do \
	  cmake -S csrc -B build/$$set -DPYLINEAR_PYTHON=OFF -DPYLINEAR_TESTS=ON -DPYLINEAR_SANITIZE=$$set && \
	  cmake --build build/$$set --parallel && ctest --test-dir build/$$set --output-on-failure || exit 1; \
	done

# The suite on an install whose compiler fails: all but training must work.
pure:
	$(PYTHON) -m venv $(VENV)-pure
	CXX=/bin/false $(VENV)-pure/bin/pip install --quiet ".[test]"
	PYLINEAR_REQUIRE_CORE=0 $(VENV)-pure/bin/pytest

bench: $(VENV)
	$(BIN)/pip install --quiet ".[test]"
	$(BIN)/pytest benchmarks --benchmark-only --benchmark-columns=min,median,iqr,rounds --benchmark-sort=fullname

$(VENV):
	$(PYTHON) -m venv $(VENV)
