"""What may be done to a simulation between its calls."""

import sys
import threading

import numpy as np
import pytest

import pylinear as pl
from baselines import naive
from oracles import presented, relative
from problems import inputs_of

pytestmark = pytest.mark.core

KINDS = ["one-hot", "orthogonal", "correlated"]


def problem(kind="one-hot", n_items=5, n_features=40, hidden=4):
    rng = np.random.default_rng(0)
    data = pl.Dataset(rng.normal(size=(n_features, n_items)), inputs_of(kind, n_items, rng))
    return data, rng.normal(size=(hidden, data.n_inputs)) / 4, rng.normal(size=(n_features, hidden)) / 4


def simulation(kind="one-hot", **options):
    return pl.Simulation(*problem(kind), **{"rate": 0.01, "rng": 0, **options})


def routes(kind):
    return ["fused"] if kind == "correlated" else ["fused", "blocked"]


def looped(data, weights, rate, items):
    """The loop over presentations, in numpy."""
    return naive(data, *weights, rate, items)


class TestLooking:
    def test_hook_comes_after_every_so_many_epochs_and_at_the_end(self):
        sim, seen = simulation(), []
        sim.advance(presentations=12)
        sim.advance(epochs=6, every=2, hook=lambda sim: seen.append(sim.presentations))
        assert seen == [20, 30, 40, 42]
        sim.advance(epochs=1, every=0.4, hook=lambda sim: seen.append(sim.presentations))
        assert seen[4:] == [44, 46, 47]
        sim.advance(presentations=0, hook=lambda sim: seen.append(sim.presentations))
        assert len(seen) == 7

    def test_looking_changes_nothing(self):
        watched, alone = simulation(route="blocked"), simulation(route="blocked")
        losses = []
        watched.advance(epochs=7, every=0.6, hook=lambda sim: losses.append(sim.loss))
        alone.advance(epochs=7)
        np.testing.assert_array_equal(watched.w32, alone.w32)
        assert losses[-1] == alone.loss
        assert all(np.diff(losses) < 0)

    def test_until(self):
        sim = simulation()
        goal = sim.loss / 2
        sim.advance(until=lambda sim: sim.loss < goal)
        assert sim.presentations % 5 == 0
        assert sim.loss < goal
        stood = sim.presentations
        sim.advance(until=lambda sim: sim.loss < goal)
        assert sim.presentations == stood
        sim.advance(epochs=3, until=lambda _: False)
        assert sim.presentations == stood + 15
        sim.advance(presentations=100, every=0.2, until=lambda sim: sim.presentations == stood + 17)
        assert sim.presentations == stood + 17

    def test_a_hook_that_raises_ends_the_call_where_it_is(self):
        sim = simulation()

        def refuse(sim):
            if sim.presentations == 15:
                raise LookupError("enough")

        with pytest.raises(LookupError, match="enough"):
            sim.advance(epochs=9, hook=refuse)
        assert sim.presentations == 15
        alone = simulation()
        alone.advance(presentations=15)
        np.testing.assert_array_equal(sim.w32, alone.w32)

    def test_divergence_ends_it(self):
        sim, seen = simulation(rate=30.0), []
        sim.advance(until=lambda _: False, hook=lambda sim: seen.append(sim.status))
        assert seen[-1] == "diverged"
        assert seen.count("diverged") == 1

    def test_bad_arguments_train_nothing(self):
        sim = simulation(update="batch")
        for arguments, error in (
            ({"epochs": 1, "every": 0.4, "hook": print}, "every must be by whole epochs"),
            ({"epochs": 1, "every": 0, "hook": print}, "every must be at least one presentation"),
            ({"epochs": 1, "every": -1, "until": print}, "every must be between 0"),
            ({"epochs": 1, "every": 1}, "every only with until or hook"),
            ({"epochs": 1, "presentations": 5, "until": print}, "either epochs or presentations"),
            ({"hook": print}, "either epochs or presentations"),
        ):
            with pytest.raises((TypeError, ValueError), match=error):
                sim.advance(**arguments)
        assert sim.presentations == 0

    def test_a_hook_may_change_the_simulation(self):
        def decay(sim):
            sim.rate *= 0.5

        sim, by_hand = simulation(), simulation()
        sim.advance(epochs=3, hook=decay)
        for _ in range(3):
            by_hand.advance(epochs=1)
            by_hand.rate *= 0.5
        assert sim.rate == 0.01 / 8
        np.testing.assert_array_equal(sim.w32, by_hand.w32)


