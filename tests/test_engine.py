import os
import platform
import subprocess
import sys

import numpy as np
import pytest

import pylinear as pl
from pylinear import _engine


@pytest.fixture
def no_core(monkeypatch):
    monkeypatch.setattr(_engine, "_core", None)
    monkeypatch.setattr(_engine, "IN_CHECKOUT", False)
    _engine._warn_fallback.cache_clear()


def test_without_the_core_everything_but_training_works(no_core):
    tree = pl.Tree((2, 2), 0.1)
    with pytest.warns(RuntimeWarning, match="sampling with numba"):
        data = tree.sample(100, rng=0)
    assert data.engine == "numba"
    # Warned once, not at every call.
    tree.sample(100, rng=0)
    assert tree.sample_bits(100, rng=0).shape == (4, 2)
    assert tree.gram(100, rng=0)[0, 0] == 100
    assert data.modes.s.size == 4
    w21, w32 = pl.Gaussian(0.1).draw(data, hidden=3, rng=np.random.default_rng(0))
    pl.theory.flow([1.0], w21, w32, data)
    assert pl.info()["engines"] == ("numba",)
    assert pl.info()["instruction_set"] is None


@pytest.mark.parametrize(
    "call",
    [
        lambda: pl.train(pl.toy(), hidden=2, rate=0.1, epochs=1),
        lambda: pl.Simulation(pl.toy(), np.ones((2, 4)), np.ones((5, 2)), rate=0.1),
        lambda: pl.Tree((2,), 0.1).sample(5, engine="native"),
        lambda: pl.Tree((2,), 0.1).sample_bits(5, engine="native"),
        lambda: pl.Tree((2,), 0.1).gram(5, engine="native"),
    ],
    ids=["train", "Simulation", "sample", "sample_bits", "gram"],
)
def test_without_the_core_training_names_the_fix(no_core, call):
    with pytest.raises(pl.EngineMissingError, match=r"install a C\+\+20 compiler .* and then install pylinear again"):
        call()


def test_a_source_folder_in_the_way_is_named(no_core, monkeypatch):
    monkeypatch.setattr(_engine, "IN_CHECKOUT", True)
    with pytest.raises(pl.EngineMissingError, match="from the folder of its source"):
        pl.train(pl.toy(), hidden=2, rate=0.1, epochs=1)


@pytest.mark.parametrize("draw", ["sample", "sample_bits", "gram"])
def test_the_warning_points_at_the_caller(no_core, draw):
    with pytest.warns(RuntimeWarning) as caught:
        getattr(pl.Tree((2,), 0.1), draw)(5, rng=0)
    assert caught[0].filename == __file__


@pytest.mark.core
def test_info_names_the_engines():
    info = pl.info()
    assert info["engines"] == ("native", "numba")
    assert info["instruction_set"] in {"baseline", "avx2", "avx512"}
    assert info["threads"] >= 1
    assert platform.machine() in info["build"]
    assert f"numpy {np.__version__}" in info["libraries"]


@pytest.mark.core
@pytest.mark.skipif(platform.machine() not in {"x86_64", "AMD64"}, reason="one instruction set only")
def test_the_instruction_set_can_be_capped():
    def info(isa):
        command = [sys.executable, "-P", "-m", "pylinear", "info"]
        return subprocess.run(command, env={**os.environ, "PYLINEAR_ISA": isa}, capture_output=True, text=True)

    assert "instruction_set: baseline" in info("baseline").stdout
    misspelt = info("avx3")
    assert misspelt.returncode == 1
    assert misspelt.stderr == "pylinear: PYLINEAR_ISA must be baseline, avx2 or avx512; got avx3\n"


@pytest.mark.core
def test_the_core_knows_the_version_of_the_package():
    assert _engine.core().version == pl.info()["version"]


@pytest.mark.core
def test_the_core_refuses_shapes_that_disagree():
    core = _engine.core()
    ok = {
        "outputs": np.ones((3, 2)),
        "inputs": None,
        "input_squares": np.ones(2),
        "synthesizers": np.ones((3, 1)),
        "coefficients": np.ones((2, 1)),
        "n_features": 3,
    }
    few = core.TrainingSet64(**{**ok, "n_features": 4_000_000})
    rule = {"route": "fused", "update": "online", "rate": 0.1, "order": "cyclic", "key": 0, "shift": 0, "hidden": 2}
    with pytest.raises(ValueError, match="outputs of other rows"):
        core.Network64(data=few, **rule, given=np.empty(0, np.int64))
    core.TrainingSet64(**ok)
    for name, wrong in (("input_squares", np.ones(3)), ("synthesizers", np.ones((2, 1))), ("inputs", np.ones((3, 3)))):
        with pytest.raises(ValueError, match=name):
            core.TrainingSet64(**{**ok, name: wrong})
    with pytest.raises(TypeError):
        core.TrainingSet64(**{**ok, "outputs": np.ones((3, 2), np.float32)})
    with pytest.raises(ValueError, match="out"):
        core.sample([2], [2**63], key=0, first=0, out=np.ones((4, 3)), threads=1)
    stream = {"branching": [2], "threshold": [2**63], "key": 0, "first": 0, "n": 65, "threads": 1}
    with pytest.raises(ValueError, match="out"):
        core.sample_bits(**stream, out=np.ones((2, 1), np.uint64))
    with pytest.raises(ValueError, match="out"):
        core.gram(**stream, out=np.ones((2, 3), np.int64))
    with pytest.raises(ValueError, match="threshold"):
        core.gram(**{**stream, "threshold": []}, out=np.ones((2, 2), np.int64))
