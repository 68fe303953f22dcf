"""What happened in a training."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pylinear import _check
from pylinear._check import Floats
from pylinear._dataset import Dataset
from pylinear._initial import Initial, Weights, initial_weights


@dataclass(frozen=True, eq=False, repr=False)
class Run:
    """What happened in one call of `train`.

    R runs, T recorded times, K modes; see `Dataset.modes` for the modes. Where a run stopped early, what was recorded
    after it stopped is NaN.

    Attributes
    ----------
    data : Dataset
        What was learned.
    rate : float
        Learning rate.
    order : str or (L,) int64
        Order of presentation.
    init : Gaussian, Decoupled, Balanced or Given
        Where the initial weights came from; see `initial_weights`.
    rng : int
        The whole number from which all initial weights and orders follow.
    route : str
        "blocked" or "fused".
    presentations : (T,) int64
        Presentations before each record.
    mode_strengths : (R, T, K) float64
        u_alpha^T W32 W21 v_alpha.
    loss : (R, T) float64
        Half the squared error, summed over items and features.
    initial_strengths : (R, K) float64
        Effective initial strength of each mode; see `theory.initial_strength`.
    weights : Weights
        At the end: w21 (R, N2, N1) and w32 (R, N3, N2).
    hidden : (R, T, N2, P) or None
        Hidden representations, if kept: column p is W21 x_p.
    weights_over_time : Weights or None
        If kept: w21 (R, T, N2, N1) and w32 (R, T, N3, N2).
    status : tuple of R str
        "ok"; "diverged", if a presentation would have brought a weight or squared error to the largest number of the
        type, in which case `weights` are those before it; "interrupted".
    completed : (R,) int64
        Presentations that each run completed.
    """

    data: Dataset
    rate: float
    order: str | NDArray[np.int64]
    init: Initial
    rng: int
    route: str
    presentations: NDArray[np.int64]
    mode_strengths: Floats
    loss: Floats
    initial_strengths: Floats
    weights: Weights
    hidden: NDArray[Any] | None
    weights_over_time: Weights | None
    status: tuple[str, ...]
    completed: NDArray[np.int64]

    @property
    def epochs(self) -> Floats:
        """Epochs of P presentations before each record, (T,)."""
        return np.asarray(self.presentations / self.data.n_items)

    def initial_weights(self, run: int) -> Weights:
        """Return the weights that run number `run` began with, in float64."""
        run = _check.integer("run", run, 0, len(self.status) - 1)
        return initial_weights(self.init, self.data, self.weights.w21.shape[1], self.rng, run)

    def __repr__(self) -> str:
        end = self.presentations[-1]
        ok = self.status.count("ok")
        return f"Run({len(self.status)} runs of {end} presentations on {self.data!r}, {ok} of them ok)"


class TrainingInterrupted(KeyboardInterrupt):
    """Raised by `train` upon Ctrl-C; ``run`` holds what had been recorded.

    Attributes
    ----------
    run : Run
        With status "interrupted" for the runs that were under way or had not begun.
    """

    def __init__(self, run: Run) -> None:
        super().__init__("training was interrupted; the exception's 'run' holds what had been recorded")
        self.run = run
