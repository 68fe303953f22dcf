import csv
import json
import os
import signal
import subprocess
import sys
import time
import warnings
from pathlib import Path

import numpy as np
import pytest

import pylinear as pl
from pylinear import _cli, _engine, _experiment, _theories
from pylinear._figures import _catalogue, _paper, _write


@pytest.mark.core
def test_demo_prints_the_table_and_writes_picture_and_data(tmp_path, capsys):
    out = tmp_path / "some" / "folder"
    assert _cli.main(["demo", "--out", str(out)]) == 0
    printed = capsys.readouterr()
    assert sorted(path.name for path in out.iterdir()) == ["figure3.csv", "figure3.png", "figure3.svg", "gap.csv"]
    assert str(out) in printed.err
    assert (out / "figure3.png").read_bytes().startswith(b"\x89PNG")

    with (out / "gap.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["mode"] for row in rows] == ["1", "2", "3", "4", "loss"]
    assert float(rows.pop()["modified flow"]) < 0.01
    assert f"{float(rows[0]['finite rate, mean']):.4f}" in printed.out
    # The setting of the paper: (13) for 10,000 features, and at rate x s1 = 0.05 a finite-rate gap between those
    # of a plain numpy trial at 0.025 (0.043) and at 0.1 (0.17).
    s = [float(row["s"]) for row in rows]
    np.testing.assert_allclose(s, [156.8, 90.6, 60.0, 60.0], rtol=0.02)
    assert 0.05 < float(rows[0]["finite rate, mean"]) < 0.1
    assert all(float(row["finite rate, mean"]) < float(row["(10), paper's a0"]) for row in rows)

    with (out / "figure3.csv").open() as file:
        curves = list(csv.DictReader(file))
    runs = {row["run"] for row in curves}
    assert len(runs) == 10
    last = [row for row in curves if row["run"] == "10" and row["mode"] == "2"][-1]
    assert float(last["measured"]) == pytest.approx(s[1], rel=1e-3)
    assert float(last["flow"]) == pytest.approx(s[1], rel=1e-3)


@pytest.mark.core
def test_demo_without_matplotlib_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_write.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(_paper, "EPOCHS", 10)
    assert _cli.main(["demo", "--out", str(tmp_path)]) == 0
    assert "matplotlib is not installed" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure3.csv", "gap.csv"]


def test_figures_writes_every_figure_and_lists_the_files(tmp_path, capsys, monkeypatch):
    few = [x for x in _catalogue.PICTURES if x.name in {"figure2", "phase_portrait"}]
    monkeypatch.setattr(_catalogue, "PICTURES", few)
    out = tmp_path / "some" / "folder"
    assert _cli.main(["figures", "--out", str(out)]) == 0
    printed = capsys.readouterr()
    names = [f"{name}.{suffix}" for name in ("figure2", "phase_portrait") for suffix in ("csv", "png", "svg")]
    assert printed.out.splitlines() == [str(out / name) for name in names]
    assert sorted(path.name for path in out.iterdir()) == names
    progress = printed.err.splitlines()
    assert [line.split(":")[0] for line in progress[:2]] == ["1/2 figure2", "2/2 phase_portrait"]
    assert len(progress) == 3


def test_figures_without_matplotlib_are_tables_and_say_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_write.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(_catalogue, "PICTURES", _catalogue.PICTURES[:1])
    assert _cli.main(["figures", "--out", str(tmp_path)]) == 0
    assert "matplotlib is not installed" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["figure2.csv"]


@pytest.mark.core
def test_a_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert _cli.main(["demo", "--out", str(tmp_path / "file" / "x")]) == 1
    assert "file" in capsys.readouterr().err


@pytest.mark.filterwarnings("always:pylinear's compiled core:RuntimeWarning")
def test_demo_without_the_core_names_the_fix(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_engine, "_core", None)
    monkeypatch.setattr(_engine, "IN_CHECKOUT", False)
    _engine._warn_fallback.cache_clear()
    assert _cli.main(["demo", "--out", str(tmp_path)]) == 1
    *_, fallback, error = capsys.readouterr().err.splitlines()
    assert fallback == "pylinear: pylinear's compiled core is not installed; sampling with numba"
    assert "install a C++20 compiler" in error


def test_info(capsys):
    assert _cli.main(["info"]) == 0
    assert "engines: " in capsys.readouterr().out
    assert pl.info()["version"] in subprocess.check_output(
        [sys.executable, "-P", "-m", "pylinear", "--version"], text=True
    )


TABLE = "item,can fly,can swim,has wings\nRobin,1,0,1\nSalmon,0,1,0\nDuck,1,1,1\n"


@pytest.mark.core
def test_gap_of_a_table(tmp_path, capsys):
    (tmp_path / "animals.csv").write_text(TABLE)
    assert _cli.main(["gap", str(tmp_path / "animals.csv"), "--runs", "2"]) == 0
    printed = capsys.readouterr()
    data = pl.read_table(tmp_path / "animals.csv")
    rate = 0.05 / data.modes.s[0]
    assert printed.err == ""
    assert f"over time and 2 runs, relative to s (rate x s1 = {rate * data.modes.s[0]:.3g}" in printed.out
    assert "\n map " in printed.out
    # Long enough that all of it is learned: the last record is far below the first.
    last = measured(["gap", str(tmp_path / "animals.csv"), "--runs", "2"]).run
    assert np.all(last.loss[:, -1] < 1e-3 * last.loss[:, 0])


def measured(arguments):
    return _experiment.measure(_cli._parser().parse_args(arguments))


@pytest.mark.core
def test_every_option_of_gap_counts():
    base = ["gap", "--tree", "2,2", "--features", "50", "--runs", "2", "--epochs", "20"]
    run = measured(base).run
    assert (run.hidden_units, run.init.scale, run.epochs[-1], run.rng, run.order) == (16, 1e-3, 20, 0, "reshuffled")
    assert run.data.tree.branching == (2, 2)
    plain = measured(["gap", "--tree", "2", "--runs", "1", "--epochs", "1"]).run
    assert (plain.data.n_features, plain.data.tree.flip) == (10_000, (0.1,))
    for option, value, attribute in (
        ("--hidden", "5", lambda run: run.hidden_units == 5),
        ("--scale", "0.01", lambda run: run.init.scale == 0.01),
        ("--rate", "0.003", lambda run: run.rate == 0.003),
        ("--epochs", "30", lambda run: run.epochs[-1] == 30),
        ("--order", "cyclic", lambda run: run.order == "cyclic"),
        ("--order", "with_replacement", lambda run: run.order == "with_replacement"),
        ("--order", "batch", lambda run: run.update == "batch"),
        ("--runs", "3", lambda run: len(run.status) == 3),
        ("--rng", "7", lambda run: run.rng == 7 and run.data.rng == 7),
        ("--flip", "0.3", lambda run: run.data.tree.flip == (0.3, 0.3)),
        ("--features", "60", lambda run: run.data.n_features == 60),
        ("--tree", "3", lambda run: run.data.n_items == 3),
    ):
        assert not attribute(run)
        assert attribute(measured([*base, option, value]).run), option


@pytest.mark.core
def test_gap_writes_its_tables_and_pictures_and_shows_the_moves(tmp_path, capsys):
    arguments = ["gap", "--tree", "2,2", "--features", "100", "--runs", "2", "--out", str(tmp_path), "--moves"]
    assert _cli.main(arguments) == 0
    names = {f"{name}.{suffix}" for name in ("curves", "prediction", "gap") for suffix in ("csv", "png", "svg")}
    assert {path.name for path in tmp_path.iterdir()} == names
    printed = capsys.readouterr()
    assert all(name in printed.err for name in names)
    table = printed.out[printed.out.index("What each simplification") :].splitlines()
    assert table[1].split("  ")[-1] == "all four"
    assert float(table[2].split()[3]) < 1e-6  # a change of coordinates
    with (tmp_path / "gap.csv").open() as file:
        first = next(csv.DictReader(file))
    assert f"{float(first['unexplained']):.4f}" in printed.out
    with (tmp_path / "curves.csv").open() as file:
        assert float(next(csv.DictReader(file))["modified_flow"]) == pytest.approx(0.0, abs=1e-4)
    assert (
        _cli.main(["gap", "--tree", "2", "--features", "9", "--order", "with_replacement", "--out", str(tmp_path)]) == 0
    )
    with (tmp_path / "curves.csv").open() as file:
        assert next(csv.DictReader(file))["modified_flow"] == ""


@pytest.mark.core
def test_warnings_of_gap_are_sentences(capsys):
    assert _cli.main(["gap", "--tree", "2,2", "--features", "100", "--runs", "2", "--rate", "1", "--epochs", "5"]) == 0
    said = capsys.readouterr().err.splitlines()
    assert len(said) == 1
    assert said[0].startswith("pylinear: the rate, 1, is above the largest at which learning is stable, 0.0")


def test_warnings_of_other_packages_are_shown_with_their_place(capsys, monkeypatch):
    def warned(as_json):
        warnings.warn("of another package", RuntimeWarning, stacklevel=1)
        return 0

    monkeypatch.setattr(_cli, "_info", warned)
    with pytest.warns(RuntimeWarning, match="of another package"):
        assert _cli.main(["info"]) == 0
    assert capsys.readouterr().err == ""


def test_help_says_what_an_option_is_by_default(capsys):
    with pytest.raises(SystemExit):
        _cli.main(["gap", "--help"])
    printed = " ".join(capsys.readouterr().out.split())
    for option, default in _experiment.DEFAULTS.items():
        about = printed.split(f"--{option} ")[-1].split(" --")[0]
        assert f"({default:,})" in about if isinstance(default, int) else f"({default})" in about, option


def test_the_help_of_gap_says_what_its_columns_are(capsys):
    with pytest.raises(SystemExit):
        _cli.main(["gap", "--help"])
    printed = capsys.readouterr().out
    for name in (_theories.TREE, _theories.PAPER, _theories.EFFECTIVE, _theories.FLOW, _theories.MODIFIED):
        assert f"  {name}  " in printed


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "give either a table or --tree"),
        (["some.csv", "--tree", "2,2"], "give either a table or --tree"),
        (["some.csv", "--flip", "0.3"], "--flip and --features belong to --tree"),
        (["some.csv", "--features", "9"], "--flip and --features belong to --tree"),
        (["--tree", "2,x"], "--tree must be whole numbers with commas between them; got '2,x'"),
        (["--tree", "2,0"], "--tree 2,0: branching must be a whole number from 1 to 1048576; got 0"),
        (["--tree", "2,2", "--flip", "0.7"], "flip must be between 0 and 0.5"),
        (["--tree", "2", "--rate", "0"], "rate must be a finite number above 0"),
        (["--tree", "2", "--scale", "-1"], "scale must be between 1e-100 and 1e+100; got -1.0"),
        (["--tree", "2", "--scale", "1e200"], "scale must be between 1e-100 and 1e+100; got 1e+200"),
        (["--tree", "2", "--features", "9", "--rate", "1e-300"], "at the rate 1e-300 learning would take"),
        (["--tree", "2", "--features", "0"], "pylinear: features must be a whole number from 1"),
        (["--tree", "2", "--features", "9", "--hidden", "0"], "hidden must be a whole number from 1"),
        (["--tree", "2", "--features", "9", "--runs", "0"], "runs must be a whole number from 1"),
        (["--tree", "2", "--features", "9", "--epochs", "-1"], "epochs must be"),
        (["no-such-file.csv"], "no-such-file.csv"),
    ],
)
@pytest.mark.core
def test_gap_refuses_what_it_cannot_do(arguments, said, capsys):
    assert _cli.main(["gap", *arguments]) == 1
    printed = capsys.readouterr()
    assert said in printed.err
    assert printed.out == ""


