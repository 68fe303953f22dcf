import os
import signal
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import pylinear as pl
from problems import inputs_of
from pylinear import _files

pytestmark = pytest.mark.core


@pytest.fixture
def path(tmp_path):
    return tmp_path / "run.npz"


def simulation(kind="one-hot", n_items=7, n_features=230, hidden=5, seed=0, **options):
    rng = np.random.default_rng(seed)
    data = pl.Dataset(rng.choice([-1.0, 1.0], size=(n_features, n_items)), inputs_of(kind, n_items, rng))
    weights = rng.normal(size=(hidden, data.n_inputs)) / 4, rng.normal(size=(n_features, hidden)) / 4
    return pl.Simulation(data, *weights, **{"rate": 1e-3, "rng": seed, **options})


def assert_same(one, other):
    assert (one.presentations, one.status, one.rate) == (other.presentations, other.status, other.rate)
    np.testing.assert_array_equal(one.order, other.order)
    np.testing.assert_array_equal(one.w21, other.w21)
    np.testing.assert_array_equal(one.w32, other.w32)
    np.testing.assert_array_equal(one.mode_strengths, other.mode_strengths)
    assert one.loss == other.loss


KINDS = ["one-hot", "orthonormal", "orthogonal", "correlated"]
ORDERS = ["cyclic", "reshuffled", "with_replacement", [3, 1, 1, 0, 6, 2]]


@pytest.mark.parametrize("order", ORDERS, ids=str)
@pytest.mark.parametrize("kind", KINDS)
def test_a_resumed_run_is_the_unbroken_one(path, kind, order):
    for route in ("blocked", "fused"):
        if (kind, route) == ("correlated", "blocked"):
            continue
        unbroken, broken = (simulation(kind, order=order, route=route) for _ in range(2))
        unbroken.advance(presentations=61)
        for part in (9, 1, 30, 21):
            broken.advance(presentations=part)
            broken.save(path)
            broken = pl.Simulation.load(path, threads=2)
        assert_same(broken, unbroken)
        assert (broken.route, broken.rng, broken.dtype) == (route, unbroken.rng, "float64")


@given(
    kind=st.sampled_from(KINDS),
    order=st.sampled_from(ORDERS),
    dtype=st.sampled_from(["float64", "float32"]),
    route=st.sampled_from(["auto", "fused"]),
    parts=st.lists(st.integers(0, 40), min_size=1, max_size=4),
    seed=st.integers(0, 2**64),
)
@settings(max_examples=60, deadline=None)
def test_any_split(tmp_path_factory, kind, order, dtype, route, parts, seed):
    path = tmp_path_factory.mktemp("splits") / "run.npz"
    options = {"order": order, "dtype": dtype, "route": route, "seed": seed}
    unbroken, broken = (simulation(kind, **options) for _ in range(2))
    unbroken.advance(presentations=sum(parts))
    for part in parts:
        broken.advance(presentations=part)
        broken.save(path)
        broken = pl.Simulation.load(path)
    assert_same(broken, unbroken)


def test_batches(path):
    unbroken, broken = (simulation(update="batch") for _ in range(2))
    unbroken.advance(epochs=9)
    broken.advance(epochs=4)
    broken.save(path)
    broken = pl.Simulation.load(path)
    broken.advance(epochs=5)
    assert_same(broken, unbroken)


def test_many_input_units(path):
    # W21 in several segments, whose shares of a hidden representation are added up by themselves.
    rng = np.random.default_rng(0)
    data = pl.Dataset(rng.normal(size=(40, 6)), rng.normal(size=(700, 6)) / 20)
    weights = rng.normal(size=(5, 700)) / 9, rng.normal(size=(40, 5)) / 9
    unbroken, broken = (pl.Simulation(data, *weights, rate=0.01, rng=1) for _ in range(2))
    unbroken.advance(presentations=40)
    broken.advance(presentations=17)
    broken.save(path)
    broken = pl.Simulation.load(path)
    broken.advance(presentations=23)
    assert_same(broken, unbroken)


def change_all(sim):
    sim.rate = 2e-3
    sim.order = "cyclic"
    rng = np.random.default_rng(5)
    sim.data = pl.Dataset(rng.normal(size=sim.data.outputs.shape), None if sim.data.one_hot else sim.data.inputs)
    with sim.weights(writable=True) as (w21, w32):
        w21[0] *= 2
        w32[:, 1] = 0.25
    sim.advance(presentations=5)
    sim.order = "reshuffled"
    sim.rate = 5e-4


@pytest.mark.parametrize("kind", KINDS)
def test_changes_are_saved(path, kind):
    unbroken, broken = simulation(kind), simulation(kind)
    for sim in (unbroken, broken):
        sim.advance(presentations=10)
        change_all(sim)
    unbroken.advance(presentations=30)
    for part in (3, 16, 11):
        broken.save(path)
        broken = pl.Simulation.load(path)
        broken.advance(presentations=part)
    assert_same(broken, unbroken)
    change_all(broken)
    change_all(unbroken)
    assert_same(broken, unbroken)


def test_a_diverged_simulation(path):
    sim = simulation(rate=50.0)
    sim.advance(epochs=1000)
    assert sim.status == "diverged"
    sim.save(path)
    again = pl.Simulation.load(path)
    assert_same(again, sim)
    for one in (sim, again):
        one.rate = 1e-3
        one.advance(epochs=1)
    assert_same(again, sim)


