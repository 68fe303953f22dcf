"""Recordings of long simulations in zarr stores (needs ``pylinear-dynamics[zarr]``), which grow by chunks."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Collection
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from pylinear import _check, _memory, theory
from pylinear._dataset import Dataset
from pylinear._files import FileError, StrPath, located, making_folder
from pylinear._recording_attributes import (
    AT_FIRST,
    FOR_GOOD,
    about,
    attributes,
    believed,
    check_same,
    commit,
    digest,
    whole,
)
from pylinear._simulation import Simulation

if TYPE_CHECKING:
    import xarray

_MOST_RECORDS, _CHUNK_BYTES = 256, 2**24
# Seconds after which records are written though they do not fill a chunk.
_LONGEST_WAIT = 60.0
# Between the records of one state on two instruction sets, over many epochs: relative to the largest value.
_ROUNDOFF = {"float64": 1e-6, "float32": 1e-2}


class _Quantity(NamedTuple):
    """What is recorded each time: its axes, of which one is time, its type, and where it comes from."""

    axes: tuple[str, ...]
    kind: str
    of: Callable[[Simulation], Any]


class ZarrRecorder:
    """Records a simulation, as it goes on, in a zarr store on disk.

    Called with the simulation, it records where that is. Records are written by chunks, when a minute has passed, and
    when the recorder is closed, as it is at the end of a ``with`` block. The state that the simulation is in when the
    store is made is the first record; a second record of the same presentation is not made.

    A store that is there already is gone on with. Records after the simulation's presentation are dropped, so that
    with a simulation that `Simulation.load` has brought back the recording becomes the same as an unbroken one, also if
    rate, order or data have changed: call `flush` before each ``sim.save(...)``, and set weights by hand after both.
    A simulation that stands where the recording begins, or before, would drop all records after that: it is refused, so
    that a script which is run a second time from the start does not cost the recording of the first.

    The store opens at any time, also while it is gone on with. If the process is killed, it holds all records but those
    of the last chunk; killed while it made the store, there is none.

    Parameters
    ----------
    path : str or path
        Folder of the store.
    sim : Simulation
        What is recorded.
    keep : collection of {"hidden", "weights"}
        What to record besides mode strengths and loss.
    chunk : int, optional
        Records in a chunk; by default as many as take some megabytes, at most 256.

    Raises
    ------
    FileError
        If there is something else at ``path``, a damaged store, or the recording of another simulation: of other sizes,
        update, seed or type; with other mode strengths or another loss where this one stands, if the data have always
        been the same. Also if this one stands where the recording begins, or before, and there are records after that.
    ImportError
        Without zarr.
    MemoryError
        If a chunk would not fit the memory.
    OSError
        If the store cannot be written.

    Notes
    -----
    ``xarray.open_zarr(path)`` gives what `to_xarray` does. ``n_valid`` among its attributes, which is written last, is
    the number of records that are complete. ``rate``, ``order`` and ``data``, a digest, are those that it began with;
    ``data_changed`` tells whether there were other data later. Association strengths are those of the first data, mode
    strengths and loss those for the data of the time.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np, pylinear as pl
    >>> sim = pl.Simulation(pl.toy(), np.ones((3, 4)), np.ones((5, 3)), rate=0.01, rng=0)
    >>> path = tempfile.mkdtemp() + "/run.zarr"
    >>> with pl.ZarrRecorder(path, sim) as record:
    ...     sim.advance(epochs=100, every=20, hook=record)
    >>> recording = record.to_xarray()
    >>> recording.epoch.values.tolist()
    [0.0, 20.0, 40.0, 60.0, 80.0, 100.0]
    >>> recording.mode_strength.sel(run=0, mode=1).shape
    (6,)
    """

    def __init__(self, path: StrPath, sim: Simulation, keep: Collection[str] = (), *, chunk: int | None = None) -> None:
        text = _check.path("path", path)
        if not isinstance(sim, Simulation):
            raise TypeError(f"sim must be a pylinear.Simulation; got {_check.show(sim)}")
        if sim.rows != slice(0, sim.data.n_features):
            raise ValueError("sim must be of one process, made without comm, for a recording")
        asked = None if chunk is None else _check.integer("chunk", chunk, 1, 2**31)
        self._path, self._sim = os.path.abspath(text), sim
        self._keep = _kept(keep)
        self._quantities = _quantities(self._keep)
        self._buffer: list[dict[str, Any]] = []
        self._n_valid, self._last, self._flushed = 0, -1, time.monotonic()
        self._data: Dataset | None = sim.data
        self._status = sim.status
        self._first_data, self._data_changed = "", False
        with located(self._path):
            self._open(asked)
        if self._last < 0:
            self(sim)

    def __repr__(self) -> str:
        return f"ZarrRecorder({self._path!r}, {self._n_valid + len(self._buffer)} records)"

    def __enter__(self) -> ZarrRecorder:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __call__(self, sim: Simulation) -> None:
        """Record the simulation where it is."""
        if sim is not self._sim:
            raise ValueError("sim must be the simulation that the recorder was made for")
        if sim.presentations == self._last:
            return
        self._buffer.append({name: quantity.of(sim) for name, quantity in self._quantities.items()})
        self._last = sim.presentations
        if sim.data is not self._data:
            self._data = sim.data
            self._data_changed |= digest(sim.data) != self._first_data
        late = time.monotonic() - self._flushed > _LONGEST_WAIT
        if late or (self._n_valid + len(self._buffer)) % self._chunk == 0:
            self.flush()

    def flush(self) -> None:
        """Write what has been recorded; if that fails, it is kept, and can be written later."""
        with located(self._path):
            self._flush()

    def _flush(self) -> None:
        if not self._buffer:
            # Without a record since, the simulation may have diverged.
            if self._sim.status != self._status:
                self._tell_end(_group(self._path))
            return
        first, end = self._n_valid, self._n_valid + len(self._buffer)
        group = _group(self._path)
        for name, quantity in self._quantities.items():
            values = np.array([record[name] for record in self._buffer])
            if "run" in quantity.axes:
                values = values[None]
            array = group[name]
            array.resize(_length(array.shape, quantity.axes, end))
            array[(slice(None),) * quantity.axes.index("time") + (slice(first, end),)] = values
        self._tell_end(group)
        self._count(end)
        self._buffer, self._flushed = [], time.monotonic()

    def close(self) -> None:
        """Write what has been recorded. The recorder can still be used."""
        self.flush()

    def to_xarray(self) -> xarray.Dataset:
        """Return what has been recorded, with the names that `Run.to_xarray` gives; values are read when used.

        Raises
        ------
        FileError
            If the store has been damaged.
        ImportError
            Without xarray, which ``pylinear-dynamics[zarr]`` has.
        OSError
            If what has been recorded cannot be written.
        """
        try:
            import xarray
        except ImportError as error:
            raise ImportError(f"to_xarray needs xarray: {error}; pylinear-dynamics[zarr] has it") from error
        self.flush()
        with located(self._path), believed(self._path):
            return xarray.open_dataset(self._path, engine="zarr", chunks=None).isel(time=slice(self._n_valid))

    def _tell_end(self, group: Any) -> None:
        status = self._sim.status
        group["completed"][:] = self._last
        group["status"][:] = np.array([status], dtype=object)
        self._status = status

    def _count(self, n_valid: int) -> None:
        """Tell how many records are complete."""
        commit(self._path, n_valid, data_changed=self._data_changed)
        self._n_valid = n_valid

    def _open(self, chunk: int | None) -> None:
        """Go on with the store that is there, or make one."""
        try:
            import zarr  # noqa: F401
        except ImportError:
            raise ImportError("ZarrRecorder needs zarr: pip install 'pylinear-dynamics[zarr]'") from None
        here = about(self._sim, self._keep)
        there = attributes(self._path)
        if there is not None:
            check_same(self._path, FOR_GOOD, there, here)
        # Without n_valid, the process was killed as it made it.
        if there is None or "n_valid" not in there or not self._resume(whole(self._path, there), here):
            self._chunk = self._affordable(chunk or self._records_in_a_chunk())
            self._first_data = here["data"]
            self._make(here)

    def _records_in_a_chunk(self) -> int:
        return max(1, min(_MOST_RECORDS, _CHUNK_BYTES // self._record_bytes()))

    def _record_bytes(self) -> int:
        return sum(np.asarray(quantity.of(self._sim)).nbytes for quantity in self._quantities.values())

    def _affordable(self, chunk: int) -> int:
        """Return the records in a chunk; raise MemoryError if they do not fit the memory."""
        # As they are recorded, joined, and laid out for the codec, which gets a whole chunk however few there are.
        _memory.require(f"chunks of {chunk} records", 3 * chunk * self._record_bytes())
        return chunk

    def _make(self, here: dict[str, Any]) -> None:
        """Make a store without records, which takes its place when it is whole."""
        from pathlib import Path

        target = Path(os.path.realpath(self._path))  # a link stays
        target.parent.mkdir(parents=True, exist_ok=True)
        with making_folder(target) as aside:
            store = aside / "store"
            self._fill(str(store), here)
            commit(str(store), 0)
            if (there := attributes(self._path)) is not None and there.get("n_valid"):
                raise FileError(f"{self._path} has been made by another process meanwhile")
            # Empty, or a store without records: killed while it was removed, a part of it would stay.
            if target.is_dir():
                target.rename(aside / "old")
            store.rename(target)

    def _fill(self, path: str, here: dict[str, Any]) -> None:
        """Make the arrays of a store, without records."""
        import zarr

        sim, modes = self._sim, self._sim.data.modes
        told = {**here, "records_in_a_chunk": self._chunk}
        told["coordinates"] = "epoch presentation status completed"  # as xarray reads them
        group = zarr.open_group(path, mode="w", zarr_format=3, attributes=told)
        for name, quantity in self._quantities.items():
            _make_array(group, name, quantity, np.shape(quantity.of(sim)), self._chunk)
        group["epoch"].attrs["units"] = "epochs"
        fixed: dict[str, tuple[tuple[str, ...], Any]] = {
            "run": (("run",), np.arange(1)),
            "mode": (("mode",), np.arange(1, modes.s.size + 1)),
            "completed": (("run",), np.array([sim.presentations])),
            "association_strength": (("mode",), modes.s),
        }
        if sim.presentations == 0:
            strengths = theory.initial_strength(sim.w21, sim.w32, modes.u, modes.v)
            fixed["initial_strength"] = ("run", "mode"), strengths[None]
        for name, (axes, values) in fixed.items():
            group.create_array(name, data=np.ascontiguousarray(values), dimension_names=axes)
        names = {"status": ("run", [sim.status])}
        if "hidden" in self._keep:
            names["item"] = "item", list(sim.data.items)
        for name, (axis, texts) in names.items():
            array = group.create_array(name, shape=(len(texts),), dtype=str, dimension_names=(axis,))
            array[:] = np.array(texts, dtype=object)

    def _resume(self, there: dict[str, Any], here: dict[str, Any]) -> bool:
        """Drop what is not complete, and what comes after the simulation's presentation; return whether any is left."""
        _remove_parts(self._path)
        group, n_valid = _group(self._path), there["n_valid"]
        arrays, times = self._arrays(group, n_valid)
        kept = int(np.searchsorted(times, self._sim.presentations, side="right"))
        if kept <= 1 and kept < n_valid:
            # Where there is nothing to drop, they may have been changed since.
            check_same(self._path, AT_FIRST, there, here)
            raise FileError(
                f"{self._path} holds {n_valid} records, to presentation {times[-1]}, which a simulation that stands at"
                f" presentation {self._sim.presentations} would drop; load its checkpoint, take another path or remove"
                " the recording"
            )
        if kept == 0:
            return False
        self._chunk, self._first_data = self._affordable(there["records_in_a_chunk"]), there["data"]
        self._data_changed = there["data_changed"] and kept > 1
        if times[kept - 1] == self._sim.presentations and here["data"] == self._first_data and not self._data_changed:
            self._check_record(group, kept - 1)
        if here["data"] != self._first_data:
            self._data = None  # to be looked at with the next record
        self._last = int(times[kept - 1])
        self._count(kept)  # first: from here on the others are not believed
        for name, array in arrays.items():
            array.resize(_length(array.shape, self._quantities[name].axes, kept))
        self._tell_end(group)
        return True

    def _arrays(self, group: Any, n_valid: int) -> tuple[dict[str, Any], Any]:
        """Return what grows, and the presentations of the records."""
        with believed(self._path):
            arrays = {name: group[name] for name in self._quantities}
            times = arrays["presentation"][:n_valid]
            for name in ("completed", "status"):
                _ = group[name][:]
        lengths = [array.shape[self._quantities[name].axes.index("time")] for name, array in arrays.items()]
        if min(lengths) < n_valid or np.any(np.diff(times) <= 0):
            raise FileError(f"{self._path} is damaged: it does not hold the {n_valid} records that it says")
        return arrays, times

    def _check_record(self, group: Any, place: int) -> None:
        """Raise unless the record at `place` is the simulation where it stands."""
        for name in ("mode_strength", "loss"):
            with believed(self._path):
                known = group[name][0, place]
            now = np.asarray(self._quantities[name].of(self._sim))
            scale = _ROUNDOFF[self._sim.dtype] * np.nanmax(np.abs(known), initial=1e-300)
            if not np.allclose(known, now, rtol=0.0, atol=scale, equal_nan=True):
                raise FileError(
                    f"{self._path} must be a recording of this simulation; {name} at presentation"
                    f" {self._sim.presentations} is another there"
                )