@pytest.mark.parametrize("kind", KINDS)
def test_other_rates_are_those_of_the_loop(kind):
    for route in routes(kind):
        data, *weights = problem(kind)
        sim = pl.Simulation(data, *weights, rate=0.01, order="cyclic", route=route)
        done = 0
        for rate, count in ((0.01, 7), (0.03, 4), (0.002, 11), (0.002, 3)):
            sim.rate = rate
            assert sim.rate == rate
            sim.advance(presentations=count)
            items = [t % data.n_items for t in range(done, done + count)]
            weights = looped(data, weights, rate, items)
            done += count
        assert relative(sim.w21, weights[0]) < 1e-12
        assert relative(sim.w32, weights[1]) < 1e-12


def test_the_same_rate_or_order_again_changes_no_bit():
    for order in ("reshuffled", [2, 0, 1]):
        sim, alone = simulation(route="blocked", order=order), simulation(route="blocked", order=order)
        for _ in range(6):
            sim.advance(presentations=3)
            sim.rate = 0.01
            sim.order = order
        alone.advance(presentations=18)
        np.testing.assert_array_equal(sim.w32, alone.w32)


@pytest.mark.parametrize("kind", KINDS)
def test_another_order_begins_with_the_next_presentation(kind):
    for route in routes(kind):
        data, *weights = problem(kind)
        sim = pl.Simulation(data, *weights, rate=0.01, order="cyclic", route=route, rng=3)
        sim.advance(presentations=7)
        sim.order = [4, 4, 0]
        sim.advance(presentations=8)
        sim.order = "cyclic"
        sim.advance(presentations=6)
        sim.order = "with_replacement"
        sim.advance(presentations=6)
        items = [0, 1, 2, 3, 4, 0, 1, *[4, 4, 0, 4, 4, 0, 4, 4], *[0, 1, 2, 3, 4, 0]]
        # Drawn by number, counted from where the last cycle would have begun.
        shift = sim._order.shift
        items += presented("with_replacement", data.n_items, 3, 27 + shift)[21 + shift :]
        weights = looped(data, weights, 0.01, items)
        assert relative(sim.w32, weights[1]) < 1e-12


