from pathlib import Path

import numpy as np
import pytest

import pylinear as pl
from pylinear import _tasks
from sweeps import SAME, Idle

pytest.importorskip("xarray")

pytestmark = pytest.mark.core


def task(**arguments):
    [only] = _tasks.tasks({}, {"rate": 0.03, "rng": 0, **arguments}, 1)
    return only


def name_of(**arguments):
    return task(**arguments).path(Path()).name


CHANGES = {
    "data": pl.toy("signed"),
    "hidden": 9,
    "rate": 0.02,
    "epochs": 41,
    "init": pl.Gaussian(0.02),
    "order": "cyclic",
    "update": "batch",
    "reduce": "exact",
    "tol": 1e-9,
    "runs": 2,
    "rng": 1,
    "record": 6,
    "keep": ["maps"],
    "dtype": "float32",
    "route": "fused",
    "tree": pl.Tree((4,), 0.1),
    "flip": 0.2,
    "features": 201,
}


@pytest.mark.parametrize("name", _tasks.VARIED)
def test_every_argument_counts(name):
    toy = {"data": pl.toy(), "hidden": 8, "epochs": 40, "record": 5}
    same = SAME if name in {"tree", "flip", "features"} else toy
    changed = {**same, name: CHANGES[name]}
    assert name_of(**changed) != name_of(**same)
    if name not in {"data", "tree", "flip", "features"}:
        assert task(**changed).arguments[name] == CHANGES[name]


def test_threads_do_not_count():
    one, two = (_tasks.tasks({}, {**SAME, "rate": 0.03, "rng": 0}, threads)[0] for threads in (1, 2))
    assert one.path(Path()) == two.path(Path())
    assert [x.arguments["threads"] for x in (one, two)] == [1, 2]


def test_equal_values_have_one_name():
    exact = {"rate": np.float64(0.03), "epochs": 40.0, "hidden": np.int64(8), "rng": np.int32(0)}
    assert name_of(**{**SAME, **exact, "tree": pl.Tree([2, 2], [0.1, 0.1])}) == name_of(**SAME)
    assert name_of(**SAME, flip=0.1) == name_of(**SAME)
    # Names are no part of a result, and neither is what has been computed from a dataset before.
    named = pl.Dataset(pl.toy().outputs, items=["a", "b", "c", "d"])
    assert named.modes.rank == 3
    assert name_of(data=named, hidden=2, epochs=1) == name_of(data=pl.toy(), hidden=2, epochs=1)


def test_data_are_sent_without_what_was_computed_from_them():
    data = pl.toy()
    assert data.modes.rank == 3
    assert "modes" not in vars(task(data=data, hidden=2, epochs=1).source)
    known = pl.Dataset.from_gram(np.eye(4), 10**9)
    assert known.modes.rank == 4
    sent = task(data=known, hidden=2, epochs=1).source
    assert "modes" not in vars(sent)
    assert (sent.n_features, sent.has_outputs) == (10**9, False)
    np.testing.assert_array_equal(sent.gram, known.gram)


def test_features_are_not_drawn_before_they_are_learned():
    assert task(**{**SAME, "features": 2**39}).source == (SAME["tree"], 2**39)


