import _thread
import os
import pickle
import signal
import threading
import time

import numpy as np
import pytest
from scipy.stats import ks_2samp

import pylinear as pl
from problems import inputs_of
from pylinear import _problem, _record, _train
from pylinear._stop import Stop

pytestmark = pytest.mark.core


@pytest.fixture(scope="module")
def data():
    return pl.Tree((2, 2), 0.1).sample(400, rng=0)


def test_shapes(data):
    run = pl.train(
        data,
        hidden=5,
        rate=1e-3,
        epochs=30,
        runs=3,
        rng=0,
        record=11,
        init=pl.Gaussian(0.01),
        keep=("hidden", "weights"),
    )
    assert run.presentations.tolist() == [12 * i for i in range(11)]
    assert run.epochs.tolist() == [3 * i for i in range(11)]
    assert run.mode_strengths.shape == (3, 11, 4)
    assert run.loss.shape == (3, 11)
    assert run.initial_strengths.shape == (3, 4)
    assert run.weights.w21.shape == (3, 5, 4)
    assert run.weights.w32.shape == (3, 400, 5)
    assert run.hidden.shape == (3, 11, 5, 4)
    assert run.weights_over_time.w21.shape == (3, 11, 5, 4)
    assert run.weights_over_time.w32.shape == (3, 11, 400, 5)
    assert run.status == ("ok",) * 3
    assert run.completed.tolist() == [120] * 3
    assert "3 of them ok" in repr(run)


def test_nothing_is_kept_that_was_not_asked_for(data):
    run = pl.train(data, hidden=5, rate=1e-3, epochs=3, rng=0)
    assert run.hidden is None
    assert run.weights_over_time is None
    kept = pl.train(data, hidden=5, rate=1e-3, epochs=3, rng=0, keep=["hidden"])
    assert kept.hidden is not None
    assert kept.weights_over_time is None
    assert kept.maps is None


@pytest.mark.parametrize("update", ["online", "batch", "flow"])
@pytest.mark.parametrize("reduce", [False, "exact", "krylov"])
@pytest.mark.parametrize("kind", ["one-hot", "orthogonal", "wide", "rank-deficient", "a zero input"])
def test_maps_are_those_of_the_weights(kind, reduce, update):
    rng = np.random.default_rng(0)
    data = pl.Dataset(rng.standard_normal((30, 6)), inputs_of(kind, 6, rng))
    options = {"hidden": 5, "rate": 0.01, "epochs": 20, "init": pl.Gaussian(0.1), "rng": 0, "runs": 2, "record": 11}
    run = pl.train(data, keep=("maps", "weights"), reduce=reduce, update=update, **options)
    w, modes = run.weights_over_time, data.modes
    between = np.einsum("ia,rtij,rtjk,kb->rtab", modes.u, w.w32, w.w21, modes.v, optimize=True)
    np.testing.assert_allclose(run.maps, between, atol=1e-12)
    np.testing.assert_allclose(np.diagonal(run.maps, axis1=2, axis2=3), run.mode_strengths, atol=1e-12)
    alone = pl.train(data, keep=["maps"], reduce=reduce, update=update, **options)
    np.testing.assert_array_equal(alone.maps, run.maps)


def test_maps_of_large_networks_are_made_a_few_at_a_time(data, monkeypatch):
    options = {"hidden": 50, "rate": 1e-3, "epochs": 30, "rng": 0, "record": 11, "keep": ["maps"], "reduce": False}
    once = pl.train(data, **options)
    monkeypatch.setattr(_record, "_AT_ONCE", 3 * 50 * 404)
    few = pl.train(data, **options)
    np.testing.assert_array_equal(few.maps, once.maps)
    np.testing.assert_array_equal(few.mode_strengths, once.mode_strengths)
    np.testing.assert_array_equal(few.weights.w32, once.weights.w32)
    stopped = pl.train(data, **{**options, "rate": 0.5, "init": pl.Gaussian(0.1)})
    assert stopped.status == ("diverged",)
    np.testing.assert_array_equal(np.isnan(stopped.maps).any(axis=(2, 3)), np.isnan(stopped.loss))


