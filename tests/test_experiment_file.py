import re
from pathlib import Path

import numpy as np
import pytest

import pylinear as pl
from pylinear import _experiment_file

pytestmark = pytest.mark.core

EXAMPLE = Path(__file__).parent.parent / "docs" / "experiment.toml"
TABLE = "item,can fly,can swim\nRobin,1,0\nSalmon,0,1\nDuck,1,1\n"
LEARNING = "[train]\nhidden = 4\nrate = 0.01\nepochs = 3\n"


def read(tmp_path, text):
    (tmp_path / "experiment.toml").write_text(text)
    return _experiment_file.read(tmp_path / "experiment.toml")


def test_the_example_is_the_one_that_help_shows():
    assert EXAMPLE.read_text() == _experiment_file.EXAMPLE


def test_the_example_has_all_keys_with_their_defaults(tmp_path):
    text = _experiment_file.EXAMPLE
    shown = {
        name: re.findall(r"^(?:# )?(\w+) = ", section, re.MULTILINE)
        for name, section in re.findall(r"^\[(\w+)\](.*?)(?=^\[|\Z)", text, re.MULTILINE | re.DOTALL)
    }
    assert sorted(shown["train"]) == sorted(_experiment_file._KEYS["train"])
    told = {*shown["data"], *re.findall(r"or (\w+) = ", text)}
    assert told == set(_experiment_file._KEYS["data"])
    behind = re.findall(r"^# (\w+) = ", text, re.MULTILINE)
    training = read(tmp_path, re.sub(r"^# (?=\w+ = )", "", text, flags=re.MULTILINE)).training
    for name in behind[:-1]:
        default = _experiment_file.TRAINING[name]
        assert training[name] == (list(default) if isinstance(default, tuple) else default), name
    assert behind[-1] == "threads"  # whose default TOML cannot say
    for name in ("init", "runs", "record"):
        default = _experiment_file.TRAINING[name]
        shown = "(gaussian, 1e-4)" if default == pl.Gaussian(1e-4) else f"({default})"
        assert re.search(rf"^{name} = .* {re.escape(shown)}$", text, re.MULTILINE), name


def test_the_example_says_what_is_trained():
    run = _experiment_file.read(EXAMPLE).train()
    data = pl.Tree((2, 2), 0.1).sample(10_000, rng=0)
    same = pl.train(data, hidden=16, rate=3e-4, epochs=700, init=pl.Gaussian(1e-3), runs=3, rng=0, record=100)
    np.testing.assert_array_equal(run.mode_strengths, same.mode_strengths)
    np.testing.assert_array_equal(run.epochs, same.epochs)


def test_data_may_be_a_table_beside_the_file_or_a_toy(tmp_path, monkeypatch):
    (tmp_path / "animals.csv").write_text(TABLE)
    monkeypatch.chdir("/")
    run = read(tmp_path, f'[data]\ntable = "animals.csv"\n{LEARNING}').train()
    assert run.data.items == ("Robin", "Salmon", "Duck")
    run = read(tmp_path, f'[data]\ntoy = "signed"\n{LEARNING}').train()
    np.testing.assert_array_equal(run.data.outputs, pl.toy("signed").outputs)


def test_what_is_left_out_is_as_the_command_line_has_it(tmp_path):
    run = read(tmp_path, f"[data]\ntree = [3]\n{LEARNING}").train()
    assert (run.data.n_features, run.data.tree.flip, run.rng, run.init) == (10_000, (0.1,), 0, pl.Gaussian(1e-4))
    assert len(run.status) == 1


@pytest.mark.parametrize(
    ("text", "init"),
    [
        ("{ gaussian = 0.01 }", pl.Gaussian(0.01)),
        ("{ balanced = 0.01 }", pl.Balanced(0.01)),
        ("{ balanced = [0.1, 0.2, 0.3, 0.4] }", pl.Balanced([0.1, 0.2, 0.3, 0.4])),
        ("{ decoupled = { c = 0.1, d = 0.2 } }", pl.Decoupled(0.1, 0.2)),
    ],
)
def test_initial_weights(text, init, tmp_path):
    run = read(tmp_path, f'[data]\ntoy = "centred"\n{LEARNING}init = {text}\n').train()
    same = pl.train(pl.toy(), hidden=4, rate=0.01, epochs=3, init=init, rng=0)
    np.testing.assert_array_equal(run.mode_strengths, same.mode_strengths)


def test_every_key_of_train_counts(tmp_path):
    values = {
        "order": '"cyclic"',
        "update": '"flow"',
        "reduce": "false",
        "tol": "1e-6",
        "runs": "2",
        "rng": "1",
        "record": "[0, 1]",
        "keep": '["maps"]',
        "dtype": '"float32"',
        "threads": "1",
        "route": '"fused"',
        "init": "{ gaussian = 0.1 }",
        "hidden": "5",
        "rate": "0.02",
        "epochs": "4",
    }
    assert set(values) == set(_experiment_file.TRAINING)
    for key, value in values.items():
        lines = [line for line in LEARNING.splitlines() if not line.startswith(key)]
        experiment = read(tmp_path, "\n".join(['[data]\ntoy = "centred"', *lines, f"{key} = {value}", ""]))
        assert key in experiment.training
        assert experiment.train().data.n_items == 4


