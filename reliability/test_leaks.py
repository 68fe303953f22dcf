"""What is done many times leaves nothing behind: no memory, no threads, no open files."""

import json
import os

import pytest

import leaking
import processes

pytestmark = pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="needs Linux's /proc")

COUNT = 10_000
MOST = 2**20
REQUIRED = f"below 1 MB more, and no thread or open file more, after {COUNT:,} calls"


def started(*names):
    return processes.started(leaking.__file__, COUNT, *names)


def growth(process):
    """Return by how many bytes, threads and open files it has grown."""
    printed, _ = process.communicate()
    assert process.returncode == 0
    return json.loads(printed)


def shown(grown):
    size, threads, files = grown
    return f"{size / 2**20:+.2f} MB, {threads:+d} threads, {files:+d} files"


@pytest.mark.timeout(600)
@pytest.mark.property("leaks: of everything in turn", f"{REQUIRED} of {len(leaking.QUICK)} kinds in turn")
def test_leaks_of_all_in_turn(figure):
    grown = growth(started(*leaking.QUICK))
    figure(f"{shown(grown)}; {len(leaking.QUICK)} kinds of calls")
    assert grown[0] < MOST
    assert max(grown[1:]) <= 0


@pytest.mark.slow
@pytest.mark.timeout(3600)
@pytest.mark.property("leaks: of each alone", f"{REQUIRED} of each of {len(leaking.RUNS)} kinds")
def test_leaks_of_each(figure):
    grown = {name: growth(started(name)) for name in leaking.RUNS}
    for name, each in grown.items():
        print(f"{name}: {shown(each)}")
    worst = max(grown, key=lambda name: grown[name][0])
    figure(f"at worst {shown(grown[worst])} ({worst}); {len(grown)} kinds of calls")
    assert all(size < MOST and max(rest) <= 0 for size, *rest in grown.values())
