"""One network over several processes: mpi4py itself, with the mpich wheel."""

import hashlib

import numpy as np
import pytest

import pylinear as pl
from ranks import run

pytestmark = pytest.mark.core

# Prints one line a case: a digest of all that the case leads to.
TRAINED = """
import hashlib, sys
import numpy as np
import pylinear as pl

def digest(*arrays):
    return hashlib.sha256(b"".join(np.ascontiguousarray(x).tobytes() for x in arrays)).hexdigest()[:16]

def case(kind, route, update, dtype, comm, n_items=20, n_features=3_000, hidden=24):
    rng = np.random.default_rng(0)
    q = np.linalg.qr(rng.normal(size=(n_items, n_items)))[0]
    inputs = {"one-hot": None, "orthogonal": 2 * q, "correlated": rng.normal(size=(300, n_items)) / 15}[kind]
    data = pl.Dataset(rng.choice([-1.0, 1.0], size=(n_features, n_items)), inputs)
    w21 = rng.normal(size=(hidden, data.n_inputs)) / 10
    w32 = rng.normal(size=(n_features, hidden)) / 10
    options = {"rng": 3, "dtype": dtype, "route": route, "update": update, "comm": comm}
    return pl.Simulation(data, w21, w32, rate=1e-4, **options)

def trained(kind, route, update, dtype, comm):
    sim = case(kind, route, update, dtype, comm)
    sim.advance(epochs=2)
    if update == "online":
        for part in (7, 6, 3):
            sim.advance(presentations=part)
    sim.rate = 3e-4
    sim.advance(epochs=1)
    with sim.weights(writable=True) as (w21, w32):
        w32[:, 1] *= 0.5
        w21[2] *= 0.5
    sim.advance(epochs=1)
    seen = sim.mode_strengths, np.float64(sim.loss), sim.hidden, sim.w21
    w32 = sim._ranks.all_rows(sim.w32)
    return None if w32 is None else digest(*seen, w32)

CASES = [
    (kind, route, update, dtype)
    for kind in ("one-hot", "orthogonal", "correlated")
    for route, update in (("blocked", "online"), ("fused", "online"), ("auto", "batch"))
    for dtype in ("float64", "float32")
    if (kind, route) != ("correlated", "blocked")
]

def digests(comm):
    return "\\n".join(f"{x} {trained(*x, comm)}" for x in CASES)
"""

ON_RANKS = (
    TRAINED
    + """
from mpi4py import MPI
out = digests(MPI.COMM_WORLD)
if MPI.COMM_WORLD.rank == 0:
    print(out)
"""
)


@pytest.fixture(scope="module")
def alone():
    space = {}
    exec(TRAINED, space)
    return space["digests"](None)


@pytest.mark.parametrize("n", [1, 2, 3])
def test_any_number_of_ranks_gives_the_bits_of_one_process(n, alone):
    assert run(n, ON_RANKS).strip() == alone


SAVED = (
    TRAINED
    + """
from mpi4py import MPI
comm = MPI.COMM_WORLD
sim = case("one-hot", "blocked", "online", "float64", comm)
sim.advance(presentations=27)
sim.save(sys.argv[1])
sim = pl.Simulation.load(sys.argv[1], comm=comm)
sim.advance(presentations=33)
sim.save(sys.argv[1])
try:
    sim.save(sys.argv[1] + "/no/folder.npz")
except OSError as error:
    told = comm.gather(str(error))
    if comm.rank == 0:
        print(len(told), set(told))
"""
)


def test_a_checkpoint_does_not_depend_on_the_number_of_ranks(tmp_path):
    path = tmp_path / "run.npz"
    printed = run(2, SAVED, path)
    assert printed.startswith("2 {")
    assert "Not a directory" in printed
    space = {}
    exec(TRAINED, space)
    unbroken = space["case"]("one-hot", "blocked", "online", "float64", None)
    unbroken.advance(presentations=60)
    loaded = pl.Simulation.load(path)
    np.testing.assert_array_equal(loaded.w32, unbroken.w32)
    np.testing.assert_array_equal(loaded.w21, unbroken.w21)
    assert run(3, ON_LOADED, path).split() == [hashlib.sha256(_later(unbroken)).hexdigest()]


def _later(sim):
    sim.advance(presentations=50)
    return sim.w32.tobytes()