@pytest.mark.parametrize(
    "command",
    [
        ["train", "--tree", "2", "--features", "9", "--epochs", "5"],
        ["gap", "--tree", "2", "--features", "9", "--epochs", "5"],
        ["demo"],
        ["figures"],
        ["sweep", "no-such-file.toml"],
    ],
)
@pytest.mark.parametrize("inside", ["", "/some/folder"])
def test_results_that_have_no_place_are_not_computed(command, inside, tmp_path, capsys):
    (tmp_path / "file").write_text("as it was")
    assert _cli.main([*command, "--out", f"{tmp_path}/file{inside}"]) == 1
    printed = capsys.readouterr()
    assert printed.err == f"pylinear: --out must be a folder, which {tmp_path}/file is not: give another\n"
    assert printed.out == ""
    assert (tmp_path / "file").read_text() == "as it was"


@pytest.mark.core
@pytest.mark.parametrize("command", ["train", "gap", "sweep"])
@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "'none.csv': No such file or directory"),
        ("none.toml", None, "'none.toml': No such file or directory"),
        ("folder.toml", "folder", "'folder.toml': Is a directory"),
        ("deep.toml", b"x = " + b"[" * 9000 + b"]" * 9000, "deep.toml: not a TOML file: maximum recursion depth"),
        ("digits.toml", b"x = " + b"9" * 5000, "digits.toml: not a TOML file: Exceeds the limit"),
        ("binary.toml", bytes(range(256)), "binary.toml: not a TOML file: 'utf-8' codec can't decode"),
    ],
)
def test_what_is_no_file_of_an_experiment_is_said_to_be_none(
    command, name, content, said, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    if content == "folder":
        Path(name).mkdir()
    elif content is not None:
        Path(name).write_bytes(content)
    assert _cli.main([command, name]) == 1
    printed = capsys.readouterr()
    assert printed.err.startswith(f"pylinear: {said}")
    assert printed.err.count("\n") == 1
    assert printed.out == ""


EXAMPLE = Path(__file__).parent.parent / "docs" / "experiment.toml"


@pytest.mark.core
def test_train_prints_mode_strengths_or_writes_what_it_recorded(tmp_path, capsys):
    assert _cli.main(["train", str(EXAMPLE)]) == 0
    printed = capsys.readouterr()
    rows = list(csv.DictReader(printed.out.splitlines()))
    assert len(rows) == 3 * 100 * 4
    assert "3 of them ok" in printed.err
    s = pl.Tree((2, 2), 0.1).sample(10_000, rng=0).modes.s
    last = [float(row["strength"]) for row in rows if row["run"] == "2" and row["epoch"] == "700"]
    np.testing.assert_allclose(last, s, rtol=0.01)

    out = tmp_path / "some" / "folder"
    assert _cli.main(["train", str(EXAMPLE), "--out", str(out)]) == 0
    names = ["run.npz", "mode_strengths.csv", "loss.csv"]
    assert capsys.readouterr().out.splitlines() == [str(out / name) for name in names]
    assert (out / "mode_strengths.csv").read_text() == printed.out.replace("\r\n", "\n")
    with np.load(out / "run.npz") as arrays:
        assert arrays["mode_strength"].shape == (3, 100, 4)
        losses = arrays["loss"]
        about = json.loads(arrays["header"].tobytes())
    assert (about["configuration"]["rate"], about["status"]) == (3e-4, ["ok"] * 3)
    with (out / "loss.csv").open() as file:
        assert [float(row["loss"]) for row in csv.DictReader(file)] == pytest.approx(losses.ravel())


@pytest.mark.core
def test_train_takes_the_options_of_gap(tmp_path, capsys):
    (tmp_path / "animals.csv").write_text(TABLE)
    options = ["--runs", "2", "--epochs", "5", "--hidden", "3", "--rate", "0.1", "--scale", "0.1", "--order", "cyclic"]
    assert _cli.main(["train", str(tmp_path / "animals.csv"), *options]) == 0
    data = pl.read_table(tmp_path / "animals.csv")
    same = {"hidden": 3, "rate": 0.1, "epochs": 5, "init": pl.Gaussian(0.1), "order": "cyclic", "runs": 2, "rng": 0}
    strengths = [float(row["strength"]) for row in csv.DictReader(capsys.readouterr().out.splitlines())]
    assert strengths == pytest.approx(pl.train(data, **same).mode_strengths.ravel(), rel=1e-9)


@pytest.mark.core
def test_gap_takes_an_experiment_in_a_file(capsys):
    run = measured(["gap", str(EXAMPLE)]).run
    assert (run.hidden_units, run.rate, len(run.status), run.data.n_features) == (16, 3e-4, 3, 10_000)
    for option, value in (("--rate", "1"), ("--hidden", "16"), ("--tree", "2,2"), ("--rng", "0")):
        assert _cli.main(["gap", str(EXAMPLE), option, value]) == 1
        assert f"{option} must be left out beside {EXAMPLE}, which says it all" in capsys.readouterr().err


@pytest.mark.core
def test_sweep_writes_its_tables_and_repeats_nothing(tmp_path, capsys):
    xarray = pytest.importorskip("xarray")
    command = ["sweep", str(EXAMPLE), "--out", str(tmp_path)]
    assert _cli.main(command) == 0
    printed = capsys.readouterr()
    names = ["mode_strengths.csv", "loss.csv", "sweep.nc"]
    assert printed.out.splitlines() == [str(tmp_path / name) for name in names]
    assert "100" in printed.err
    assert len(list((tmp_path / "tasks").iterdir())) == 4
    data = pl.Tree((2, 2), 0.1).sample(10_000, rng=0)
    same = {"epochs": 700, "init": pl.Gaussian(1e-3), "runs": 3, "rng": 0, "record": 100}
    run = pl.train(data, rate=6e-4, hidden=64, **same)
    with xarray.open_dataset(tmp_path / "sweep.nc") as result:
        there = result.sel(rate=6e-4, hidden=64)
        np.testing.assert_array_equal(there.mode_strength, run.mode_strengths)
        assert there.status.values.tolist() == ["ok"] * 3
    with (tmp_path / "mode_strengths.csv").open() as file:
        rows = [x for x in csv.DictReader(file) if (x["rate"], x["hidden"]) == ("0.0006", "64")]
    assert [float(row["strength"]) for row in rows] == pytest.approx(run.mode_strengths.ravel(), rel=1e-9)
    assert [float(row["epoch"]) for row in rows[::4]] == pytest.approx(np.tile(run.epochs, 3))
    assert [(row["run"], row["mode"]) for row in rows[:5]] == [
        ("1", "1"),
        ("1", "2"),
        ("1", "3"),
        ("1", "4"),
        ("1", "1"),
    ]

    before = {path: path.stat().st_mtime_ns for path in (tmp_path / "tasks").iterdir()}
    assert _cli.main(command) == 0
    assert capsys.readouterr().out == printed.out
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "tasks").iterdir()} == before

    min(before).write_bytes(b"PK")
    assert _cli.main(command) == 0
    said = capsys.readouterr().err.splitlines()
    assert said[0].startswith(f"pylinear: {min(before)} is damaged")
    assert said[0].endswith("is computed again")
    assert {path: path.stat().st_mtime_ns for path in before if path != min(before)}.items() <= before.items()


