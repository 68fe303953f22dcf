"""The whole suite with the oldest packages that pyproject.toml allows, and with the newest that there are."""

import os
import re
import shutil
import sys
import tomllib

import pytest
from packaging.version import Version

import builds

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

PROJECT = tomllib.loads((builds.ROOT / "pyproject.toml").read_text())["project"]
USED = ("plot", "xarray", "zarr", "dask", "mpi", "progress")
OLDEST_PYTHON = PROJECT["requires-python"].removeprefix(">=")

# Old releases use what newer ones of the packages below them have come to warn of; nobody but they can mend that.
TOLD_TO_OTHERS = "ignore::DeprecationWarning:(matplotlib|numcodecs|pyparsing)"


def floors():
    """Return the least version of each package for which pyproject.toml names one."""
    extras = PROJECT["optional-dependencies"].values()
    named = PROJECT["dependencies"] + [requirement for extra in extras for requirement in extra]
    found = (re.fullmatch(r"([A-Za-z0-9_.-]+)>=([0-9.]+)(?:,.*)?", requirement) for requirement in named)
    return {match[1]: match[2] for match in found if match}


@pytest.mark.property("floors", f"the suite passes with the oldest versions allowed, on Python {OLDEST_PYTHON}")
def test_floors(figure):
    if ".".join(map(str, sys.version_info[:2])) != OLDEST_PYTHON:
        pytest.skip(f"needs Python {OLDEST_PYTHON}")
    least = floors()
    python = environment("floors", [f"{name}=={version}" for name, version in least.items()])
    used = versions(python)
    others = {name: found for name, found in used.items() if Version(found) != Version(least[name])}
    if others:
        raise RuntimeError(f"installed are {others}, where {least} were asked for")
    passes(figure, python, used, "-o", f"filterwarnings=error\n{TOLD_TO_OTHERS}")


@pytest.mark.property("newest", "the suite passes with the newest of everything")
def test_newest(figure):
    python = environment("newest", [])
    passes(figure, python, versions(python))


def passes(figure, python, used, *options):
    """Run the suite and hold it against having passed."""
    ours = ("PYTHON", "PYTEST_", "PYLINEAR_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(ours)}
    there = clean | {"PYLINEAR_REQUIRE_CORE": "1"}
    outcome = builds.package_tests(python.parents[1], there, *options, python=(python, "-P"))
    found = ", ".join(f"{name} {version}" for name, version in used.items())
    failed = f", {outcome.failed:,} failed" if not outcome.fine else ""
    figure(f"{outcome.passed:,} passed{failed} with {found}, Python {sys.version.split()[0]}")
    assert outcome.fine, f"see {outcome.log}"


def environment(name, constraints):
    """Return the Python of a virtual environment in build/ with the package and what its tests need.

    One with the same constraints is taken as it stands, but for the package itself; one without is brought up to date.
    """
    folder = builds.BUILDS / name
    python, page = folder / "bin" / "python", folder / "constraints.txt"
    text = "".join(f"{line}\n" for line in constraints)
    if not page.exists() or page.read_text() != text:
        shutil.rmtree(folder, ignore_errors=True)
        builds.run([sys.executable, "-m", "venv", folder])
    pip, wheel = [python, "-m", "pip", "install", "--quiet"], the_wheel()
    if not (page.exists() and constraints):
        (folder / "asked.txt").write_text(text)
        latest = ["--upgrade", "--upgrade-strategy", "eager"]
        needed = f"{PROJECT['name']}[test] @ {wheel.as_uri()}"
        builds.run([*pip, *latest, "--constraint", folder / "asked.txt", needed])
        page.write_text(text)
    builds.run([*pip, "--force-reinstall", "--no-deps", wheel])
    return python


def the_wheel():
    """Return the wheel of the package as it stands now."""
    folder = builds.BUILDS / "wheel"
    shutil.rmtree(folder, ignore_errors=True)
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", folder, "."]
    builds.run(command, env=os.environ | {"PYLINEAR_REQUIRE_CORE": "1"})
    (wheel,) = folder.glob("*.whl")
    return wheel


def versions(python):
    """Return the versions of the packages that the package itself can use."""
    extras = PROJECT["optional-dependencies"]
    groups = [PROJECT["dependencies"], *(extras[name] for name in USED)]
    names = [re.match(r"[A-Za-z0-9_.-]+", requirement)[0] for group in groups for requirement in group]
    names.remove(PROJECT["name"])
    code = "import sys; from importlib.metadata import version; print(*map(version, sys.argv[1:]))"
    return dict(zip(names, builds.run([python, "-P", "-c", code, *names]).split(), strict=True))
