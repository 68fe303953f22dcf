"""Memory that runs out: in the core, allocation by allocation, and in the whole process, under a real limit."""

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import builds

COMPILER = os.environ.get("CXX") or shutil.which("c++") or shutil.which("g++")
needs_compiler = pytest.mark.skipif(COMPILER is None, reason="needs a C++ compiler")

# OpenBLAS takes memory of its own for each of its threads, and ends the process or tries for ever without it.
ALONE = {"OPENBLAS_NUM_THREADS": "1"}


def starved(*arguments, **environment):
    """Return what `starved.py` prints, a line a call."""
    command = [sys.executable, str(Path(__file__).with_name("starved.py")), *arguments]
    env = {**os.environ, **ALONE, **environment}
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=500, check=False)
    # A process that has been ended says so here, together with all that it had found before.
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    ended = [] if done.returncode == 0 else [{"call": "the process", "outcomes": {f"ended by {done.returncode}": 1}}]
    return [*lines, *ended]


def summed(lines):
    """Return how often which outcome has come, and the calls that had one that is not allowed."""
    total, wrong = Counter(), {}
    for line in lines:
        total.update(line["outcomes"])
        bad = {k: n for k, n in line["outcomes"].items() if k not in ("MemoryError", "right", "in the end: right")}
        if bad:
            wrong[line["call"]] = bad
    return total, wrong


@pytest.mark.core
@needs_compiler
@pytest.mark.timeout(600)
@pytest.mark.property(
    "out of memory, each allocation of the core under Python",
    "each failed once: MemoryError or the right result, and the next call right",
)
def test_each_allocation_fails_once(figure, tmp_path):
    library = tmp_path / "failing.so"
    source = builds.ROOT / "tests" / "cpp" / "failing.cpp"
    subprocess.run([COMPILER, "-O1", "-std=c++20", "-shared", "-fPIC", source, "-o", library, "-ldl"], check=True)
    lines = starved("fail_each", str(library), LD_PRELOAD=str(library))
    total, wrong = summed(lines)
    failed = total.total() - total["in the end: right"]
    sites = max(line.get("sites", 0) for line in lines)
    borne = f"{total['MemoryError']} MemoryError, {total['right']} borne, wrong: {wrong or 'none'}"
    figure(f"{failed} failed at {sites} sites in {len(lines)} calls: {borne}")
    assert not wrong
    assert failed > 1000
    assert sites > 100


@pytest.mark.core
@pytest.mark.timeout(600)
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="needs a limit of the address space")
@pytest.mark.property(
    "out of memory, under a limit of the process",
    "MemoryError below what is needed, never a crash, a wait or another result; the call after it right",
)
def test_under_a_limit(figure):
    # The C library keeps what has been released, unless it is told not to.
    frugal = {"MALLOC_MMAP_THRESHOLD_": "65536", "MALLOC_ARENA_MAX": "1"}
    lines = starved("fail_below", "10000", **frugal)
    total, wrong = summed(lines)
    refused = {line["call"]: line["said"] for line in starved("refuse", **frugal)}
    named = [said for said in refused.values() if re.search(r"would take [\d.]+ GB; 0\.[0-3] GB are available$", said)]
    limits = f"{total.total()} limits in {len(lines)} calls: {total['MemoryError']} MemoryError, {total['right']} right"
    figure(f"{limits}, wrong: {wrong or 'none'}; {len(named)} of {len(refused)} estimates named")
    assert not wrong
    assert total["MemoryError"] > 60
    assert len(named) == len(refused) == 7, refused


@pytest.mark.slow
@needs_compiler
@pytest.mark.timeout(1200)
@pytest.mark.property(
    "out of memory, the core without Python",
    "each allocation failed: bad_alloc or the right bits, no leak, no wait, and the same call again right",
)
def test_the_core_alone(figure, tmp_path):
    options = ["-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={builds.tool('ninja')}"]
    options += ["-DPYLINEAR_PYTHON=OFF", "-DPYLINEAR_TESTS=ON"]
    builds.run([builds.tool("cmake"), "-S", "csrc", "-B", tmp_path, *options])
    builds.run([builds.tool("cmake"), "--build", tmp_path, "--target", "test_allocations"])
    command = [tmp_path / "tests" / "test_allocations"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    figure((done.stdout + done.stderr).strip())
    assert done.returncode == 0
