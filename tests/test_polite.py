"""What the package promises its host process."""

import subprocess
import sys


def python(code):
    return subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, check=True).stdout


def test_import_loads_neither_numba_nor_scipy_linalg_nor_matplotlib():
    code = "import sys, pylinear; print([m for m in ('numba', 'scipy.linalg', 'matplotlib') if m in sys.modules])"
    assert python(code).strip() == "[]"


def test_import_starts_no_threads():
    code = "import threading, pylinear; print(threading.active_count())"
    assert python(code).strip() == "1"