def _kept(keep: object) -> tuple[str, ...]:
    if isinstance(keep, str) or not isinstance(keep, Collection):
        raise TypeError(f"keep must be a collection of 'hidden' and 'weights'; got {_check.show(keep)}")
    return tuple(sorted({_check.choice("keep", x, ("hidden", "weights")) for x in keep}))


def _quantities(keep: tuple[str, ...]) -> dict[str, _Quantity]:
    run = "run", "time"
    out = {
        "presentation": _Quantity(("time",), "int64", lambda sim: sim.presentations),
        "epoch": _Quantity(("time",), "float64", lambda sim: sim.epochs),
        "mode_strength": _Quantity((*run, "mode"), "float64", lambda sim: sim.mode_strengths),
        "loss": _Quantity(run, "float64", lambda sim: sim.loss),
    }
    if "hidden" in keep:
        out["hidden"] = _Quantity((*run, "hidden_unit", "item"), "", lambda sim: sim.hidden)
    if "weights" in keep:
        out["w21"] = _Quantity((*run, "hidden_unit", "input"), "", lambda sim: sim.w21)
        out["w32"] = _Quantity((*run, "feature", "hidden_unit"), "", lambda sim: sim.w32)
    return out


def _group(path: str) -> Any:
    import zarr

    # Not what was consolidated, which is older than the arrays.
    return zarr.open_group(path, mode="r+", use_consolidated=False)


