"""How much of the package and of the core the tests of both run."""

import json
import os
import sys

import pytest

import builds


@pytest.mark.slow
@pytest.mark.timeout(3000)
@pytest.mark.property("coverage", "Python >= 95 % of branches, C++ >= 90 % of lines")
def test_coverage(figure):
    # Threads that count together otherwise lose counts, from which those of other lines are computed.
    folder = builds.build("coverage", flags="--coverage -fprofile-update=atomic")
    for counted in (*folder.rglob("*.gcda"), *folder.glob("python.data*")):
        counted.unlink()
    there = builds.environment(folder, COVERAGE_FILE=str(folder / "python.data"))
    assert builds.loaded_core(there).parent == folder / "staged" / "pylinear"
    core = builds.core_tests(folder, os.environ)
    measured = (sys.executable, "-P", "-m", "coverage", "run")
    package = builds.package_tests(folder, there, python=measured)
    branches, lines = of_python(folder, there), of_core(folder)
    figure(f"Python {branches:.1f} % of branches, C++ {lines:.1f} % of lines")
    assert (core.fine, package.fine) == (True, True), f"see {core.log}, {package.log}"
    assert (branches >= 95, lines >= 90) == (True, True), f"see {folder}/python, {folder}/core.html"


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
    command = [builds.tool("gcovr"), "--root", "csrc", "--exclude", "csrc/examples/", folder]
    builds.run([*command, "--html-details", folder / "core.html", "--json-summary", folder / "core.json"])
    return json.loads((folder / "core.json").read_text())["line_percent"]
