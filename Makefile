PYTHON ?= python3
VENV ?= .venv
BIN = $(VENV)/bin
CMAKE = PATH=$(abspath $(BIN)):$$PATH cmake
CTEST = PATH=$(abspath $(BIN)):$$PATH ctest --output-on-failure
CORE_TESTS = -G Ninja -DPYLINEAR_PYTHON=OFF -DPYLINEAR_TESTS=ON
SOURCES = $(shell git ls-files 'csrc/*.?pp' 'csrc/*.inl' 'tests/cpp/*.?pp')

.PHONY: demo test dev lint format stubs cpp example sanitize pure bench docs reliability

demo: $(VENV)
	$(BIN)/pip install --quiet ".[plot]"
	$(BIN)/pylinear info
	$(BIN)/pylinear demo

test: $(VENV)
	PYLINEAR_REQUIRE_CORE=1 $(BIN)/pip install --quiet ".[test]"
	PYLINEAR_REQUIRE_CORE=1 $(BIN)/pytest

dev: $(VENV)
	$(BIN)/pip install --quiet "scikit-build-core>=0.11" "pybind11>=3.0" cmake ninja
	PYLINEAR_REQUIRE_CORE=1 $(BIN)/pip install --quiet --no-build-isolation --editable ".[dev]"

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
cpp: $(VENV)
	$(BIN)/pip install --quiet cmake ninja
	$(CMAKE) -S csrc -B build/cpp $(CORE_TESTS) -DPYLINEAR_WERROR=ON
	$(CMAKE) --build build/cpp && $(CTEST) --test-dir build/cpp

# The core installed for C++, and the example that finds it there and must print what Python computes.
example: cpp
	$(BIN)/pip show --quiet pylinear-dynamics || $(BIN)/pip install --quiet ".[test]"
	rm -rf build/installed build/example
	$(CMAKE) --install build/cpp --prefix build/installed
	$(CMAKE) -S csrc/examples -B build/example -G Ninja -DCMAKE_PREFIX_PATH=$(CURDIR)/build/installed
	$(CMAKE) --build build/example
	PYLINEAR_EXAMPLE=$(CURDIR)/build/example/mode_strengths $(BIN)/pytest tests/test_cpp_example.py

# The core and its tests under the sanitizers: addresses and undefined behaviour, then threads.
sanitize: $(VENV)
	$(BIN)/pip install --quiet cmake ninja
	for set in address,undefined thread; do \
	  $(CMAKE) -S csrc -B build/$$set $(CORE_TESTS) -DPYLINEAR_SANITIZE=$$set && \
	  $(CMAKE) --build build/$$set && $(CTEST) --test-dir build/$$set || exit 1; \
	done

# The suite on an install whose compiler fails: all but training must work.
pure:
	$(PYTHON) -m venv $(VENV)-pure
	rm -rf build/pure
	CXX=/bin/false $(VENV)-pure/bin/pip install --quiet --config-settings=build-dir=build/pure ".[test]"
	PYLINEAR_REQUIRE_CORE=0 $(VENV)-pure/bin/pytest

# One table of ratios taken in one process, and of peak memory; some minutes on a machine that does nothing else.
bench: $(VENV)
	$(BIN)/pip install --quiet ".[test]"
	$(BIN)/pytest benchmarks --quiet --benchmark-only --benchmark-quiet --timeout=900

# The documentation from scratch, in build/docs; its examples run, and a warning is an error.
docs: $(VENV)
	$(BIN)/pip install --quiet ".[docs]"
	rm -rf build/docs docs/auto_gallery docs/api/generated
	$(BIN)/sphinx-build -W --keep-going -b html docs build/docs

# One table of property, figure, required: all of it, or with QUICK=1 what takes no build and no minutes.
reliability: $(VENV)
	$(BIN)/pip install --quiet ".[reliability]"
	PYLINEAR_REQUIRE_CORE=1 $(BIN)/pytest reliability --quiet $(if $(QUICK),-m "not slow")

$(VENV):
	$(PYTHON) -m venv $(VENV)
