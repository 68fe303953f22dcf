"""How much of the package and of the core the tests of both run."""

import contextlib
import json
import os
import sys

import pytest

import builds

# Counts that stay in memory: where all threads share one processor, none is lost, and none waits for another's.
FLAGS = "--coverage -fprofile-update=single -fno-tree-loop-im"


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.property("coverage", "Python >= 95 % of branches, C++ >= 90 % of lines")
@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="the system keeps no process on one processor")
def test_coverage(figure):
    folder = builds.build("coverage", flags=FLAGS)
    for counted in (*folder.rglob("*.gcda"), *folder.glob("python.data*")):
        counted.unlink()
    there = builds.environment(folder, COVERAGE_FILE=str(folder / "python.data"))
    assert builds.loaded_core(there).parent == folder / "staged" / "pylinear"
    measured = (sys.executable, "-P", "-m", "coverage", "run")
    with on_one_processor():
        core = builds.core_tests(folder, os.environ)
        package = builds.package_tests(folder, there, python=measured)
    branches, lines = of_python(folder, there), of_core(folder)
    figure(f"Python {branches:.1f} % of branches, C++ {lines:.1f} % of lines")
    assert (core.fine, package.fine) == (True, True), f"see {core.log}, {package.log}"
    assert (branches >= 95, lines >= 90) == (True, True), f"see {folder}/python, {folder}/core.html"


@contextlib.contextmanager
def on_one_processor():
    """Keep all that is started on one processor."""
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(allowed)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)


def of_python(folder, environment):
    """Return the share of the package's branches that were taken, in percent."""
    coverage = [sys.executable, "-P", "-m", "coverage"]
    builds.run([*coverage, "combine", "--quiet"], env=environment)
    builds.run([*coverage, "html", "--quiet", "-d", folder / "python"], env=environment)
    builds.run([*coverage, "json", "--quiet", "-o", folder / "python.json"], env=environment)
    totals = json.loads((folder / "python.json").read_text())["totals"]
    return 100 * totals["covered_branches"] / totals["num_branches"]


def of_core(folder):
    """Return the share of the core's lines that were run, in percent; one that is compiled several times is one."""
    command = [builds.tool("gcovr"), "--root", "csrc", "--exclude", "csrc/examples/", "--merge-lines", folder]
    command += ["--gcov-suspicious-hits-threshold", "0"]  # counts may be large
    builds.run([*command, "--html-details", folder / "core.html", "--json-summary", folder / "core.json"])
    return json.loads((folder / "core.json").read_text())["line_percent"]