@pytest.mark.core
def test_a_sweep_of_unequal_tasks_with_large_numbers_in_files(tmp_path):
    xarray = pytest.importorskip("xarray")
    train = "[train]\nhidden = 3\nrate = 1e-9\nepochs = 1e9\nrecord = 2\nrng = 99999999999\nreduce = false\n"
    text = f'[data]\ntree = [3]\nfeatures = 2\n{train}update = "flow"\n[sweep]\nruns = [1, 2]\nepochs = [1e9, 5e8]\n'
    (tmp_path / "x.toml").write_text(text)
    assert _cli.main(["sweep", str(tmp_path / "x.toml"), "--out", str(tmp_path)]) == 0
    with xarray.open_dataset(tmp_path / "sweep.nc") as result:
        assert result.presentation.sel(epochs=1e9).max() == 3e9
        assert result.attrs["rng"] == "99999999999"
        assert (result.status == "").sum() == 2
        assert result.status.dims == ("runs", "epochs", "run")
    with (tmp_path / "loss.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [row["runs"] + row["run"] for row in rows[::4]] == ["11", "21", "21"]
    assert [float(row["epoch"]) for row in rows] == [0.0, 1e9, 0.0, 5e8] + [0.0, 1e9] * 2 + [0.0, 5e8] * 2


@pytest.mark.core
@pytest.mark.parametrize("command", ["train", "gap", "sweep"])
def test_what_is_wrong_in_a_file_is_said_with_its_key(command, tmp_path, capsys):
    (tmp_path / "x.toml").write_text(EXAMPLE.read_text().replace("epochs =", "epoch ="))
    out = tmp_path / "out"
    assert _cli.main([command, str(tmp_path / "x.toml"), "--out", str(out)]) == 1
    printed = capsys.readouterr()
    said = f"pylinear: {tmp_path}/x.toml: 'epoch' is no key of [train]; did you mean 'epochs'?"
    assert printed.err.splitlines()[-1] == said
    assert printed.out == ""
    assert not out.exists()
    assert _cli.main([command, str(tmp_path / "none.toml")]) == 1
    assert "none.toml" in capsys.readouterr().err


@pytest.mark.core
def test_a_damaged_checkpoint_is_said_to_be_so(tmp_path, capsys):
    (tmp_path / "checkpoint.npz").write_bytes(b"PK")
    assert _cli.main(["train", str(EXAMPLE), "--out", str(tmp_path)]) == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith(f"pylinear: {tmp_path}/checkpoint.npz is damaged")


@pytest.mark.core
@pytest.mark.parametrize("command", ["train", "gap", "sweep"])
def test_help_shows_an_experiment(command, capsys):
    with pytest.raises(SystemExit):
        _cli.main([command, "--help"])
    assert EXAMPLE.read_text() in capsys.readouterr().out


@pytest.mark.core
def test_sweep_without_xarray_says_what_is_missing(tmp_path, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "xarray", None)
    assert _cli.main(["sweep", str(EXAMPLE), "--out", str(tmp_path / "out")]) == 1
    assert "pylinear-dynamics[xarray]" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def interrupted_once(path, line, folder):
    """Run a command until there is a file, interrupt it, and return its exit status and what it said."""
    line = [sys.executable, "-m", "pylinear", *line]
    with subprocess.Popen(line, cwd=folder, stderr=subprocess.PIPE, text=True, env=dict(os.environ)) as process:
        while process.poll() is None and not any(folder.glob(path)):
            time.sleep(0.02)
        time.sleep(0.3)  # so that it is training
        process.send_signal(signal.SIGINT)
        said = process.stderr.read()
    return process.returncode, said.splitlines()[-1]


@pytest.mark.core
def test_a_sweep_that_is_interrupted_goes_on(tmp_path):
    pytest.importorskip("xarray")
    text = EXAMPLE.read_text().replace("rate = [3e-4, 6e-4]", "epochs = [10, 1e9]").replace("hidden = [16, 64]", "")
    (tmp_path / "x.toml").write_text(text.replace("epochs = 700", "epochs = 700\nreduce = false"))
    status, said = interrupted_once("out/tasks/[0-9a-f]*.npz", ["sweep", "x.toml", "--out", "out"], tmp_path)
    assert status == 130
    assert said == "pylinear: interrupted; 1 of 2 tasks are done, in out/tasks; the same again goes on with the rest"


@pytest.mark.core
def test_a_training_that_is_interrupted_goes_on(tmp_path, capsys):
    same = {"hidden": 4, "rate": 1e-4, "epochs": 2 * 10**6, "runs": 2, "record": 3, "reduce": False}
    train = "[train]\nhidden = 4\nrate = 1e-4\nepochs = 2_000_000\nruns = 2\nrecord = 3\nreduce = false\n"
    (tmp_path / "x.toml").write_text(f"[data]\ntree = [2, 2]\nfeatures = 100\n{train}")
    status, said = interrupted_once("out/checkpoint.npz", ["train", "x.toml", "--out", "out"], tmp_path)
    assert status == 130
    assert said == f"pylinear: interrupted; the same command goes on from {tmp_path}/out/checkpoint.npz"
    assert _cli.main(["train", str(tmp_path / "x.toml"), "--out", str(tmp_path / "out")]) == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["loss.csv", "mode_strengths.csv", "run.npz"]
    run = pl.train(pl.Tree((2, 2), 0.1).sample(100, rng=0), rng=0, **same)
    with np.load(tmp_path / "out" / "run.npz") as arrays:
        np.testing.assert_array_equal(arrays["mode_strength"], run.mode_strengths)


@pytest.mark.core
def test_a_training_that_is_interrupted_is_told_by_the_exit_status(capsys, monkeypatch):
    def interrupted(options, **more):
        raise pl.TrainingInterrupted(None)

    monkeypatch.setattr(_experiment, "learned", interrupted)
    assert _cli.main(["train", "--tree", "2"]) == 130
    assert capsys.readouterr().err.splitlines() == ["pylinear: interrupted"]


def test_info_as_json(capsys):
    assert _cli.main(["info", "--json"]) == 0
    printed = json.loads(capsys.readouterr().out)
    assert printed == {name: list(x) if isinstance(x, tuple) else x for name, x in pl.info().items()}


def test_unknown_commands_are_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        _cli.main(["dance"])
    assert caught.value.code == 2
    assert "invalid choice" in capsys.readouterr().err


def test_a_reader_that_has_seen_enough_is_no_error():
    for unbuffered in ("", "1"):
        command = [sys.executable, "-P", "-m", "pylinear", "info"]
        read, write = os.pipe()
        os.close(read)
        environment = {**os.environ, "PYTHONUNBUFFERED": unbuffered}
        ended = subprocess.run(command, stdout=write, stderr=subprocess.PIPE, text=True, timeout=60, env=environment)
        os.close(write)
        assert (ended.returncode, ended.stderr) == (0, "")


QUICK = [sys.executable, "-P", "-m", "pylinear", "train", "--tree", "2", "--features", "9", "--epochs", "5"]


@pytest.mark.core
@pytest.mark.parametrize("where", ["2>/dev/full", "2>&-"])
def test_progress_that_cannot_be_printed_does_not_end_the_work(where, tmp_path):
    command = ["sh", "-c", f'"$@" {where}', "sh", *QUICK]
    ended = subprocess.run([*command, "--out", str(tmp_path)], stdout=subprocess.PIPE, text=True, timeout=60)
    names = ["run.npz", "mode_strengths.csv", "loss.csv"]
    assert (ended.returncode, ended.stdout.splitlines()) == (0, [str(tmp_path / name) for name in names])
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names)


