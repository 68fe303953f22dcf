import json
import os
import signal
import struct
import subprocess
import sys
import threading
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

import pylinear as pl
from pylinear import _files

HEADER = {"rate": 0.1, "order": "cyclic"}


@pytest.fixture
def path(tmp_path):
    return tmp_path / "some.npz"


def arrays():
    rng = np.random.default_rng(0)
    return {
        "w32": rng.normal(size=(4, 3)),
        "w21": rng.normal(size=(3, 4)),
        "w32 before": rng.normal(size=(4, 3)),
        "count": np.arange(5),
        "few": rng.normal(size=4).astype(np.float32),
        "one": np.array(7),
        "none": np.empty((0, 3)),
    }


def written(path):
    _files.write(path, "simulation", HEADER, arrays())
    return path


def same(path):
    """Return whether what is read is what was written."""
    header, read = _files.read(path, "simulation")
    wanted = arrays()
    return (
        {name: header[name] for name in HEADER} == HEADER
        and list(read) == list(wanted)
        and all(read[name].dtype == wanted[name].dtype for name in wanted)
        and all(np.array_equal(read[name], wanted[name]) for name in wanted)
    )


def test_what_is_written_is_read(path):
    assert same(written(path))
    header, _ = _files.read(path, "simulation")
    assert header["rate"] == 0.1
    assert header["version"] == pl.info()["version"]
    assert os.listdir(path.parent) == [path.name]


def test_numpy_opens_it_without_pickle(path):
    with np.load(written(path), allow_pickle=False) as file:
        np.testing.assert_array_equal(file["w32"], arrays()["w32"])
        assert json.loads(file["header"].tobytes())["order"] == "cyclic"


def test_arrays_that_are_not_contiguous(path):
    whole = np.arange(12.0).reshape(3, 4)
    _files.write(path, "simulation", {}, {"a": whole[:, ::2], "b": whole.T})
    _, read = _files.read(path, "simulation")
    np.testing.assert_array_equal(read["a"], whole[:, ::2])
    np.testing.assert_array_equal(read["b"], whole.T)


def test_only_numbers_are_written(path):
    with pytest.raises(TypeError, match="only numbers"):
        _files.write(path, "simulation", {}, {"a": np.array([{}])})
    assert not path.exists()


def test_every_flipped_bit_is_found_or_does_no_harm(path):
    whole = written(path).read_bytes()
    seen = Counter()
    for place in range(len(whole)):
        flipped = bytearray(whole)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        try:
            assert same(path)
            seen["harmless"] += 1
        except pl.FileError as error:
            seen["found" if str(path) in str(error) else "without its name"] += 1
    # Dates and other things that nobody reads make up the rest.
    assert set(seen) == {"found", "harmless"}
    assert seen["found"] > 2 * seen["harmless"]


def test_flipped_bits_before_the_numbers_of_a_long_member(path):
    # One that is not read to its checksum before anyone has looked at how it begins.
    _files.write(path, "simulation", {}, {"long": np.zeros((60, 60))})
    whole = path.read_bytes()
    start = whole.index(b"\x93NUMPY", whole.index(b"long.npy"))
    for place in range(start, start + 128):
        for bit in range(8):
            flipped = bytearray(whole)
            flipped[place] ^= 1 << bit
            path.write_bytes(flipped)
            with pytest.raises(pl.FileError, match="'long' does not begin as it says"):
                _files.read(path, "simulation")


def test_every_truncation_is_found(path):
    whole = written(path).read_bytes()
    for length in range(len(whole)):
        path.write_bytes(whole[:length])
        with pytest.raises(pl.FileError, match="damaged"):
            _files.read(path, "simulation")


