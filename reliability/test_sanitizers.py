"""The sanitizers over the tests of the core, and over those tests of the package that use the core in one process."""

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

import builds

pytestmark = [pytest.mark.slow, pytest.mark.timeout(3000)]

# Where the core does the work, rather than numpy: what a sanitizer slows down most and learns least from is left out.
MODULES = (
    "bad_input",
    "checkpoint",
    "dlpack",
    "engine",
    "exact",
    "law",
    "random",
    "same_bits",
    "simulation",
    "simulation_changes",
    "threads",
    "train",
    "tree",
)
REQUIRED = f"0 reports over the C++ tests and the Python tests of {len(MODULES)} modules in which the core works"

REPORT = re.compile(r"ERROR: (?:Address|Leak)Sanitizer|WARNING: ThreadSanitizer|: runtime error: ")

# Tests of allocations that must fail expect an error, and not the end of the process.
ALWAYS = "allocator_may_return_null=1:log_path="


@pytest.mark.property("ASan + UBSan", REQUIRED)
def test_addresses_and_undefined_behaviour(figure):
    folder = sanitized("address,undefined", "__asan_init", "__ubsan_handle")
    log = emptied(folder / "reports") / "report"
    everywhere = {"UBSAN_OPTIONS": f"print_stacktrace=1:{ALWAYS}{log}"}
    asan = f"detect_stack_use_after_return=1:{ALWAYS}{log}"
    judge(
        figure,
        folder,
        everywhere | {"ASAN_OPTIONS": f"detect_leaks=1:{asan}"},
        # Python leaves what lives to its end to the system; what the core leaks is seen in the C++ tests. Without pools
        # of its own, each object of Python is a block that the sanitizer knows.
        everywhere | {"ASAN_OPTIONS": f"detect_leaks=0:{asan}", "PYTHONMALLOC": "malloc"},
        ["libasan", "libubsan"],
    )


@pytest.mark.property("TSan", REQUIRED)
def test_threads(figure):
    folder = sanitized("thread", "__tsan_init")
    log = emptied(folder / "reports") / "report"
    threads = {"TSAN_OPTIONS": f"second_deadlock_stack=1:{ALWAYS}{log}"}
    # How numpy's own threads wait for one another is nothing that the sanitizer can see.
    judge(figure, folder, threads, threads | {"OPENBLAS_NUM_THREADS": "1"}, ["libtsan"])


def judge(figure, folder, with_core, with_package, runtimes):
    """Run the tests of both kinds, each with its environment, and hold the number of reports against none."""
    prefix = fixed_addresses()
    core = builds.core_tests(folder, os.environ | with_core, prefix)
    preload = ":".join(map(library, [*runtimes, "libstdc++"]))
    there = builds.environment(folder, LD_PRELOAD=preload, **with_package)
    assert builds.loaded_core(there, prefix=prefix).parent == folder / "staged" / "pylinear"
    files = [f"tests/test_{module}.py" for module in MODULES]
    # What is printed goes to the log, where it stays if the process ends.
    options = ("--capture=no", "-m", "core", "-p", "one_process")
    package = builds.package_tests(folder, there, *options, *files, prefix=prefix)
    n = reports(core.log, package.log, *(folder / "reports").iterdir())
    ran = f"{core.passed} C++ tests, {package.passed} Python tests"
    ended = "" if core.fine and package.fine else f"; failed: {core.failed} C++ tests, {package.failed} Python tests"
    figure(f"{n} reports: {ran}{ended}")
    assert (n, core.fine, package.fine) == (0, True, True), f"see {core.log}, {package.log}, {folder}/reports"


def sanitized(sanitizers, *symbols):
    """Return the build with these sanitizers, whose core calls these functions of theirs."""
    folder = builds.build(sanitizers.partition(",")[0], f"-DPYLINEAR_SANITIZE={sanitizers}")
    (core,) = (folder / "staged" / "pylinear").glob("_pylinear_core*.so")
    assert [symbol for symbol in symbols if symbol.encode() not in core.read_bytes()] == []
    return folder


def library(name):
    """Return the file of one of the compiler's libraries."""
    found = builds.run([os.environ.get("CXX", "c++"), f"-print-file-name={name}.so"]).strip()
    if not Path(found).is_absolute():
        pytest.skip(f"the compiler has no {name}")
    return found


def fixed_addresses():
    """Return what keeps the addresses of a command from being random: early sanitizers fail with some of those."""
    prefix = ("setarch", "--addr-no-randomize")
    allowed = shutil.which("setarch") and subprocess.run([*prefix, "true"], capture_output=True).returncode == 0
    return prefix if allowed else ()


def emptied(folder):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def reports(*paths):
    """Return how many there are in these files; those of UBSan are printed where ASan's go to a file."""
    return sum(len(REPORT.findall(path.read_text(errors="replace"))) for path in paths)
