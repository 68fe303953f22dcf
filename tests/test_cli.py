import csv
import subprocess
import sys

import numpy as np
import pytest

import pylinear as pl
from pylinear import _cli, _engine, _figures
from pylinear._figures import _paper, _write


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
    assert [row["mode"] for row in rows] == ["1", "2", "3", "4"]
    assert f"{float(rows[0]['finite rate']):.4f}" in printed.out
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
    assert float(last["online"]) == pytest.approx(s[1], rel=1e-3)
    assert float(last["flow"]) == pytest.approx(s[1], rel=1e-3)


@pytest.mark.core
def test_demo_without_matplotlib_says_so(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_write.importlib.util, "find_spec", lambda name: None)
    monkeypatch.setattr(_paper, "EPOCHS", 10)
    assert _cli.main(["demo", "--out", str(tmp_path)]) == 0
    assert "matplotlib is not installed" in capsys.readouterr().err
    assert sorted(path.name for path in tmp_path.iterdir()) == ["figure3.csv", "gap.csv"]


def test_figures_writes_every_figure_and_lists_the_files(tmp_path, capsys, monkeypatch):
    few = [x for x in _figures.PICTURES if x.name in {"figure2", "phase_portrait"}]
    monkeypatch.setattr(_figures, "PICTURES", few)
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
    monkeypatch.setattr(_figures, "PICTURES", _figures.PICTURES[:1])
    assert _cli.main(["figures", "--out", str(tmp_path)]) == 0
    assert "matplotlib is not installed" in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["figure2.csv"]


@pytest.mark.core
def test_a_folder_that_cannot_be_made(tmp_path, capsys):
    (tmp_path / "file").touch()
    assert _cli.main(["demo", "--out", str(tmp_path / "file" / "x")]) == 1
    assert "file" in capsys.readouterr().err


def test_demo_without_the_core_names_the_fix(tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_engine, "_core", None)
    monkeypatch.setattr(_engine, "IN_CHECKOUT", False)
    _engine._warn_fallback.cache_clear()
    with pytest.warns(RuntimeWarning, match="sampling with numba"):
        assert _cli.main(["demo", "--out", str(tmp_path)]) == 1
    assert "install a C++20 compiler" in capsys.readouterr().err


def test_info(capsys):
    assert _cli.main(["info"]) == 0
    assert "engines: " in capsys.readouterr().out
    assert pl.info()["version"] in subprocess.check_output(
        [sys.executable, "-P", "-m", "pylinear", "--version"], text=True
    )


def test_unknown_commands_are_refused(capsys):
    with pytest.raises(SystemExit) as caught:
        _cli.main(["dance"])
    assert caught.value.code == 2
    assert "invalid choice" in capsys.readouterr().err
