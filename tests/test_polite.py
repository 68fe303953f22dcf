"""What the package promises its host process."""

import subprocess
import sys


def python(code):
    return subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout


def test_import_is_light():
    heavy = "numba", "scipy", "matplotlib", "xarray", "pylinear.plots", "pylinear._figures"
    assert python(f"import sys, pylinear; print([m for m in {heavy} if m in sys.modules])").strip() == "[]"


def test_import_starts_no_threads():
    code = "import threading, pylinear; print(threading.active_count())"
    assert python(code).strip() == "1"