def test_maps_in_law_have_their_law():
    data = pl.Tree((2, 2), 0.1).sample(100, rng=0)
    options = {"hidden": 6, "rate": 1e-3, "epochs": 100, "init": pl.Gaussian(0.05), "keep": ["maps"], "record": [0, 60]}
    law = pl.train(data, reduce="law", runs=400, rng=0, **options).maps
    exact = pl.train(data, reduce="exact", runs=400, rng=1, **options).maps
    for a, b in ((0, 1), (2, 1), (3, 3)):
        for t in range(2):
            # At 400 against 400, a p-value below 1e-4 is six false alarms in 10,000 suites.
            assert ks_2samp(law[:, t, a, b], exact[:, t, a, b]).pvalue > 1e-4


def test_it_learns_the_data(data):
    run = pl.train(data, hidden=5, rate=2e-3, epochs=1500, runs=2, rng=0, init=pl.Gaussian(0.01))
    np.testing.assert_allclose(run.mode_strengths[:, -1], np.tile(data.modes.s, (2, 1)), rtol=1e-6)
    assert (run.loss[:, -1] < 1e-6).all()
    assert run.loss[0, 0] == pytest.approx(np.sum(data.outputs**2) / 2, rel=0.01)


@pytest.mark.parametrize(
    ("record", "epochs", "expected"),
    [
        (1, 3, [12]),
        (2, 3, [0, 12]),
        (4, 3, [0, 4, 8, 12]),
        (5, 3, [0, 4, 8, 12]),
        (7, 3, [0, 2, 4, 6, 8, 10, 12]),
        (12, 3, [0, 1, 2, 4, 5, 6, 8, 9, 10, 12]),
        (200, 2, list(range(9))),
        (3, 2.25, [0, 8, 9]),
        (4, 2.25, [0, 4, 8, 9]),
        (2, 2.25, [0, 9]),
        (7, 0.75, [0, 1, 2, 3]),
        ([0, 0.25, 0.25, 1], 3, [0, 1, 4]),
        (np.array([2.0]), 3, [8]),
    ],
)
def test_when_it_records(data, record, epochs, expected):
    run = pl.train(data, hidden=2, rate=1e-3, epochs=epochs, record=record, rng=0)
    assert run.presentations.tolist() == expected
    assert run.completed.tolist() == [round(4 * epochs)]


def test_initial_weights_are_those_it_began_with(data):
    run = pl.train(data, hidden=5, rate=1e-3, epochs=1, runs=3, rng=8, keep=["weights"], init=pl.Gaussian(0.1))
    for k in range(3):
        w21, w32 = run.initial_weights(k)
        np.testing.assert_array_equal(run.weights_over_time.w21[k, 0], w21)
        np.testing.assert_array_equal(run.weights_over_time.w32[k, 0], w32)
        expected = pl.theory.initial_strength(w21, w32, data.modes.u, data.modes.v)
        np.testing.assert_array_equal(run.initial_strengths[k], expected)
    assert (run.initial_weights(0).w21 != run.initial_weights(1).w21).any()
    with pytest.raises(ValueError, match="run must be a whole number from 0 to 2"):
        run.initial_weights(3)


def test_what_a_run_began_with_cannot_be_overwritten(data):
    weights = np.full((2, 4), 0.1), np.full((400, 2), 0.1)
    run = pl.train(data, hidden=2, rate=1e-3, epochs=1, rng=0, init=weights)
    balanced = pl.Balanced([0.1, 0.2, 0.3, 0.4])
    for array in (*run.initial_weights(0), balanced.c, balanced.d):
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0
    weights[0][:] = 7
    assert run.initial_weights(0).w21.max() == 0.1


def test_given_weights(data):
    rng = np.random.default_rng(0)
    w21, w32 = rng.standard_normal((2, 3, 4)), rng.standard_normal((2, 400, 3))
    run = pl.train(data, hidden=3, rate=1e-3, epochs=1, runs=2, init=(w21, w32), keep=["weights"], rng=0)
    np.testing.assert_array_equal(run.weights_over_time.w32[:, 0], w32)
    shared = pl.train(data, hidden=3, rate=1e-3, epochs=7, runs=2, init=(w21[0], w32[0]), keep=["weights"], rng=0)
    np.testing.assert_array_equal(shared.weights_over_time.w21[:, 0], [w21[0], w21[0]])
    # One start, and each run its own order.
    assert (shared.weights.w32[0] != shared.weights.w32[1]).any()


@pytest.mark.parametrize("init", [pl.Balanced(0.01), pl.Decoupled(0.1, 0.2), pl.Gaussian(0.1)])
def test_float32(data, init):
    single = pl.train(data, hidden=5, rate=1e-3, epochs=200, rng=0, init=init, dtype="float32")
    double = pl.train(data, hidden=5, rate=1e-3, epochs=200, rng=0, init=init)
    assert single.weights.w32.dtype == np.float32
    assert single.mode_strengths.dtype == np.float64
    np.testing.assert_allclose(single.mode_strengths, double.mode_strengths, rtol=1e-3, atol=1e-4)