INFO = [sys.executable, "-P", "-m", "pylinear", "info"]
CLOSED = "pylinear: the result cannot be printed: standard output is closed"
FULL = "pylinear: not all can be printed: No space left on device"


@pytest.mark.core
@pytest.mark.parametrize(
    ("command", "where", "status", "last"),
    [
        (INFO, ">&-", 1, CLOSED),
        (INFO, ">/dev/full", 1, FULL),
        (QUICK, ">&-", 1, CLOSED),
        ([*QUICK, "--out", "out"], ">&-", 0, None),
        ([*QUICK, "--out", "out"], ">/dev/full", 1, FULL),
    ],
)
def test_output_that_cannot_be_printed(command, where, status, last, tmp_path):
    ended = subprocess.run(
        ["sh", "-c", f'"$@" {where}', "sh", *command],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(map(os.path.abspath, sys.path)), "PYTHONUNBUFFERED": ""},
        stderr=subprocess.PIPE,
        text=True,
        timeout=60,
    )
    assert ended.returncode == status
    assert "Traceback" not in ended.stderr
    if last is not None:
        assert ended.stderr.splitlines()[-1] == last
    if "--out" in command:
        names = sorted(path.name for path in (tmp_path / "out").iterdir())
        assert names == ["loss.csv", "mode_strengths.csv", "run.npz"]


@pytest.mark.core
def test_the_suffix_of_an_experiment_may_be_in_capitals(tmp_path):
    (tmp_path / "X.TOML").write_text(EXAMPLE.read_text())
    assert measured(["gap", str(tmp_path / "X.TOML")]).run.rate == 3e-4