def test_what_is_wrong_with_another_file_is_said_of_that(tmp_path):
    (tmp_path / "checkpoint.npz").write_bytes(b"PK")
    experiment = read(tmp_path, f'[data]\ntoy = "centred"\n{LEARNING}')
    with pytest.raises(pl.FileError) as caught:
        experiment.train(checkpoint=tmp_path / "checkpoint.npz")
    assert str(caught.value).startswith(f"{tmp_path}/checkpoint.npz is damaged")


def test_a_sweep_varies_what_the_file_says(tmp_path):
    pytest.importorskip("xarray")
    (tmp_path / "a.csv").write_text(TABLE)
    (tmp_path / "b.csv").write_text(TABLE.replace("Duck,1,1", "Duck,1,0"))
    varied = (
        '[sweep]\ntable = ["a.csv", "b.csv"]\nrate = [0.01, 0.02]\ninit = [{ gaussian = 0.1 }, { balanced = 0.1 }]\n'
    )
    experiment = read(tmp_path, f'[data]\ntable = "a.csv"\n{LEARNING}{varied}')
    result = experiment.sweep(tmp_path / "out", None)
    assert dict(result.sizes) | {"time": 0} == {"data": 2, "rate": 2, "init": 2, "run": 1, "time": 0, "mode": 2}
    assert result.data.values.tolist() == ["a.csv", "b.csv"]
    assert result.init.values.tolist() == ["gaussian = 0.1", "balanced = 0.1"]
    run = pl.train(pl.read_table(tmp_path / "b.csv"), hidden=4, rate=0.02, epochs=3, rng=0, init=pl.Balanced(0.1))
    there = result.sel(data="b.csv", rate=0.02, init="balanced = 0.1")
    np.testing.assert_allclose(there.mode_strength, run.mode_strengths, rtol=1e-12)


def test_trees_and_their_flips_vary(tmp_path):
    pytest.importorskip("xarray")
    data = "[data]\ntree = [2, 2]\nfeatures = 100\n"
    varied = "[sweep]\ntree = [[2, 2], [3]]\nflip = [0.05, 0.2]\n"
    result = read(tmp_path, f"{data}{LEARNING}{varied}").sweep(tmp_path / "out", None)
    assert result.tree.values.tolist() == ["(2, 2)", "(3,)"]
    s = pl.Tree((3,), 0.2).sample(100, rng=0).modes.s
    np.testing.assert_allclose(result.association_strength.sel(tree="(3,)", flip=0.2)[:3], s, rtol=1e-13)


