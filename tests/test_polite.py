"""What the package promises its host process."""

import subprocess
import sys

import pytest

import pylinear as pl


def python(code):
    return subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout


def test_import_is_light():
    heavy = "numba", "scipy", "matplotlib", "xarray", "pylinear.plots", "pylinear._figures"
    assert python(f"import sys, pylinear; print([m for m in {heavy} if m in sys.modules])").strip() == "[]"


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