BAD = [
    ({}, {}, ValueError, "over must name at least one argument that varies; got none"),
    ([("rate", [1])], {}, TypeError, "over must be a mapping"),
    ({"rat": [1e-3]}, {}, ValueError, "'rat' is no argument of a sweep; did you mean 'rate'?"),
    ({"rng": [0]}, {"hiden": 3}, ValueError, "'hiden' is no argument of a sweep; did you mean 'hidden'?"),
    ({"rng": [0]}, {"zzz": 3}, ValueError, "'zzz' is no argument of a sweep; there are data, tree, "),
    ({"rng": [0]}, {"checkpoint": "x"}, ValueError, "'checkpoint' is no argument of a sweep"),
    ({"rng": [0], "hidden": [1]}, {}, ValueError, "hidden must be given once"),
    ({"rng": [0]}, {"data": pl.toy()}, ValueError, "data or tree must be given, and not both"),
    ({"rng": []}, {}, ValueError, "rng must take at least one value; got none"),
    ({"rng": 3}, {}, TypeError, "rng must be a sequence of the values to take"),
    ({"rng": "012"}, {}, TypeError, "rng must be a sequence of the values to take"),
    ({"rng": np.array(3)}, {}, TypeError, "rng must be a sequence of the values to take"),
    ({"rng": {1: 3}}, {}, TypeError, "rng must be non-empty strings; got 1"),
    ({"rng": [0, 1, 0]}, {}, ValueError, "rng must take each value once; got [0, 1, 0]"),
    ({"rng": {"a": 0, "b": 0}}, {}, ValueError, "over must lead to different tasks; rng=a and rng=b are the same"),
    ({"rng": range(10**7)}, {}, ValueError, "rng must take at most 1000000 values"),
    ({"rng": range(2000), "tol": range(999)}, {}, ValueError, "over must lead to at most 1000000 tasks; got 1998000"),
    ({"rng": [None]}, {}, TypeError, "rng must be a whole number of at least 0 in a sweep, so that it is found again"),
    ({"rng": [0, -1]}, {}, ValueError, "rng must be a whole number of at least 0 in a sweep, so that it is found"),
    ({"rng": [np.random.default_rng(0)]}, {}, TypeError, "rng must be a whole number"),
    ({"rng": [True]}, {}, TypeError, "rng must be a whole number"),
    ({"rate": [1e-3, -1.0]}, {"rng": 0}, ValueError, "got -1.0; in the task rate=-1.0"),
    ({"rate": [1e-3, "x"]}, {"rng": 0}, TypeError, "rate must be a finite number above 0"),
    ({"rng": [0]}, {"order": "random"}, ValueError, "order must be one of"),
    ({"rng": [0]}, {"order": [4]}, ValueError, "order must name items from 0 to 3"),
    ({"rng": [0]}, {"init": pl.Decoupled([1.0, 2.0], 1.0)}, ValueError, "c must be one number or one per mode, 4"),
    ({"rng": [0]}, {"init": 3}, TypeError, "init must be a Gaussian"),
    ({"rng": [0]}, {"reduce": "kryl"}, ValueError, "reduce must be False, 'exact'"),
    ({"rng": [0]}, {"reduce": "krylov", "dtype": "float32", "tol": 1e-9}, ValueError, "tol must be at least 1e-05"),
    ({"rng": [0]}, {"keep": ["weights"]}, ValueError, "keep must be empty or ['maps'] in a sweep"),
    ({"keep": [["maps"], []]}, {"rng": 0}, ValueError, "keep must be the same for all tasks"),
]


@pytest.mark.parametrize(("over", "changes", "kind", "said"), BAD)
def test_refused_before_anything_is_computed(over, changes, kind, said, tmp_path):
    arguments = {"folder": tmp_path / "out", "executor": Idle(), "rate": 1e-3, **SAME, **changes}
    if "rate" in over:
        del arguments["rate"]
    with pytest.raises(kind) as caught:
        pl.sweep(over, **arguments)
    assert said in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("name", ["hidden", "rate", "epochs", "rng", "features", "tree"])
def test_what_is_missing_is_named(name, tmp_path):
    arguments = {**SAME, "rate": 1e-3, "rng": 0}
    del arguments[name]
    with pytest.raises(ValueError, match=rf"{name}.* must be given"):
        pl.sweep({"order": ["cyclic"]}, folder=tmp_path, executor=Idle(), **arguments)


def test_features_belong_to_a_tree(tmp_path):
    with pytest.raises(ValueError, match="features must be left out where data are given; it belongs to a tree"):
        pl.sweep({"rng": [0]}, data=pl.toy(), features=3, hidden=2, rate=0.1, epochs=1, folder=tmp_path)
