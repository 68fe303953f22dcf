"""What happened in a training."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from pylinear import _blas, _check, _memory
from pylinear._check import Floats
from pylinear._dataset import Dataset
from pylinear._initial import Initial, Weights
from pylinear._problem import Layers
from pylinear._record import Settled
from pylinear._reduction import Reducer, Reduction

if TYPE_CHECKING:
    from pathlib import Path

    import xarray


class Networks:
    """The networks that were trained, in the sizes that they had, and the way back to full size."""

    def __init__(
        self,
        reducer: Reducer,
        dtype: str,
        times: int,
        settled: list[Settled | None],
        again: Callable[[int], Settled],
    ) -> None:
        self.reducer = reducer
        self._again = again
        self._dtype = np.dtype(dtype)
        self._times = times
        self._settled = settled

    def began(self, run: int) -> bool:
        """Return whether anything is known of one run."""
        return self._settled[run] is not None

    def level(self, run: int) -> int | None:
        """Return the level that one run was computed at."""
        settled = self._settled[run]
        return None if settled is None else settled.level

    def reduction(self) -> Reduction:
        """Return what was trained in place of the network asked for."""
        known = [x for x in self._settled if x is not None]
        shapes = [x.record.sizes for x in known]
        rows, hidden, inputs = (max(sizes) for sizes in zip(*shapes, strict=True)) if shapes else (0, 0, 0)
        climbed = any(x.level is not None for x in known) or self.reducer.kind == "krylov"
        return Reduction(
            kind=self.reducer.kind,
            rows=rows,
            hidden=hidden,
            inputs=inputs,
            levels=tuple(map(self.level, range(len(self._settled)))) if climbed else (),
            errors=np.array([np.nan if x is None else x.error for x in self._settled]),
        )

    def weights(self) -> Weights:
        """Return the weights at the end, (R, N2, N1) and (R, N3, N2)."""

        def last(x: Settled) -> Layers:
            return Layers(x.record.last.lower[None], x.record.last.w32[None])

        w21, w32 = self._all(last, 1, self._with_weights() if self.reducer.kind == "krylov" else self._settled)
        return Weights(w21[:, 0], w32[:, 0])

    def _with_weights(self) -> list[Settled | None]:
        """Return the runs at levels that meet the tolerance for their weights, too."""
        # What was interrupted cannot be trained again to where it stopped.
        return [
            x if x is None or x.level is None or x.record.status == "interrupted" else self._again(k)
            for k, x in enumerate(self._settled)
        ]

    def weights_over_time(self) -> Weights:
        """Return the weights at all times, (R, T, N2, N1) and (R, T, N3, N2)."""
        return Weights(*self._all(lambda x: x.record.over_time, self._times, self._settled))

    def _all(
        self, layers_of: Callable[[Settled], Layers | None], n: int, settled: list[Settled | None]
    ) -> list[NDArray[Any]]:
        start = self.reducer.start
        shapes = (start.hidden, start.data.n_inputs), (start.data.n_features, start.hidden)

        def lifted(run: int) -> Weights | None:
            known = settled[run]
            layers = None if known is None else layers_of(known)
            return None if known is None or layers is None else self.reducer.lift(run, known.level, layers)

        if self.reducer.kind == "law":
            small = [lifted(k) for k in range(len(settled))]
            return [_padded([None if w is None else w[i] for w in small], n) for i in range(2)]
        if len(settled) == 1 and (only := lifted(0)) is not None:
            return [x[None] for x in only]
        each = n * sum(a * b for a, b in shapes) * self._dtype.itemsize
        _memory.require("the weights at full size", each * len(settled))
        out = [np.empty((len(settled), n, *shape), self._dtype) for shape in shapes]
        for k in range(len(settled)):
            weights = lifted(k)
            for i, array in enumerate(out):
                array[k] = np.nan if weights is None else weights[i]
        return out

    def hidden(self) -> NDArray[Any]:
        """Return the hidden representations, (R, T, N2, P)."""
        start = self.reducer.start
        shape = self._times, start.data.n_items, start.hidden
        if self.reducer.kind == "law":
            return np.swapaxes(
                _padded([None if x is None else x.record.hidden for x in self._settled], self._times), 2, 3
            )
        _memory.require("the hidden representations", self._dtype.itemsize * len(self._settled) * float(np.prod(shape)))
        out = np.full((len(self._settled), *shape), np.nan, self._dtype)
        for k, x in enumerate(self._settled):
            if x is not None and x.record.hidden is not None:
                out[k] = self.reducer.lift_hidden(k, x.level, x.record.hidden)
        return np.swapaxes(out, 2, 3)


def _padded(arrays: list[NDArray[Any] | None], n: int) -> NDArray[Any]:
    """Return arrays of n x any x any entries as one, with zeros where one is smaller and NaN for None."""
    known = [x for x in arrays if x is not None]
    shape = tuple(max(sizes) for sizes in zip(*(x.shape for x in known), strict=True)) if known else (n, 0, 0)
    out = np.zeros((len(arrays), *shape), known[0].dtype if known else np.float64)
    for k, array in enumerate(arrays):
        if array is None:
            out[k] = np.nan
        else:
            out[k][tuple(slice(m) for m in array.shape)] = array
    return out


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What happened in one call of `train`.

    R runs, T recorded times, K modes; see `Dataset.modes` for the modes. Where a run stopped early, what was recorded
    after it stopped is NaN.

    Attributes
    ----------
    data : Dataset
        What was learned.
    hidden_units : int
        N2.
    rate : float
        Learning rate.
    update : str
        "online", "batch" or "flow".
    order : str or (L,) int64
        Order of presentation.
    init : Gaussian, Decoupled, Balanced or Given
        Where the initial weights came from; see `initial_weights`.
    rng : int
        The whole number from which all initial weights and orders follow.
    route : str
        "blocked" or "fused".
    reduction : Reduction
        The network that was trained in place of this one, if any.
    presentations : (T,) int64
        Presentations before each record.
    mode_strengths : (R, T, K) float64
        u_alpha^T W32 W21 v_alpha.
    loss : (R, T) float64
        Half the squared error, summed over items and features.
    initial_strengths : (R, K) float64
        Effective initial strength of each mode; see `theory.initial_strength`.
    status : tuple of R str
        "ok"; "diverged", if a presentation would have brought a weight, or the squared error of all items, to the
        largest number of the type, in which case `weights` are those before it; "interrupted".
    completed : (R,) int64
        Presentations that each run completed.
    kept : frozenset of str
        What else was kept: "hidden", "weights", "maps".
    maps : (R, T, K, K) float64 or None
        u_alpha^T W32 W21 v_beta, if kept. Its diagonals are the mode strengths; what is off them couples the modes.
    networks : object
        What `weights`, `hidden` and `gap` are computed from.
    """

    data: Dataset
    hidden_units: int
    rate: float
    update: str
    order: str | NDArray[np.int64]
    init: Initial
    rng: int
    route: str
    reduction: Reduction
    presentations: NDArray[np.int64]
    mode_strengths: Floats
    loss: Floats
    initial_strengths: Floats
    status: tuple[str, ...]
    completed: NDArray[np.int64]
    kept: frozenset[str]
    maps: Floats | None
    networks: Networks

    @property
    def epochs(self) -> Floats:
        """Epochs of P presentations before each record, (T,)."""
        return np.asarray(self.presentations / self.data.n_items)

    @cached_property
    def weights(self) -> Weights:
        """Weights at the end: w21 (R, N2, N1) and w32 (R, N3, N2).

        At full size also where the training was reduced: computed upon the first use, from the initial weights drawn
        again. Under "law" those of the small networks, in orthonormal coordinates of inputs and outputs, with zeros
        where one run's is smaller than another's. MemoryError if they do not fit the memory.
        """
        with _blas.one_thread():
            return self.networks.weights()

    @cached_property
    def weights_over_time(self) -> Weights | None:
        """If kept: w21 (R, T, N2, N1) and w32 (R, T, N3, N2); see `weights`."""
        with _blas.one_thread():
            return self.networks.weights_over_time() if "weights" in self.kept else None

    @cached_property
    def hidden(self) -> NDArray[Any] | None:
        """Hidden representations (R, T, N2, P), if kept: column p is W21 x_p.

        Under "law" in some orthonormal coordinates, of which there are fewer than N2; inner products are the same.
        """
        with _blas.one_thread():
            return self.networks.hidden() if "hidden" in self.kept else None

    def initial_weights(self, run: int) -> Weights:
        """Return the weights that run number ``run`` began with, in float64; see `weights`."""
        run = _check.integer("run", run, 0, len(self.status) - 1)
        reducer = self.networks.reducer
        if reducer.kind != "law":
            return reducer.start.weights(run)
        _, layers = reducer.begin(run, self.networks.level(run))
        return Weights(*(w[0] for w in reducer.lift(run, None, Layers(*(x[None] for x in layers)))))

    def to_xarray(self) -> xarray.Dataset:
        """Return what was recorded as a labelled xarray Dataset, with what it follows from in its attributes.

        Dimensions: run, time, mode; and of what was kept other_mode, hidden_unit, item, input, feature. ImportError
        where xarray is not installed (``pylinear-dynamics[xarray]``).
        """
        from pylinear._labelled import run_dataset

        return run_dataset(self)

    def __repr__(self) -> str:
        end = self.presentations[-1]
        ok = self.status.count("ok")
        reduced = "" if self.reduction.kind == "none" else f", {self.reduction!r}"
        return f"Run({len(self.status)} runs of {end} presentations on {self.data!r}, {ok} of them ok{reduced})"


class TrainingInterrupted(KeyboardInterrupt):
    """Raised by `train` upon Ctrl-C; ``run`` holds what had been recorded.

    Attributes
    ----------
    run : Run
        With status "interrupted" for the runs that were under way or had not begun.
    checkpoint : Path or None
        The file from which the same call goes on.
    """

    def __init__(self, run: Run, checkpoint: Path | None = None) -> None:
        what = "the exception's 'run' holds what had been recorded"
        if checkpoint is not None:
            what = f"the same call goes on from {checkpoint}"
        super().__init__(f"training was interrupted; {what}")
        self.run = run
        self.checkpoint = checkpoint