def test_near_overflow_too(path):
    # The bounds that decide about single presentations are part of the state.
    for cut in range(4, 26):
        unbroken, broken = (simulation(rate=0.25, dtype="float32", route="blocked") for _ in range(2))
        unbroken.advance(presentations=40)
        broken.advance(presentations=cut)
        broken.save(path)
        broken = pl.Simulation.load(path)
        broken.advance(presentations=40 - cut)
        assert_same(broken, unbroken)
    assert unbroken.status == "diverged"


def test_data_come_back(path):
    named = pl.Dataset(np.eye(3), items=["a", "b", "ü"], features=["x", "y", "z"])
    sampled = pl.Tree((2, 2), (0.1, 0.2)).sample(50, rng=2**80, dtype="int8")
    for data in (named, sampled):
        rng = np.random.default_rng(0)
        sim = pl.Simulation(data, *pl.Gaussian(0.1).draw(data, 3, rng), rate=0.1)
        sim.save(path)
        again = pl.Simulation.load(path).data
        np.testing.assert_array_equal(again.outputs, data.outputs)
        assert again.outputs.dtype == data.outputs.dtype
        assert (again.items, again.features) == (data.items, data.features)
        assert (again.rng, again.engine) == (data.rng, data.engine)
    assert (again.tree.branching, again.tree.flip) == (data.tree.branching, data.tree.flip)


def test_the_route_that_was_asked_for_is_kept(path):
    rng = np.random.default_rng(3)
    inputs = rng.normal(size=(7, 7))
    sim = simulation()
    assert sim.route == "blocked"
    sim.save(path)
    again = pl.Simulation.load(path)
    for one in (sim, again):
        one.data = pl.Dataset(one.data.outputs, inputs)
        one.advance(presentations=9)
        assert one.route == "fused"
    assert_same(again, sim)


def test_saving_disturbs_nothing(path):
    watched, alone = simulation(), simulation()
    for _ in range(20):
        watched.advance(presentations=3)
        watched.save(path)
    alone.advance(presentations=60)
    assert_same(watched, alone)


def test_a_simulation_is_what_is_loaded(path):
    sim = simulation()
    sim.save(path)
    header, arrays = _files.read(path, "simulation")
    for name, wrong in (
        ("rate", -1.0),
        ("until", 10**6),
        ("position", -5),
        ("status", None),
        ("order", "backwards"),
        ("dtype", "float16"),
        ("norms", ["x", "y"]),
        ("norms", []),
        ("rng", "many"),
        ("data", {}),
        ("data", {"tree": {"branching": [2], "flip": 0.1}, "rng": "1", "engine": "native"}),
    ):
        changed = {key: value for key, value in header.items() if key not in {"members", "format", "kind", "version"}}
        _files.write(path, "simulation", {**changed, name: wrong}, arrays)
        with pytest.raises(pl.FileError, match="damaged"):
            pl.Simulation.load(path)
    for name in ("w32", "lower", "start", "outputs"):
        _files.write(path, "simulation", changed, {**arrays, name: arrays[name][:-1]})
        with pytest.raises(pl.FileError, match="damaged"):
            pl.Simulation.load(path)
        _files.write(path, "simulation", changed, {key: value for key, value in arrays.items() if key != name})
        with pytest.raises(pl.FileError, match="damaged"):
            pl.Simulation.load(path)


@pytest.mark.parametrize(
    ("arguments", "error", "said"),
    [
        ({"threads": 0}, ValueError, "threads must be"),
        ({"threads": "two"}, TypeError, "threads must be"),
        ({"comm": 3}, TypeError, "comm must be an mpi4py communicator"),
    ],
)
def test_wrong_arguments_are_not_the_file_s_fault(path, arguments, error, said):
    simulation().save(path)
    with pytest.raises(error, match=said) as caught:
        pl.Simulation.load(path, **arguments)
    assert not isinstance(caught.value, pl.FileError)


@pytest.mark.parametrize("wrong", [3, None, b"", "", "a\0b"])
def test_what_is_no_path(wrong):
    for call in (simulation().save, pl.Simulation.load):
        with pytest.raises((TypeError, ValueError), match="path must be a path"):
            call(wrong)


def test_the_last_good_file_stays(path, monkeypatch):
    sim = simulation()
    sim.save(path)
    before = path.read_bytes()
    sim.advance(epochs=1)

    def fail(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fsync", fail)
        with pytest.raises(OSError, match="No space left"):
            sim.save(path)
    assert path.read_bytes() == before
    sim.save(path)
    assert_same(pl.Simulation.load(path), sim)


TRAINED = """
import sys
import pylinear as pl
sim = pl.Simulation.load(sys.argv[1])
print("loaded", flush=True)
while sim.presentations < 4000:
    sim.advance(presentations=13)
    sim.save(sys.argv[1])
    print(sim.presentations, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_run_goes_on_where_it_was(path):
    unbroken = simulation()
    unbroken.save(path)
    for lines in (4, 9, 2):
        process = subprocess.Popen([sys.executable, "-P", "-c", TRAINED, str(path)], stdout=subprocess.PIPE, text=True)
        for _ in range(lines):
            process.stdout.readline()
        process.kill()
        process.communicate()
    killed = pl.Simulation.load(path)
    assert killed.presentations >= 12 * 13
    unbroken.advance(presentations=killed.presentations)
    assert_same(killed, unbroken)
    killed.save(path)
    assert os.listdir(path.parent) == [path.name]