TOY = '[data]\ntoy = "centred"\n'
TREE = "[data]\ntree = [2, 2]\nfeatures = 50\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[data\n", "experiment.toml: not a TOML file: .*line 1"),
        ("a = 1\na = 2\n", "experiment.toml: not a TOML file: .*line 2"),
        (
            f"{TOY}[trian]\nrate = 1\n",
            r"toml: 'trian' is no section of an experiment; did you mean 'train'\?",
        ),
        ("data = 3\n", r"experiment.toml: data must be a section, \[data\]; got 3"),
        (f"{TOY}{LEARNING}hiden = 3\n", r"experiment.toml: 'hiden' is no key of \[train\]; did you mean 'hidden'\?"),
        ("[data]\ntre = [2]\n", r"experiment.toml: 'tre' is no key of \[data\]; did you mean 'tree'\?"),
        (LEARNING, r"experiment.toml, \[data\]: one of tree, table and toy must be given; got none"),
        (f'{TREE}toy = "signed"\n', r"one of tree, table and toy must be given; got \['tree', 'toy'\]"),
        (f"{TOY}flip = 0.1\n", r"experiment.toml, \[data\] flip: it belongs to a tree"),
        (f"{TREE}flip = 0.7\n", r"experiment.toml, \[data\] flip: flip must be between 0 and 0.5; got 0.7"),
        (f"{TREE}flip = true\n", r"experiment.toml, \[data\] flip: flip must be between 0 and 0.5; got True"),
        ("[data]\ntree = 2\n", r"experiment.toml, \[data\] tree: branching must be a sequence of whole numbers; got 2"),
        ("[data]\ntree = [2.5]\n", r"experiment.toml, \[data\] tree: branching must be a whole number"),
        ("[data]\ntree = [2]\nfeatures = 0\n", r"experiment.toml, \[data\] features: features must be a whole number"),
        ('[data]\ntoy = "ternary"\n', r"experiment.toml, \[data\] toy: coding must be one of"),
        ('[data]\ntable = "none.csv"\n', r"experiment.toml, \[data\] table: .*No such file .*none.csv"),
        ("[data]\ntable = 3\n", r"experiment.toml, \[data\] table: table must be the name of a file; got 3"),
        (f"{TOY}[train]\nhidden = 3\nepochs = 3\n", r"experiment.toml, \[train\] rate: it must be given"),
        (f"{TOY}{LEARNING}init = 0.1\n", r"\[train\] init: init must be a table with one of gaussian, balanced"),
        (
            f"{TOY}{LEARNING}init = {{ gausian = 1 }}\n",
            "'gausian' is no kind of initial weights; did you mean 'g",
        ),
        (
            f"{TOY}{LEARNING}init = {{ gaussian = 0 }}\n",
            r"\[train\] init: scale must be a finite number above 0",
        ),
        (
            f"{TOY}{LEARNING}init = {{ decoupled = 1 }}\n",
            r"\[train\] init: decoupled must be a table of c and d",
        ),
        (
            f"{TOY}{LEARNING}init = {{ balanced = [1, 2] }}\n",
            r"\[train\] init: c must be one number or one per",
        ),
        (f"{TOY}{LEARNING}runs = 0\n", r"experiment.toml, \[train\] runs: runs must be a whole number from 1"),
        (f'{TOY}{LEARNING}runs = "3"\n', r"experiment.toml, \[train\] runs: runs must be a whole number from 1"),
        (f"{TOY}{LEARNING}tol = 2.0\n", r"experiment.toml, \[train\] tol: tol must be between 0 and 1; got 2.0"),
        (f"{TOY}{LEARNING}rng = -1\n", r"experiment.toml, \[train\] rng: rng must be a whole number of at least 0"),
        (f"{TOY}{LEARNING}record = 2020-01-01\n", r"experiment.toml, \[train\] record: record must be a whole number"),
        (f"{TREE}{LEARNING}rng = -1\n", r"experiment.toml, \[train\] rng: rng must be a whole number of at least 0"),
    ],
)
def test_what_is_wrong_is_said_with_file_and_key(text, said, tmp_path):
    with pytest.raises(ValueError, match=said) as caught:
        read(tmp_path, text).train()
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", r"experiment.toml, \[sweep\]: it must have at least one key that varies"),
        ("[sweep]\nrate = 3\n", r"experiment.toml, \[sweep\] rate: it must be a list of the values to take; got 3"),
        ("[sweep]\nrate = []\n", r"experiment.toml, \[sweep\] rate: it must be a list of the values to take; got \[\]"),
        ("[sweep]\nrate = [1, -1]\n", r"experiment.toml, \[sweep\] rate: rate must be .* got -1; in the task rate=-1"),
        ("[sweep]\nrate = [1, 1]\n", r"experiment.toml, \[sweep\] rate: rate must take each value once"),
        ("[sweep]\nkeep = []\n", r"experiment.toml: 'keep' is no key of \[sweep\]"),
        ("[sweep]\nrat = [1]\n", r"'rat' is no key of \[sweep\]; did you mean 'rate'"),
        ('[sweep]\ntoy = ["signed"]\n', r"\[sweep\] toy: it can vary only where \[data\] has a toy"),
        ("[sweep]\ntree = [2, 2]\n", r"\[sweep\] tree: branching must be a sequence of whole numbers; got 2"),
        ("[sweep]\ntree = [[2], [2]]\n", r"\[sweep\] tree: each value must be there once; got \[\[2\], \[2\]\]"),
        ("[sweep]\nflip = [0.7]\n", r"\[sweep\] flip: flip must be between 0 and 0.5; got 0.7; in the task flip=0.7"),
        ("[sweep]\nfeatures = [0]\n", r"\[sweep\] features: features must be a whole number"),
        ("[sweep]\ninit = [3]\n", r"\[sweep\] init: init must be a table with one of gaussian"),
        ("runs = 0\n[sweep]\nrate = [1]\n", r"experiment.toml, \[train\] runs: runs must be a whole number from 1"),
    ],
)
def test_what_is_wrong_with_a_sweep_is_said_before_it_begins(text, said, tmp_path):
    pytest.importorskip("xarray")
    with pytest.raises(ValueError, match=said) as caught:
        read(tmp_path, f"{TREE}{LEARNING}{text}").sweep(tmp_path / "out", None)
    assert str(caught.value).startswith(str(tmp_path))
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("fault", ["rate = 3", "rat = [1]", "keep = []", "table = ['none.csv']", "init = [3]"])
def test_a_sweep_s_faults_are_its_own(fault, tmp_path):
    assert read(tmp_path, f"{TOY}{LEARNING}[sweep]\n{fault}\n").train().status == ("ok",)


def test_what_varies_need_not_stand_elsewhere(tmp_path):
    pytest.importorskip("xarray")
    experiment = read(tmp_path, f"{TOY}[train]\nhidden = 4\nepochs = 3\n[sweep]\nrate = [0.01]\n")
    assert experiment.sweep(tmp_path / "out", None).rate.values.tolist() == [0.01]
    with pytest.raises(ValueError, match=r"experiment.toml, \[train\] rate: it must be given"):
        experiment.train()


def test_a_byte_order_mark_is_none_of_the_text(tmp_path):
    assert read(tmp_path, f"\ufeff{TOY}{LEARNING}").train().status == ("ok",)