ON_LOADED = """
import hashlib, sys
from mpi4py import MPI
import pylinear as pl
sim = pl.Simulation.load(sys.argv[1], comm=MPI.COMM_WORLD)
sim.advance(presentations=50)
w32 = sim._ranks.all_rows(sim.w32)
if w32 is not None:
    print(hashlib.sha256(w32.tobytes()).hexdigest())
"""

ROWS = """
from mpi4py import MPI
import numpy as np
import pylinear as pl
comm = MPI.COMM_WORLD
data = pl.Tree((2, 2), 0.1).sample(1000, rng=0)
rng = np.random.default_rng(1)
w21, w32 = rng.normal(size=(3, 4)), rng.normal(size=(1000, 3))
whole = pl.Simulation(data, w21, w32, rate=1e-4, comm=comm)
own = pl.Simulation(data, w21, w32[whole.rows], rate=1e-4, rng=whole.rng, comm=comm)
for sim in (whole, own):
    sim.advance(epochs=3)
    assert sim.w32.shape == (sim.rows.stop - sim.rows.start, 3)
assert (whole.w32 == own.w32).all() and (whole.w21 == own.w21).all()
rows = comm.gather((whole.rows.start, whole.rows.stop, whole.rng))
if comm.rank == 0:
    print(rows)
"""


def test_own_rows_may_be_given_and_a_drawn_seed_is_shared():
    rows = eval(run(3, ROWS))  # a list of numbers that the script prints
    starts, ends, seeds = zip(*rows, strict=True)
    assert (starts[0], ends[-1]) == (0, 1000)
    assert starts[1:] == ends[:-1]
    assert len(set(seeds)) == 1


WRONG = """
from mpi4py import MPI
import numpy as np
import pylinear as pl
comm = MPI.COMM_WORLD
data = pl.Tree((2, 2), 0.1).sample(1000, rng=0)
other = pl.Tree((2, 2), 0.1).sample(1000, rng=comm.rank)
w21, w32 = np.ones((3, 4)), np.ones((1000, 3))
few = pl.Dataset(np.ones((12, 4)))
sim = pl.Simulation(data, w21, w32, rate=1e-4, rng=0, comm=comm)
calls = {
    "rate": lambda: pl.Simulation(data, w21, w32, rate=1e-4 * (1 + comm.rank), rng=0, comm=comm),
    "rng": lambda: pl.Simulation(data, w21, w32, rate=1e-4, rng=comm.rank, comm=comm),
    "w21": lambda: pl.Simulation(data, w21 * (1 + comm.rank), w32, rate=1e-4, rng=0, comm=comm),
    "outputs": lambda: pl.Simulation(other, w21, w32, rate=1e-4, rng=0, comm=comm),
    "order": lambda: pl.Simulation(data, w21, w32, rate=1e-4, rng=0, order=[0, comm.rank], comm=comm),
    "another rate": lambda: setattr(sim, "rate", 1e-4 * (2 + comm.rank)),
    "another order": lambda: setattr(sim, "order", [0, comm.rank]),
    "another w21": lambda: setattr(sim, "w21", w21 * (2 + comm.rank)),
    "ranks": lambda: pl.Simulation(few, w21, np.ones((12, 3)), rate=1e-4, rng=0, comm=comm),
}
for name, call in calls.items():
    try:
        call()
        told = None
    except ValueError as error:
        told = str(error)
    told = comm.gather(told)
    if comm.rank == 0:
        print(name, "|", len(set(told)), "|", told[0])
"""


def test_processes_that_disagree_are_told_so_in_all_of_them():
    lines = [line.split(" | ") for line in run(2, WRONG).splitlines()]
    assert len(lines) == 9
    for name, different, message in lines:
        assert different == "1"
        wanted = (
            "comm must have at most 1 processes for 12 features; got 2"
            if name == "ranks"
            else f"{name.split()[-1]} must be"
        )
        assert wanted in message


