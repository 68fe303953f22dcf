"""Scripts on several MPI ranks, with the mpiexec of the mpich wheel."""

import os
import subprocess
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, files
from pathlib import Path

import pytest


def run(n, script, *args, timeout=60, module="mpi4py"):
    """Return what `script`, a Path or the code itself, prints on `n` ranks; skip the test where there is no MPI.

    `module` is what runs it: with "mpi4py.futures", ranks from 1 on are the workers of pools.

    Ranks that print at the same time mix within a line: let one of them do it, or write files.
    """
    mpiexec, library = _of_wheel("mpiexec"), _of_wheel("libmpi.so.12")
    command = [mpiexec, "-n", str(n), sys.executable, "-m", module]
    command += [str(script)] if isinstance(script, Path) else ["-c", script]
    environment = {
        **os.environ,
        "MPI4PY_LIBMPI": library,
        # All ranks are on this machine, whatever it can reach.
        "HYDRA_LAUNCHER": "fork",
        "HYDRA_IFACE": "lo",
    }
    if not isinstance(script, Path):
        # The folder that it is started from is not where pylinear is imported from. With a file, mpi4py puts the folder
        # of that in its place; under this option it would take the place of the first one in PYTHONPATH.
        environment["PYTHONSAFEPATH"] = "1"
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        started = subprocess.Popen([*command, *map(str, args)], stdout=out, stderr=err, env=environment)
        try:
            code = started.wait(timeout)
        except subprocess.TimeoutExpired:
            code = None
            started.terminate()  # it ends the ranks
            started.wait(10)
        out.seek(0), err.seek(0)
        if code != 0:
            told = f"were ended after {timeout} s" if code is None else f"ended with {code}"
            raise RuntimeError(f"{n} ranks {told}:\n{out.read()}\n{err.read()}")
        return out.read()


def _of_wheel(name):
    pytest.importorskip("mpi4py", reason="needs mpi4py (pip install mpi4py mpich)")
    try:
        found = [str(file.locate().resolve()) for file in files("mpich") or () if file.name == name]
    except PackageNotFoundError:
        found = []
    if not found:
        pytest.skip(f"needs {name} of the mpich wheel (pip install mpich)")
    return found[0]
