"""What the package promises its host process."""

import subprocess
import sys

import pytest

import pylinear as pl


def python(code):
    return subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout


HEAVY = [
    *("numba", "scipy", "matplotlib", "xarray", "zarr", "dask", "distributed", "mpi4py", "pandas", "tqdm"),
    # Of the standard library and numpy: together more than a third of the time that numpy takes.
    *("concurrent.futures", "csv", "email", "fractions", "hashlib", "importlib.metadata", "json", "logging", "zipfile"),
    *("numpy.polynomial", "numpy.random", "pathlib", "pylinear.plots", "pylinear._figures", "pylinear._labelled"),
]


def test_import_is_light():
    # What numpy loads, or the interpreter as it starts, costs nothing more.
    code = f"""
import sys, numpy
before = set(sys.modules)
import pylinear
print([name for name in {HEAVY} if name in sys.modules and name not in before])
"""
    assert python(code).strip() == "[]"


def test_the_environment_may_say_how_many_threads(monkeypatch):
    monkeypatch.setenv("PYLINEAR_NUM_THREADS", "3")
    assert pl.info()["threads"] == 3
    monkeypatch.setenv("PYLINEAR_NUM_THREADS", "")  # as good as unset
    assert pl.info()["threads"] >= 1
    for wrong in ("0", "-1", "two", "1025", "1.5", "²"):
        monkeypatch.setenv("PYLINEAR_NUM_THREADS", wrong)
        with pytest.raises(ValueError, match="PYLINEAR_NUM_THREADS must be a whole number from 1 to 1024; got"):
            pl.info()


def test_import_starts_no_threads():
    code = "import threading, pylinear; print(threading.active_count())"
    assert python(code).strip() == "1"


def test_import_leaves_no_limit_on_threads():
    code = "import pylinear as pl, threadpoolctl; print(pl._engine.thread_limit())"
    assert python(code).strip() == "None"


def test_what_is_loaded_when_it_is_first_used_is_there_all_the_same():
    assert python("import pylinear as pl; print('sweep' in dir(pl), pl.sweep.__module__)").split() == [
        "True",
        "pylinear._sweep",
    ]
    with pytest.raises(AttributeError, match="module 'pylinear' has no attribute 'sweeps'"):
        _ = pl.sweeps