def test_rng_of_a_run_repeats_it(data):
    run = pl.train(data, hidden=3, rate=1e-3, epochs=5, rng=np.random.default_rng(5))
    again = pl.train(data, hidden=3, rate=1e-3, epochs=5, rng=run.rng)
    np.testing.assert_array_equal(run.weights.w32, again.weights.w32)
    assert (pl.train(data, hidden=3, rate=1e-3, epochs=5).weights.w32 != run.weights.w32).any()


def test_divergence_is_a_status(data):
    run = pl.train(data, hidden=3, rate=1.0, epochs=50, runs=2, rng=0, init=pl.Gaussian(0.1), record=51)
    assert run.status == ("diverged", "diverged")
    assert np.isfinite(run.weights.w32).all()
    assert np.isfinite(run.weights.w21).all()
    assert (run.completed < 200).all()
    for k in range(2):
        reached = run.presentations <= run.completed[k]
        assert not np.isnan(run.loss[k, reached]).any()
        assert np.isnan(run.loss[k, ~reached]).all()


def test_route(data):
    assert pl.train(data, hidden=2, rate=1e-3, epochs=1).route == "blocked"
    assert pl.train(data, hidden=2, rate=1e-3, epochs=1, route="fused").route == "fused"
    correlated = pl.Dataset(data.outputs, np.ones((4, 4)) + np.eye(4))
    assert pl.train(correlated, hidden=2, rate=1e-3, epochs=1).route == "fused"
    with pytest.raises(ValueError, match="'blocked' needs mutually orthogonal inputs"):
        pl.train(correlated, hidden=2, rate=1e-3, epochs=1, route="blocked")


def press_ctrl_c_after(seconds):
    timer = threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    return timer


@pytest.mark.parametrize("runs", [1, 5])
def test_ctrl_c_stops_training_and_loses_nothing(data, runs):
    press_ctrl_c_after(0.5)
    with pytest.raises(pl.TrainingInterrupted) as caught:
        pl.train(data, hidden=16, rate=1e-4, epochs=10**9, runs=runs, rng=0, record=np.arange(1000))
    run = caught.value.run
    assert "interrupted" in run.status
    assert np.isfinite(run.loss[0]).all()
    done = int(run.completed[0])
    assert done > 4000
    # What the stopped network leaves of a block is computed when its weights are asked for, here or elsewhere.
    sent = pickle.loads(pickle.dumps(run))
    again = pl.train(data, hidden=16, rate=1e-4, epochs=done / 4, rng=0)
    np.testing.assert_array_equal(again.weights.w32[0], run.weights.w32[0])
    np.testing.assert_array_equal(again.weights.w32[0], sent.weights.w32[0])


@pytest.mark.parametrize("init", [pl.Gaussian(0.1), pl.Balanced(0.01)])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_a_training_may_stop_at_any_step_of_its_set_up(data, init, dtype, monkeypatch):
    arguments = {"hidden": 5, "rate": 1e-3, "epochs": 3, "init": init, "rng": 0, "reduce": False, "dtype": dtype}
    whole = pl.train(data, **arguments)
    monkeypatch.setattr(_problem, "_PART", 500)
    poll = Stop.poll
    for steps in range(100):
        left = iter(range(steps))

        def count(stop, left=left):
            if next(left, None) is None:
                stop.set()
            poll(stop)

        monkeypatch.setattr(Stop, "poll", count)
        run = pl.train(data, **arguments)
        if run.status == ("ok",):
            break
        assert run.status == ("interrupted",)
        assert run.completed.tolist() == [0]
        assert np.isnan(run.loss).all()
        assert np.isnan(run.weights.w32).all()
    # The weights are drawn, looked at, copied, measured, and the arrays of the data copied in float32.
    assert steps >= (13 if dtype == "float64" else 16)
    np.testing.assert_array_equal(run.weights.w32, whole.weights.w32)
    np.testing.assert_array_equal(run.loss, whole.loss)
    np.testing.assert_allclose(run.initial_strengths, whole.initial_strengths, rtol=1e-13)


