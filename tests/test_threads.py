"""How many threads a call uses: said by the call, else by threadpoolctl, the environment, the machine."""

import os
import threading

import numpy as np
import pytest
import threadpoolctl

import pylinear as pl
from pylinear import _blas

pytestmark = pytest.mark.core

TREE = pl.Tree((2,) * 6, 0.1)


def library():
    (found,) = [x for x in threadpoolctl.threadpool_info() if x["user_api"] == "pylinear"]
    return found


@pytest.fixture(autouse=True)
def four_threads(monkeypatch):
    monkeypatch.setenv("PYLINEAR_NUM_THREADS", "4")


def most_threads_in(call):
    """Return how many threads of the system a call adds at the most."""
    # By their numbers: those of earlier calls may take a moment to go.
    before = set(os.listdir("/proc/self/task"))
    done, most = threading.Event(), [0]

    def watch():
        own = before | {str(threading.get_native_id())}
        while not done.wait(0.001):
            most[0] = max(most[0], len(set(os.listdir("/proc/self/task")) - own))

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        call()
    finally:
        done.set()
        watcher.join()
    return most[0]


def test_threadpoolctl_lists_the_core():
    found = library()
    assert found["num_threads"] == 4
    assert found["prefix"] == "_pylinear_core"
    assert found["version"] == pl.info()["version"]
    assert found["filepath"].endswith(".so")


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs a system that lists a process's threads")
def test_a_limit_is_kept_by_the_threads_that_run():
    def call():
        TREE.gram(40_000_000, rng=0)

    assert most_threads_in(call) == 3  # beside the caller's own
    with threadpoolctl.threadpool_limits(1):
        assert most_threads_in(call) == 0
    with threadpoolctl.threadpool_limits({"pylinear": 2}):
        assert most_threads_in(call) == 1
    assert most_threads_in(call) == 3


def test_limits_nest_and_end(monkeypatch):
    with threadpoolctl.threadpool_limits(3):
        assert pl.info()["threads"] == library()["num_threads"] == 3
        with threadpoolctl.threadpool_limits(1):
            assert pl.info()["threads"] == 1
        assert pl.info()["threads"] == 3
    assert pl._engine.thread_limit() is None
    # Nothing is left of it: what was read at the start is not what is set for ever.
    monkeypatch.setenv("PYLINEAR_NUM_THREADS", "5")
    assert pl.info()["threads"] == 5


def test_a_limit_lowers_and_does_not_raise():
    with threadpoolctl.threadpool_limits(100):
        assert pl.info()["threads"] == library()["num_threads"] == 4


def test_a_call_that_says_how_many_threads_has_them():
    w21, w32 = np.full((2, 4), 0.1), np.full((5, 2), 0.1)
    with threadpoolctl.threadpool_limits(1):
        assert pl.Simulation(pl.toy(), w21, w32, rate=0.1, threads=3).threads == 3
        assert pl.Simulation(pl.toy(), w21, w32, rate=0.1).threads == 1


@pytest.mark.skipif(not os.path.isdir("/proc/self/task"), reason="needs a system that lists a process's threads")
def test_a_limit_holds_for_a_simulation_made_before_it():
    rng = np.random.default_rng(0)
    data = pl.Dataset(rng.normal(size=(50_000, 4)))
    w21, w32 = rng.normal(size=(64, 4)) / 100, rng.normal(size=(50_000, 64)) / 100
    limited, free = (pl.Simulation(data, w21, w32, rate=1e-6, order="cyclic") for _ in range(2))
    with threadpoolctl.threadpool_limits(1):
        assert most_threads_in(lambda: limited.advance(epochs=20)) == 0
    assert most_threads_in(lambda: free.advance(epochs=20)) == 3
    np.testing.assert_array_equal(limited.w32, free.w32)


def test_a_limit_is_that_of_its_thread():
    seen = []
    with threadpoolctl.threadpool_limits(1):
        other = threading.Thread(target=lambda: seen.append(pl.info()["threads"]))
        other.start()
        other.join()
    assert seen == [4]


def test_limits_of_blas_are_not_ours_and_ours_outlive_them():
    with threadpoolctl.threadpool_limits(1, user_api="blas"):
        assert pl.info()["threads"] == 4
    with _blas.one_thread():
        assert pl.info()["threads"] == 4
        limit = threadpoolctl.threadpool_limits(2)
    assert pl.info()["threads"] == 2
    limit.restore_original_limits()
    assert pl.info()["threads"] == 4


def test_a_wrong_number_in_the_environment_is_for_our_own_calls_to_complain_of(monkeypatch):
    monkeypatch.setenv("PYLINEAR_NUM_THREADS", "many")
    assert library()["num_threads"] >= 1
    with threadpoolctl.threadpool_limits(1):
        assert library()["num_threads"] == 1
    with pytest.raises(ValueError, match="PYLINEAR_NUM_THREADS must be a whole number"):
        pl.info()
