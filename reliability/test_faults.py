"""Whatever the file system refuses, nothing is lost, and the error says where."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

import faulty
import processes

FILES = ("Simulation.save", "Simulation.save anew", "train(checkpoint=)", "sweep(folder=)", "pylinear train --out")
RECORDINGS = ("ZarrRecorder, made", "ZarrRecorder, growing", "ZarrRecorder, gone on with")
PICTURES = ("pictures",)
REQUIRED = (
    "each call failed once: the path in the error or warning, the old intact, the next attempt right, 0 stray files"
)


@pytest.fixture(scope="module")
def preload(tmp_path_factory):
    compiler = shutil.which("cc")
    if compiler is None or sys.platform != "linux":
        pytest.skip("needs Linux and a C compiler")
    library = tmp_path_factory.mktemp("faults") / "faults.so"
    source = Path(__file__).with_name("faults.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O1", str(source), "-o", str(library), "-ldl"], check=True)
    return {"LD_PRELOAD": str(library)}


def started(case, folder, mishap, before=(), **environment):
    """Start `faulty` in a process of its own."""
    return processes.started(faulty.__file__, case, folder, mishap, before=before, environment=environment)


def outcome(running):
    """Return how often what came of the mishaps in each case, and what was wrong."""
    came_of, wrong = {}, []
    for case, process in running.items():
        printed, _ = process.communicate()
        assert process.returncode == 0, case
        told = json.loads(printed)
        came_of[case] = Counter(told["came_of"])
        wrong += [f"{case}: {x}" for x in told["wrong"]]
    print(*wrong, sep="\n")
    return came_of, wrong


def folders(tmp_path, cases):
    for number, case in enumerate(cases):
        folder = tmp_path / str(number) / "in"
        folder.mkdir(parents=True)
        yield case, folder


def measure_calls(figure, tmp_path, cases, mishap, preload):
    came_of, wrong = outcome({case: started(case, x, mishap, **preload) for case, x in folders(tmp_path, cases)})
    total = sum(came_of.values(), Counter())
    figure(
        f"{total.total()} calls failed or cut in {len(cases)} cases, {total['error']} with an error and"
        f" {total['warning']} with a warning; {len(wrong)} things wrong"
    )
    # Short writes, and what can be done without, come of nothing.
    assert all(3 * (x["error"] + x["warning"]) > x.total() for x in came_of.values())
    assert not wrong


@pytest.mark.timeout(600)
@pytest.mark.property("I/O faults: files", REQUIRED)
def test_calls_for_files(figure, tmp_path, preload):
    measure_calls(figure, tmp_path, FILES, "calls", preload)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@pytest.mark.property("I/O faults: recordings, pictures", REQUIRED)
def test_calls_for_recordings_and_pictures(figure, tmp_path, preload):
    measure_calls(figure, tmp_path, RECORDINGS + PICTURES, "changes", preload)


@pytest.mark.timeout(600)
@pytest.mark.property("a full disk", "the same on file systems with 0 to 44 kB of room")
def test_full_disks(figure, tmp_path):
    cases = FILES + RECORDINGS + PICTURES
    trial = tmp_path / "trial"
    trial.mkdir()
    mount = ["unshare", "--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs -o size=4m tmpfs "$0" && exec "$@"']
    try:
        may = subprocess.run([*mount, str(trial), "true"], capture_output=True).returncode == 0
    except FileNotFoundError:
        may = False
    came_of, wrong = outcome(
        {
            case: started(case, folder, "full", [*mount, str(folder)]) if may else started(case, folder, "limit")
            for case, folder in folders(tmp_path, cases)
        }
    )
    total = sum(came_of.values(), Counter())
    how = "file systems of their own" if may else "files of limited size, for want of the right to mount"
    figure(
        f"{total.total()} attempts in {len(cases)} cases in {how}: {total['error']} with an error,"
        f" {total['warning']} with a warning; {len(wrong)} things wrong"
    )
    assert all(x["error"] + x["warning"] for x in came_of.values())
    assert not wrong