def _length(shape: tuple[int, ...], axes: tuple[str, ...], records: int) -> tuple[int, ...]:
    return tuple(records if axis == "time" else n for axis, n in zip(axes, shape, strict=True))


def _make_array(group: Any, name: str, quantity: _Quantity, shape: tuple[int, ...], records: int) -> None:
    """Make the array of one quantity, of this shape at one time, without records."""
    kind = np.dtype(quantity.kind or group.attrs["dtype"])
    lead = quantity.axes[: len(quantity.axes) - len(shape)]
    chunks = list(shape)
    if chunks:  # large weights in parts, of which a codec takes two gigabytes at the most
        row = kind.itemsize * records * max(1, int(np.prod(shape[1:])))
        chunks[0] = max(1, min(shape[0], 4 * _CHUNK_BYTES // row))
    group.create_array(
        name,
        shape=(*_length((1,) * len(lead), lead, 0), *shape),
        chunks=(*_length((1,) * len(lead), lead, records), *chunks),
        dtype=kind,
        fill_value=np.nan if kind.kind == "f" else 0,
        dimension_names=quantity.axes,
    )


def _remove_parts(path: str) -> None:
    """Remove the files that a killed process was writing."""
    for folder, _, names in os.walk(path):
        for name in names:
            if name.endswith(".partial"):
                os.unlink(os.path.join(folder, name))