def test_epochs_of_a_new_order_are_whole_and_no_permutation_comes_twice():
    sim = simulation(order="reshuffled")
    seen, shifts = [], []
    for part in (5, 3, 1, 6, 5, 4, 2):
        sim.advance(presentations=part)
        sim.order = "cyclic"
        sim.order = "reshuffled"
        position, shift = sim.presentations, sim._order.shift
        assert (position + shift) % 5 == 0
        shifts.append(shift)
        seen.append((position + shift) // 5)
    assert shifts == sorted(shifts)
    assert len(set(seen)) == len(seen)


@pytest.mark.parametrize("kind", KINDS)
def test_other_targets_are_learned_from_the_next_presentation_on(kind):
    for route in routes(kind):
        data, *weights = problem(kind)
        sim = pl.Simulation(data, *weights, rate=0.01, order="cyclic", route=route)
        sim.advance(presentations=12)
        other = pl.Dataset(-2 * data.outputs, None if data.one_hot else data.inputs)
        sim.data = other
        assert sim.data is other
        assert sim.presentations == 12
        sim.advance(presentations=9)
        weights = looped(data, weights, 0.01, [t % 5 for t in range(12)])
        weights = looped(other, weights, 0.01, [t % 5 for t in range(12, 21)])
        assert relative(sim.w21, weights[0]) < 1e-12
        assert relative(sim.w32, weights[1]) < 1e-12
        assert sim.loss == pytest.approx(np.sum((other.outputs - sim.w32 @ sim.w21 @ other.inputs) ** 2) / 2)


@pytest.mark.parametrize(("before", "after"), [("orthonormal", "correlated"), ("correlated", "orthonormal")])
def test_other_inputs(before, after):
    rng = np.random.default_rng(1)
    inputs = {"correlated": rng.normal(size=(7, 4)), "orthonormal": inputs_of("orthonormal", 4, rng)}
    one, two = (pl.Dataset(rng.normal(size=(20, 4)), inputs[kind]) for kind in (before, after))
    weights = rng.normal(size=(3, 7)) / 3, rng.normal(size=(20, 3)) / 3
    sim = pl.Simulation(one, *weights, rate=0.01, order="cyclic")
    sim.advance(presentations=6)
    sim.data = two
    sim.advance(presentations=6)
    weights = looped(one, weights, 0.01, [0, 1, 2, 3, 0, 1])
    weights = looped(two, weights, 0.01, [2, 3, 0, 1, 2, 3])
    assert relative(sim.w21, weights[0]) < 1e-12
    assert relative(sim.w32, weights[1]) < 1e-12


def test_data_of_other_sizes_are_refused_and_nothing_is_lost():
    sim = simulation()
    sim.advance(presentations=3)
    before, data = sim.w32, sim.data
    rng = np.random.default_rng(0)
    for wrong in (
        pl.Dataset(rng.normal(size=(40, 6))),
        pl.Dataset(rng.normal(size=(41, 5))),
        pl.Dataset(rng.normal(size=(40, 5)), rng.normal(size=(9, 5))),
    ):
        with pytest.raises(ValueError, match="data must have 5 items, 5 inputs and 40 features"):
            sim.data = wrong
    with pytest.raises(ValueError, match="data must have outputs"):
        sim.data = pl.Dataset.from_gram(np.eye(5), 40)
    with pytest.raises(TypeError, match=r"data must be a pylinear\.Dataset"):
        sim.data = "animals.csv"
    assert sim.data is data
    np.testing.assert_array_equal(sim.w32, before)
    blocked = simulation(route="blocked")
    with pytest.raises(ValueError, match="route must be 'fused' or 'auto' for these inputs"):
        blocked.data = pl.Dataset(data.outputs, rng.normal(size=(5, 5)))
    blocked.advance(epochs=1)


def test_a_change_of_data_that_fails_changes_nothing():
    rng = np.random.default_rng(0)
    one, two = (pl.Dataset(rng.normal(size=(9, 4)), inputs_of("orthogonal", 4, rng)) for _ in range(2))
    sim = pl.Simulation(one, rng.normal(size=(3, 7)), rng.normal(size=(9, 3)), rate=0.01, dtype="float32", rng=0)
    sim.advance(presentations=3)
    before = sim.w21, sim.w32, sim.loss, sim.route
    with pytest.raises(ValueError, match="outputs must be finite in float32"):
        sim.data = pl.Dataset(1e300 * two.outputs, two.inputs)
    assert sim.data is one
    for array, known in zip((sim.w21, sim.w32), before, strict=False):
        np.testing.assert_array_equal(array, known)
    assert (sim.loss, sim.route) == before[2:]


def test_what_another_thread_saw_is_not_kept_for_later():
    sim = simulation()
    right = []

    def look():
        for _ in range(300):
            sim.loss  # noqa: B018

    threads = [threading.Thread(target=look) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(300):
        sim.advance(presentations=1)
        right.append(sim.loss == pytest.approx(np.sum((sim.data.outputs - sim.w32 @ sim.w21) ** 2) / 2))
    for thread in threads:
        thread.join()
    assert all(right)


class TestWeights:
    @pytest.mark.parametrize("kind", KINDS)
    def test_they_can_be_set(self, kind):
        for route in routes(kind):
            data, *weights = problem(kind)
            sim = pl.Simulation(data, *weights, rate=0.01, order="cyclic", route=route)
            sim.advance(presentations=3)
            rng = np.random.default_rng(2)
            sim.w21, sim.w32 = (rng.normal(size=w.shape) / 4 for w in weights)
            rng = np.random.default_rng(2)
            weights = [rng.normal(size=w.shape) / 4 for w in weights]
            assert relative(sim.w21, weights[0]) < 1e-15
            np.testing.assert_array_equal(sim.w32, weights[1])
            sim.advance(presentations=9)
            weights = looped(data, weights, 0.01, [t % 5 for t in range(3, 12)])
            assert relative(sim.w21, weights[0]) < 1e-12
            assert relative(sim.w32, weights[1]) < 1e-12

    @pytest.mark.parametrize("kind", KINDS)
    def test_they_can_be_changed_in_place(self, kind):
        for route in routes(kind):
            data, *weights = problem(kind)
            sim = pl.Simulation(data, *weights, rate=0.01, order="cyclic", route=route)
            sim.advance(presentations=8)
            with sim.weights(writable=True) as (w21, w32):
                w21[1] *= 3
                w32[:, 2] = 0
            sim.advance(presentations=8)
            weights = looped(data, weights, 0.01, [t % 5 for t in range(8)])
            weights[0][1] *= 3
            weights[1][:, 2] = 0
            weights = looped(data, weights, 0.01, [t % 5 for t in range(8, 16)])
            assert relative(sim.w21, weights[0]) < 1e-12
            assert relative(sim.w32, weights[1]) < 1e-12

    def test_they_are_where_the_network_has_them(self):
        sim = simulation()
        addresses = set()
        for _ in range(4):
            with sim.weights() as (w21, w32):
                addresses.add((w21.ctypes.data, w32.ctypes.data))
                kept = w32
            sim.advance(presentations=3)  # inside a block
        assert len(addresses) == 1
        np.testing.assert_array_equal(kept, sim.w32)
        # The array keeps what it points to.
        last = sim.w32
        del sim, w21, w32
        np.testing.assert_array_equal(kept, last)

    def test_they_are_read_only_unless_asked_for(self):
        sim, alone = simulation(route="blocked"), simulation(route="blocked")
        for _ in range(5):
            sim.advance(presentations=3)
            with sim.weights() as (w21, w32):
                for array in (w21, w32):
                    with pytest.raises(ValueError, match="read-only"):
                        array[:] = 0
        alone.advance(presentations=15)
        np.testing.assert_array_equal(sim.w32, alone.w32)

    def test_others_wait_and_the_thread_itself_is_told(self):
        sim = simulation()
        order = []
        with sim.weights(writable=True) as (_, w32):
            other = threading.Thread(target=lambda: order.append(float(sim.w32[0, 0])))
            other.start()
            with pytest.raises(RuntimeError, match="in the middle of a call"):
                sim.advance(epochs=1)
            w32[0, 0] = 42
            order.append("written")
        other.join()
        assert order == ["written", 42.0]

    def test_weights_are_not_trained_on_before_they_have_been_looked_at(self):
        class NoMemory:
            def __init__(self, network):
                self.network = network

            def __getattr__(self, name):
                return getattr(self.network, name)

            def weights_changed(self):
                raise MemoryError

        sim = simulation()
        sim.advance(presentations=3)  # inside a block, whose start the network remembers
        w32, network = 2 * sim.w32, sim._network
        sim._network = NoMemory(network)
        with pytest.raises(MemoryError):
            sim.w32 = w32
        sim._network = network
        sim.advance(presentations=1)
        assert (sim.status, sim.presentations) == ("diverged", 3)
        sim.w32 = w32
        sim.advance(presentations=1)
        assert (sim.status, sim.presentations) == ("ok", 4)

    def test_weights_that_are_not_finite(self):
        sim = simulation()
        with pytest.raises(ValueError, match="w32 must be finite"), sim.weights(writable=True) as (_, w32):
            w32[3, 1] = np.nan
        sim.advance(epochs=1)
        assert (sim.status, sim.presentations) == ("diverged", 0)
        before = sim.w21
        with pytest.raises(ValueError, match="w21 must be finite"):
            sim.w21 = np.full(before.shape, np.inf)
        np.testing.assert_array_equal(sim.w21, before)
        sim.w32 = np.ones((40, 4))
        sim.advance(epochs=1)
        assert (sim.status, sim.presentations) == ("ok", 5)

    def test_wrong_shapes_change_nothing(self):
        sim = simulation()
        before = sim.w32
        for wrong in (np.ones((40, 5)), np.ones((1, 4)), 3.0, np.ones(4)):
            with pytest.raises(ValueError, match="w32 must be an array of shape 40x4"):
                sim.w32 = wrong
            with pytest.raises(ValueError, match="w21 must be an array of shape 4x5"):
                sim.w21 = wrong
        np.testing.assert_array_equal(sim.w32, before)

    def test_an_exception_inside_keeps_what_was_written(self):
        sim = simulation()

        def write_and_raise():
            with sim.weights(writable=True) as (_, w32):
                w32[:] = 2
                raise KeyError

        with pytest.raises(KeyError):
            write_and_raise()
        assert (sim.w32 == 2).all()
        sim.advance(epochs=1)


def test_a_diverged_simulation_goes_on_from_other_weights():
    sim = simulation(rate=20.0)
    sim.advance(epochs=100)
    assert sim.status == "diverged"
    stood = sim.presentations
    sim.advance(epochs=1)
    assert sim.presentations == stood
    sim.rate = 1e-3
    sim.w21, sim.w32 = problem()[1:]
    loss = sim.loss
    sim.advance(epochs=1)
    assert (sim.status, sim.presentations) == ("ok", stood + 5)
    assert sim.loss < loss


def test_what_was_observed_is_not_kept_beyond_a_change():
    sim = simulation()
    seen = {sim.loss, sim.loss}
    assert len(seen) == 1
    sim.mode_strengths[:] = 0
    assert np.abs(sim.mode_strengths).max() > 0
    for change in (
        lambda: sim.advance(presentations=1),
        lambda: setattr(sim, "w32", sim.w32 * 2),
        lambda: setattr(sim, "w21", sim.w21 * 2),
        lambda: setattr(sim, "data", pl.Dataset(sim.data.outputs * 2)),
    ):
        change()
        assert sim.loss not in seen
        seen.add(sim.loss)


def test_ctrl_c_as_the_weights_are_opened_leaves_them_closed():
    sim = pl.Simulation(pl.toy(), np.ones((3, 4)), np.ones((5, 3)), rate=0.01)

    def press(frame, event, what):
        # The block has just been entered, and `with` does not know it yet.
        if event == "c_return" and what is next and frame.f_code.co_name == "__enter__":
            sys.setprofile(None)
            raise KeyboardInterrupt

    def enter(writable):
        sys.setprofile(press)
        with sim.weights(writable=writable):
            pytest.fail("entered")

    for writable in (False, True):
        with pytest.raises(KeyboardInterrupt) as kept:
            enter(writable)
        assert sim.w21.tolist() == np.ones((3, 4)).tolist()
        assert kept.traceback
    with sim.weights(writable=True) as (w21, _):
        w21[:] = 2.0
    sim.advance(epochs=1)
    with pytest.raises(RuntimeError, match="in the middle of a call"), sim.weights(), sim.weights():
        pass
    assert sim.w21.shape == (3, 4)
