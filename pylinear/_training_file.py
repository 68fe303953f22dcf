"""The networks of one training as far as they have come, in memory and in a file."""

from __future__ import annotations

import os
import time
import warnings
from collections import defaultdict
from functools import partial
from threading import Lock
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pylinear import _check, _files
from pylinear._problem import Layers, Problem
from pylinear._record import Core, Flow, Record, Resume, sizes_of

_KIND = "training"
# Seconds between two writings, unless one takes long.
_EVERY = 60.0
# Arrays of many networks share a member of the file, but for large ones, which would have to be copied.
_LARGE = 2**20

# The number of the run, and the rows of W32 and the hidden units of one of the networks that it takes.
Name = tuple[int, int, int]


class TrainingFile:
    """What is known of each network, beginning with what the file holds.

    A network is trained by the same steps whether anything of it is known or not, so that the result is the same.
    """

    def __init__(self, path: _files.StrPath) -> None:
        from pathlib import Path

        # Whoever changes the working folder on the way means the same file.
        self.path = Path(os.path.abspath(_check.path("checkpoint", path)))
        self._configuration: dict[str, Any] | None = None
        self._records: dict[Name, Record] = {}
        self._lock = Lock()
        self._next = time.monotonic() + _EVERY
        self._seen: object = None
        if self.path.exists():
            self._records = self._read()

    @property
    def seed(self) -> int | None:
        """The seed of the training in the file."""
        return None if self._configuration is None else int(self._configuration["rng"])

    @property
    def due(self) -> bool:
        """Whether it is time to write."""
        return time.monotonic() > self._next

    def belongs_to(self, configuration: dict[str, Any]) -> None:
        """Raise unless the file is of this training; begin one if there is none."""
        if self._configuration is None:
            self._configuration = configuration
            # Now, and not after an hour, is the time to hear of a folder that cannot be written.
            self.write()
            return
        for name, value in configuration.items():
            if self._configuration.get(name) != value:
                theirs = self._configuration.get(name)
                # Nobody can read a digest.
                plain = not isinstance(theirs, dict) and not isinstance(value, dict)
                what = (
                    f"{name} is {_check.show(theirs)} there, not {_check.show(value)}" if plain else f"{name} differs"
                )
                raise ValueError(f"checkpoint must be a file of the same training; in {self.path} {what}")

    def train(self, trainer: Core | Flow, problem: Problem, layers: Layers, key: int, run: int) -> Record:
        """Return the record of a network, from what is known of it on."""
        name = run, *layers.w32.shape
        begun = self._records.get(name)
        if begun is not None and begun.status != "interrupted":
            return begun

        def keep(record: Record) -> None:
            with self._lock:
                self._records[name] = record

        record = trainer.train(problem, layers, key, begun, keep)
        keep(record)
        return record

    def try_to_write(self) -> bool:
        """Write all that is known; a disk that is full now is no reason to lose what has been computed."""
        try:
            self.write()
        except OSError as error:
            self._next = time.monotonic() + _EVERY
            warnings.warn(f"the checkpoint cannot be written: {error}", _files.FileWarning, stacklevel=2)
            return False
        return True

    def write(self) -> None:
        """Write all that is known."""
        began = time.monotonic()
        self._take_in()
        with self._lock:
            records = dict(self._records)
        groups: dict[Any, list[Name]] = defaultdict(list)
        for name, record in records.items():
            shapes = tuple((field, array.shape) for field, array in _arrays(record).items())
            large = sum(array.nbytes for array in _arrays(record).values()) > _LARGE
            groups[shapes, name if large else None].append(name)
        about, arrays = [], {}
        for group, names in enumerate(groups.values()):
            for field in _arrays(records[names[0]]):
                every = [_arrays(records[name])[field] for name in names]
                arrays[f"{group}.{field}"] = np.stack(every) if len(every) > 1 else every[0][None]
            about += [{**_about(name, records[name]), "group": group, "row": i} for i, name in enumerate(names)]
        _files.write(self.path, _KIND, {"training": self._configuration, "networks": about}, arrays)
        self._seen = self._identity()
        # What it costs stays below a twentieth.
        now = time.monotonic()
        self._next = now + max(_EVERY, 20 * (now - began))

    def _identity(self) -> object:
        """Return what changes when somebody writes the file."""
        try:
            now = os.stat(self.path)
        except OSError:
            return None
        return now.st_ino, now.st_mtime_ns, now.st_size

    def _take_in(self) -> None:
        """Take over what another call of the same training has written meanwhile."""
        if self._seen is None or self._identity() in (None, self._seen):
            return
        mine = self._configuration
        try:
            theirs = self._read()
        except (_files.FileError, OSError):
            theirs = {}
        if self._configuration != mine:
            self._configuration, theirs = mine, {}
        with self._lock:
            for name, record in theirs.items():
                known = self._records.get(name)
                if known is None or known.completed < record.completed:
                    self._records[name] = record

    def _read(self) -> dict[Name, Record]:
        header, arrays = _files.read(self.path, _KIND)
        records = {}
        with _files.believed(self.path):
            self._configuration = dict(header["training"])
            for about in header["networks"]:
                own = {
                    name.partition(".")[2]: array[about["row"]]
                    for name, array in arrays.items()
                    if name.partition(".")[0] == str(about["group"])
                }
                records[about["run"], about["rows"], about["hidden"]] = _record(about, own)
            int(self._configuration["rng"])
        self._seen = self._identity()
        return records


def _arrays(record: Record) -> dict[str, NDArray[Any]]:
    """Return the arrays of a record by name; of what is to go on, the weights that it goes on from."""
    layers = record.last if record.resume is None else record.resume.layers
    over_time = record.over_time
    arrays = {
        "mode_strengths": record.mode_strengths,
        "loss": record.loss,
        "initial_strengths": record.initial_strengths,
        "lower": layers.lower,
        "w32": layers.w32,
        "hidden": record.hidden,
        "lower_over_time": None if over_time is None else over_time.lower,
        "w32_over_time": None if over_time is None else over_time.w32,
        "maps": record.maps,
    }
    return {name: array for name, array in arrays.items() if array is not None}


def _about(name: Name, record: Record) -> dict[str, Any]:
    run, rows, hidden = name
    about = {"run": run, "rows": rows, "hidden": hidden, "status": record.status, "completed": int(record.completed)}
    if record.resume is None:
        return about
    resume = record.resume
    return {
        **about,
        "position": int(resume.position),
        "norms": [norm.hex() for norm in resume.norms],
        "done": int(resume.done),
    }


def _record(about: dict[str, Any], arrays: dict[str, NDArray[Any]]) -> Record:
    layers = Layers(arrays["lower"], arrays["w32"])
    resume = None
    if about["status"] == "interrupted":
        norms = float.fromhex(about["norms"][0]), float.fromhex(about["norms"][1])
        resume = Resume(layers, about["position"], norms, about["done"])
    over_time = None
    if "w32_over_time" in arrays:
        over_time = Layers(arrays["lower_over_time"], arrays["w32_over_time"])
    return Record(
        mode_strengths=arrays["mode_strengths"],
        loss=arrays["loss"],
        initial_strengths=arrays["initial_strengths"],
        standing=partial(Layers, *layers),
        sizes=sizes_of(layers),
        hidden=arrays.get("hidden"),
        over_time=over_time,
        maps=arrays.get("maps"),
        status=_check.choice("status", about["status"], ("ok", "diverged", "interrupted")),
        completed=about["completed"],
        resume=resume,
    )
