"""Builds of the core with something of the compiler's added, in build/, and the tests run on them.

Each has the bindings and the tests of the core, and in `staged` the package to import in place of what is installed.
"""

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).parents[1]
BUILDS = ROOT / "build"

# An editable install finds the package before any path does. Python runs this where it starts, after it set that up.
SITE = """import sys

sys.meta_path = [finder for finder in sys.meta_path if not type(finder).__module__.startswith("_editable_")]
"""


@dataclass(frozen=True)
class Outcome:
    """How many tests passed, did not, and were skipped; how their command ended, and where what it printed stands."""

    passed: int
    failed: int
    skipped: int
    code: int
    log: Path

    @property
    def fine(self) -> bool:
        """Whether tests were run to the end and none failed."""
        return self.code == 0 and self.failed == 0 and self.passed > 0


def run(command, **more):
    """Return what a command prints, or raise with it."""
    done = subprocess.run(
        list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=ROOT, **more
    )
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(map(str, command))} ended with {done.returncode}:\n{done.stdout[-10_000:]}")
    return done.stdout


def build(name, *options, flags=""):
    """Return the folder of a core built with these options of cmake, `staged` in it the package with that core."""
    import pybind11

    folder = BUILDS / name
    command = [tool("cmake"), "-S", "csrc", "-B", folder, "-G", "Ninja", f"-DCMAKE_MAKE_PROGRAM={tool('ninja')}"]
    command += ["-DPYLINEAR_PYTHON=ON", "-DPYLINEAR_TESTS=ON", f"-Dpybind11_DIR={pybind11.get_cmake_dir()}"]
    command += [f"-DPython_EXECUTABLE={sys.executable}", *options]
    # Of the kinds that keep their symbols. Optimised a little: the lines of a stack are those that were written, and
    # under sanitizers the kernels take seconds to compile, not minutes.
    command += ["-DCMAKE_BUILD_TYPE=RelWithDebInfo", f"-DCMAKE_CXX_FLAGS_RELWITHDEBINFO=-O1 {flags}".rstrip()]
    run([*command, "-DCMAKE_INTERPROCEDURAL_OPTIMIZATION=OFF"])
    run([tool("cmake"), "--build", folder])
    shutil.rmtree(folder / "staged", ignore_errors=True)
    sources = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(ROOT / "pylinear", folder / "staged" / "pylinear", ignore=sources)
    for core in folder.glob("_pylinear_core*.so"):
        shutil.copy2(core, folder / "staged" / "pylinear")
    (folder / "staged" / "sitecustomize.py").write_text(SITE)
    return folder


def tool(name):
    """Return the path of a program that stands beside this Python, or elsewhere."""
    beside = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    found = shutil.which(name, path=beside)
    if not found:
        raise FileNotFoundError(f"{name} is needed (pip install {name})")
    return found


def environment(folder, **more):
    """Return the environment in which Python imports the package that stands in this build."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(("PYLINEAR_", "PYTEST_"))}
    path = [folder / "staged", ROOT / "reliability", *filter(None, [ours.get("PYTHONPATH")])]
    return ours | {"PYTHONPATH": os.pathsep.join(map(str, path)), "PYLINEAR_REQUIRE_CORE": "1"} | more


def loaded_core(environment, prefix=()):
    """Return the file of the core that Python loads there."""
    code = "from pylinear import _engine; print(_engine.core().__file__)"
    return Path(run([*prefix, sys.executable, "-P", "-c", code], env=environment).splitlines()[-1])


def outcome_of(command, environment, report, prefix=()):
    """Return the outcome of a command that writes its tests to `report`, as JUnit does."""
    report.unlink(missing_ok=True)
    log = report.with_suffix(".log")
    with log.open("w") as out:
        command = [*prefix, *map(str, command)]
        code = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, cwd=ROOT, env=environment).returncode
    suites = list(ElementTree.parse(report).iter("testsuite")) if report.exists() else []
    total, bad, skipped = (
        sum(int(suite.get(name, 0)) for suite in suites for name in names)
        for names in (("tests",), ("failures", "errors"), ("skipped", "disabled"))
    )
    return Outcome(total - bad - skipped, bad, skipped, code, log)


def core_tests(folder, environment, prefix=()):
    """Return the outcome of the tests of the core alone."""
    report = folder / "ctest.xml"
    command = [tool("ctest"), "--test-dir", folder, "--output-on-failure", "--parallel", "2", "--output-junit", report]
    return outcome_of(command, environment, report, prefix)


def package_tests(folder, environment, *options, python=(sys.executable, "-P"), prefix=()):
    """Return the outcome of the tests of the package."""
    report = folder / "pytest.xml"
    command = [
        *python,
        "-m",
        "pytest",
        "--quiet",
        "--timeout=600",
        "-p",
        "no:cacheprovider",
        f"--junitxml={report}",
        *options,
    ]
    return outcome_of(command, environment, report, prefix)