def members(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rewrite(path, contents, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in contents.items():
            archive.writestr(name, content)


def test_swapped_members(path):
    contents = members(written(path))
    for one, other in (("w32", "w21"), ("w32", "w32 before"), ("w32", "few"), ("header", "w32")):
        swapped = dict(contents)
        swapped[f"{one}.npy"], swapped[f"{other}.npy"] = contents[f"{other}.npy"], contents[f"{one}.npy"]
        rewrite(path, swapped)
        with pytest.raises(pl.FileError, match="damaged"):
            _files.read(path, "simulation")


def test_members_missing_and_added(path):
    contents = members(written(path))
    rewrite(path, {name: content for name, content in contents.items() if name != "w21.npy"})
    with pytest.raises(pl.FileError, match="not those that it names"):
        _files.read(path, "simulation")
    rewrite(path, {**contents, "more.npy": contents["w21.npy"]})
    with pytest.raises(pl.FileError, match="not those that it names"):
        _files.read(path, "simulation")
    rewrite(path, contents)
    assert same(path)
    rewrite(path, contents, zipfile.ZIP_DEFLATED)
    with pytest.raises(pl.FileError, match="not as long as it says"):
        _files.read(path, "simulation")


@pytest.mark.parametrize("shape", ["(1000000000000, 3)", "(4, 4)", "(3, 3)", "(-1, 3)", "(2, 6)"])
def test_a_member_that_lies_about_its_size(path, shape):
    contents = members(written(path))
    told = contents["w32.npy"]
    text = told.replace(b"(4, 3), }" + b" " * (len(shape) - 6), shape.encode() + b", }")
    assert text != told
    assert len(text) == len(told)
    rewrite(path, {**contents, "w32.npy": text})
    with pytest.raises(pl.FileError, match="damaged"):
        _files.read(path, "simulation")


def with_header(path, **changes):
    contents = members(path)
    raw = contents["header.npy"]
    start = 10 + struct.unpack("<H", raw[8:10])[0]
    text = json.dumps(json.loads(raw[start:]) | changes).encode()
    place = path.with_suffix(".npy")
    np.save(place, np.frombuffer(text, np.uint8))
    rewrite(path, {**contents, "header.npy": place.read_bytes()})
    place.unlink()


def test_a_header_that_lies_about_sizes(path):
    told = _files.read(written(path), "simulation")[0]["members"]
    with_header(path, members={**told, "w32": {**told["w32"], "shape": [10**12, 3]}})
    with pytest.raises(pl.FileError, match="'w32' is not as long as it says"):
        _files.read(path, "simulation")


def test_another_format_version(path):
    with_header(written(path), format=2, version="9.1.0")
    with pytest.raises(pl.FileError, match=r"in format 2; this pylinear reads format 1: .* version 9.1.0"):
        _files.read(path, "simulation")


def test_another_kind(path):
    with pytest.raises(pl.FileError, match="must be a pylinear sweep task; it is a simulation"):
        _files.read(written(path), "sweep task")


@pytest.mark.parametrize("content", [b"", b"PK", b"rate = 1", b"\x93NUMPY\x01\x00v\x00{}"])
def test_what_is_no_archive(path, content):
    path.write_bytes(content)
    with pytest.raises(pl.FileError, match="no file of pylinear"):
        _files.read(path, "simulation")


def test_an_archive_of_something_else(path):
    np.savez(path, a=np.arange(3))
    with pytest.raises(pl.FileError, match="no file of pylinear"):
        _files.read(path, "simulation")


def test_a_folder_that_cannot_be_written(tmp_path):
    file = tmp_path / "file"
    file.write_text("")
    for place in (file / "x.npz", tmp_path / "missing" / "x.npz", tmp_path):
        with pytest.raises(OSError, match=str(place)):
            written(place)
    assert os.listdir(tmp_path) == ["file"]


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="needs named pipes")
def test_pipes_are_neither_read_nor_replaced(path):
    os.mkfifo(path)
    for call in (lambda: written(path), lambda: _files.read(path, "simulation")):
        with pytest.raises(OSError, match="not a regular file"):
            call()
    assert path.is_fifo()


def test_long_names_and_permissions_stay(tmp_path):
    path = tmp_path / ("ü" * 120 + ".npz")
    assert same(written(path))
    path.chmod(0o640)
    assert same(written(path))
    assert path.stat().st_mode & 0o777 == 0o640
    assert os.listdir(tmp_path) == [path.name]


def test_reading_what_is_not_there(path):
    with pytest.raises(FileNotFoundError, match=r"some\.npz"):
        _files.read(path, "simulation")


def test_a_link_stays(tmp_path, path):
    link = tmp_path / "latest.npz"
    link.symlink_to(path)
    written(link)
    assert link.is_symlink()
    assert same(path)


@pytest.mark.parametrize("call", ["fsync", "replace", "_beginning"])
def test_a_fault_leaves_the_old_file(monkeypatch, path, call):
    whole = written(path).read_bytes()

    def fail(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(_files if call == "_beginning" else os, call, fail)
    with pytest.raises(OSError, match=r"No space left on device: .*some.npz"):
        _files.write(path, "simulation", {}, {"other": np.arange(10**6)})
    assert path.read_bytes() == whole
    assert os.listdir(path.parent) == [path.name]


def test_a_part_that_cannot_be_looked_at_is_removed(monkeypatch, path):
    whole, look, calls = written(path).read_bytes(), os.fstat, []

    def fail_at_first(number):
        calls.append(number)
        if len(calls) == 1:
            raise OSError(5, "Input/output error")
        return look(number)

    monkeypatch.setattr(os, "fstat", fail_at_first)
    with pytest.raises(OSError, match=r"Input/output error: .*some\.npz"):
        written(path)
    assert path.read_bytes() == whole
    assert os.listdir(path.parent) == [path.name]


def test_folders_are_made_by_one_writer_at_a_time_and_nothing_else_stays(tmp_path):
    target = tmp_path / "some"
    beside = _files._part_of(target).with_name(".some.parts")
    (beside / "left by a killed one").mkdir(parents=True)
    inside = []

    def make(number):
        with _files.making_folder(target) as aside:
            inside.append(number)
            assert inside[-1] == number
            assert list(aside.iterdir()) == []
            (aside / str(number)).mkdir()
            assert inside[-1] == number

    threads = [threading.Thread(target=make, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(inside) == list(range(8))
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made_leaves_nothing(tmp_path):
    with pytest.raises(FileNotFoundError), _files.making_folder(tmp_path / "some") as aside:
        (aside / "missing" / "store").mkdir()
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_writer_has_left_is_no_part_of_the_next_file(path):
    path.with_name(f".{path.name}.part").write_bytes(b"x" * 100_000)
    assert path.with_name(f".{path.name}.part").exists()
    written(path)
    length = path.stat().st_size
    written(path)
    assert path.stat().st_size == length
    assert same(path)
    assert os.listdir(path.parent) == [path.name]


def test_a_fault_at_the_folder_is_told_and_the_new_file_is_whole(monkeypatch, path):
    written(path)
    calls = []

    def fail_at_second(number):
        calls.append(number)
        if len(calls) == 2:
            raise OSError(5, "Input/output error")

    monkeypatch.setattr(os, "fsync", fail_at_second)
    with pytest.raises(OSError, match="Input/output error"):
        written(path)
    assert same(path)


def test_writers_of_the_same_file_come_one_after_the_other(path):
    contents = [{"a": np.full(50_000, value, float)} for value in range(4)]
    threads = [
        threading.Thread(target=lambda c=c: [_files.write(path, "simulation", {}, c) for _ in range(10)])
        for c in contents
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        if path.exists():
            assert np.ptp(_files.read(path, "simulation")[1]["a"]) == 0
    for thread in threads:
        thread.join()
    assert os.listdir(path.parent) == [path.name]


KILLED = """
import sys
import numpy as np
from pylinear import _files
value = 0
while True:
    value += 1
    _files.write(sys.argv[1], "simulation", {"value": value}, {"a": np.full(100_000, value, float)})
    print(value, flush=True)
"""


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_writer_leaves_the_last_good_file(path):
    rng = np.random.default_rng(0)
    for _ in range(3):
        writer = subprocess.Popen([sys.executable, "-P", "-c", KILLED, str(path)], stdout=subprocess.PIPE, text=True)
        for _ in range(1 + rng.integers(20)):
            last = int(writer.stdout.readline())
        writer.send_signal(signal.SIGKILL)
        rest, _ = writer.communicate()
        last = int(rest.split()[-1]) if rest.split() else last
        header, read = _files.read(path, "simulation")
        assert header["value"] >= last
        np.testing.assert_array_equal(read["a"], header["value"])
        # What was begun is used by the next writer.
        assert len(os.listdir(path.parent)) <= 2
    written(path)
    assert os.listdir(path.parent) == [path.name]
    assert Path(path).exists()