NOT_FINITE = """
from mpi4py import MPI
import numpy as np
import pylinear as pl
comm = MPI.COMM_WORLD
data = pl.Tree((2, 2), 0.1).sample(1000, rng=0)
sim = pl.Simulation(data, np.ones((3, 4)), np.ones((1000, 3)), rate=1e-4, rng=0, comm=comm)
try:
    with sim.weights(writable=True) as (w21, w32):
        if comm.rank == 1:
            w32[2, 1] = np.nan
    told = None
except ValueError as error:
    told = str(error)
told = comm.gather((told, sim.status))
sim.w32 = np.ones((1000, 3))
try:
    sim.w21 = np.full((3, 4), 1.0 + comm.rank)
except ValueError:
    assert sim.status == "diverged"
sim.w21 = np.ones((3, 4))
sim.advance(epochs=1)
if comm.rank == 0:
    print(set(told), sim.status)
"""


def test_weights_that_are_not_finite_in_one_process_are_refused_in_all():
    printed = run(2, NOT_FINITE)
    assert printed.count("w32 must be finite") == 1
    assert "diverged" in printed
    assert printed.strip().endswith("} ok")


STOPPED_OFTEN = """
import os, signal, threading
from mpi4py import MPI
import numpy as np
import pylinear as pl
comm = MPI.COMM_WORLD
data = pl.Tree((2, 2), 0.1).sample(400, rng=0)
rng = np.random.default_rng(1)
sim = pl.Simulation(data, rng.normal(size=(3, 4)) / 9, rng.normal(size=(400, 3)) / 9, rate=1e-6, rng=0, comm=comm)
stops = []
for k in range(12):
    begun = sim.epochs

    def look(sim):
        # Once at once, between two exchanges, and otherwise wherever the training is then.
        if sim.epochs == begun + 3 and k % 3 in (comm.rank, 2):
            if k < 3 or k % 3 == 2:
                os.kill(os.getpid(), signal.SIGINT)
            else:
                threading.Timer(0.001 * k, os.kill, (os.getpid(), signal.SIGINT)).start()
        return sim.loss

    try:
        sim.advance(epochs=10**9, every=1, hook=look)
    except KeyboardInterrupt:
        stops.append(sim.presentations)
told = comm.gather(stops)
if comm.rank == 0:
    print(told[0] == told[1], len(told[0]))
"""


def test_ctrl_c_between_two_exchanges_stops_all_too():
    assert run(2, STOPPED_OFTEN).split() == ["True", "12"]


STOPPED_LAST = """
import os, signal
from mpi4py import MPI
import numpy as np
import pylinear as pl
comm = MPI.COMM_WORLD
data = pl.Tree((2, 2), 0.1).sample(400, rng=0)
sim = pl.Simulation(data, np.full((3, 4), 0.1), np.full((400, 3), 0.1), rate=1e-6, rng=0, comm=comm)
try:
    sim.advance(epochs=3, every=3, hook=lambda _: comm.rank == 1 and os.kill(os.getpid(), signal.SIGINT))
    raised = False
except KeyboardInterrupt:
    raised = True
told = comm.gather((raised, sim.epochs))
if comm.rank == 0:
    print(told)
"""


def test_ctrl_c_after_the_last_exchange_is_raised_in_all():
    assert run(2, STOPPED_LAST).strip() == "[(True, 3.0), (True, 3.0)]"


STOPPED = """
import os, signal, threading
from mpi4py import MPI
import numpy as np
import pylinear as pl
comm = MPI.COMM_WORLD
data = pl.Tree((2, 2), 0.1).sample(3000, rng=0)
rng = np.random.default_rng(1)
sim = pl.Simulation(data, rng.normal(size=(8, 4)) / 9, rng.normal(size=(3000, 8)) / 9, rate=1e-6, rng=0, comm=comm)
sim.advance(epochs=1)
if comm.rank == 1:
    timer = threading.Timer(1.0, os.kill, (os.getpid(), signal.SIGINT))
    timer.start()
try:
    sim.advance(epochs=10**9)
    raised = False
except KeyboardInterrupt:
    raised = True
told = comm.gather((raised, sim.presentations))
sim.advance(epochs=1)
if comm.rank == 0:
    print(len(set(told)), all(raised for raised, _ in told), told[0][1] > 4)
"""


def test_ctrl_c_in_one_process_stops_all_at_the_same_place():
    assert run(2, STOPPED).split() == ["1", "True", "True"]


@pytest.mark.parametrize("comm", ["world", 3, object()])
def test_what_is_no_communicator(comm):
    data = pl.toy()
    with pytest.raises(TypeError, match="comm must be an mpi4py communicator; got"):
        pl.Simulation(data, np.ones((2, 4)), np.ones((5, 2)), rate=0.1, comm=comm)