def test_what_ends_as_ctrl_c_comes_is_not_copied(data, monkeypatch):
    arguments = {"hidden": 5, "rate": 1e-3, "epochs": 3, "rng": 0, "reduce": False}
    whole = pl.train(data, **arguments)
    copied, given = _record._copied, []

    def late(network, stop):
        stop.set()
        given.append(copied(network, stop))
        return given[-1]

    monkeypatch.setattr(_record, "_copied", late)
    run = pl.train(data, **arguments)
    assert isinstance(given[0], _record._Standing)
    assert run.status == ("ok",)
    np.testing.assert_array_equal(run.weights.w32, whole.weights.w32)


def test_ctrl_c_stops_a_simulation_where_it_can_go_on(data):
    weights = pl.Gaussian(0.01).draw(data, 16, np.random.default_rng(0))
    sim = pl.Simulation(data, *weights, rate=1e-4, rng=0)
    press_ctrl_c_after(0.5)
    with pytest.raises(KeyboardInterrupt):
        sim.advance(epochs=10**9)
    assert sim.status == "ok"
    done = sim.presentations
    assert done > 0
    sim.advance(presentations=10)
    unbroken = pl.Simulation(data, *weights, rate=1e-4, rng=0)
    unbroken.advance(presentations=done + 10)
    np.testing.assert_array_equal(sim.w32, unbroken.w32)


@pytest.mark.parametrize("route", ["blocked", "fused"])
def test_the_interpreter_runs_on_while_a_network_trains(data, route):
    weights = pl.Gaussian(0.01).draw(data, 16, rng=0)
    sim = pl.Simulation(data, *weights, rate=1e-4, rng=0, threads=1, route=route)
    ticks = []
    stop = threading.Event()

    def tick():
        while not stop.wait(0.005):
            ticks.append(time.monotonic())

    thread = threading.Thread(target=tick)
    thread.start()
    # One call, long enough for many ticks: without the lock's release there would be none inside it.
    epochs, began, ended = 2_000, 0.0, 0.0
    while ended - began < 0.3:
        epochs *= 2
        began = time.monotonic()
        sim.advance(epochs=epochs)
        ended = time.monotonic()
    stop.set()
    thread.join()
    assert sum(began + 0.05 < t < ended - 0.05 for t in ticks) > 10


def test_several_threads_may_train_at_once(data):
    expected = pl.train(data, hidden=8, rate=1e-3, epochs=100, rng=0).weights.w32
    results = [None] * 4

    def work(i):
        results[i] = pl.train(data, hidden=8, rate=1e-3, epochs=100, rng=0).weights.w32

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all((result == expected).all() for result in results)


def test_a_forked_child_can_train(data):
    big = pl.Tree((2, 2), 0.1).sample(20_000, rng=0)
    pl.train(big, hidden=16, rate=1e-4, epochs=5, threads=2)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            pl.train(big, hidden=16, rate=1e-4, epochs=5, threads=2)
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0


def test_an_error_in_one_run_reaches_the_caller(data, monkeypatch):
    def fail(*_):
        raise MemoryError("no room for the weights")

    monkeypatch.setattr(pl.Gaussian, "_weights", fail)
    with pytest.raises(MemoryError, match="no room"):
        pl.train(data, hidden=3, rate=1e-3, epochs=1, runs=20)


def test_a_second_ctrl_c_waits_for_the_first():
    calls = []

    class Pool:
        def shutdown(self, **arguments):
            calls.append(arguments)
            if len(calls) < 3:
                raise KeyboardInterrupt

    _train._shut_down(Pool())
    assert calls == [{"cancel_futures": True}] * 3


def test_a_record_of_more_times_than_there_are_is_as_good_as_all(data):
    run = pl.train(data, hidden=2, rate=1e-3, epochs=1, rng=0, record=2**31)
    assert run.presentations.tolist() == [0, 1, 2, 3, 4]


def test_float32_refuses_what_it_cannot_hold(data):
    with pytest.raises(ValueError, match="w21 must be finite in float32"):
        pl.train(data, hidden=2, rate=1e-3, epochs=1, init=(np.full((2, 4), 1e300), np.ones((400, 2))), dtype="float32")
    with pytest.raises(ValueError, match="outputs must be finite in float32"):
        pl.train(pl.Dataset([[1e150]]), hidden=2, rate=1e-3, epochs=1, dtype="float32")


def test_interrupting_the_main_thread_from_another(data):
    threading.Timer(0.5, _thread.interrupt_main).start()
    with pytest.raises(KeyboardInterrupt):
        pl.train(data, hidden=16, rate=1e-4, epochs=10**9)
