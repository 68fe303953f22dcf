"""Initial weights."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pylinear import _check, _memory
from pylinear._check import Floats
from pylinear._dataset import Dataset, frozen
from pylinear._problem import parts
from pylinear._random import RNG, Use, as_generator, generator
from pylinear._rule import check_data


class Weights(NamedTuple):
    """The weights of one network, or of one per run with a leading axis.

    Attributes
    ----------
    w21 : (..., N2, N1)
        Input to hidden.
    w32 : (..., N3, N2)
        Hidden to output.
    """

    w21: NDArray[Any]
    w32: NDArray[Any]


class Stream(NamedTuple):
    """The weights of one network, W32 in parts.

    Attributes
    ----------
    w21 : (N2, N1)
        Input to hidden.
    parts : iterator of arrays
        Some rows at a time of W32, or of its transpose where there are more hidden units than features.
    """

    w21: Floats
    parts: Iterator[Floats]


def _cuts(n_features: int, hidden: int) -> Iterator[slice]:
    """Return the rows of each part of W32 along its longer side."""
    return parts(max(n_features, hidden), min(n_features, hidden))


def _checked(data: Dataset, hidden: int, rng: RNG) -> tuple[int, np.random.Generator]:
    """Return the arguments of `draw`, once it is known that there is room for the weights."""
    data, hidden = check_data(data), _check.integer("hidden", hidden)
    _memory.require(f"weights of {hidden} hidden units", 8 * hidden * (data.n_inputs + data.n_features))
    return hidden, as_generator(rng)


@dataclass(frozen=True)
class Gaussian:
    """Independent Gaussian weights in both layers.

    Parameters
    ----------
    scale : float
        Standard deviation of every weight, above 0.

    Examples
    --------
    >>> w21, w32 = Gaussian(1e-3).draw(Dataset([[1.0, -1.0]]), hidden=3, rng=0)
    >>> w21.shape, w32.shape
    ((3, 2), (1, 3))
    """

    scale: float

    def __post_init__(self) -> None:
        object.__setattr__(self, "scale", _check.real("scale", self.scale, 0.0, above=True))

    def draw(self, data: Dataset, hidden: int, rng: RNG = None) -> Weights:
        """Return weights for ``data`` and ``hidden`` hidden units."""
        return self._weights(data, *_checked(data, hidden, rng))

    def _weights(
        self, data: Dataset, hidden: int, rng: np.random.Generator, poll: Callable[[], None] = lambda: None
    ) -> Weights:
        """Return the same for arguments that are known to be right; ``poll`` is called now and then, and may raise."""
        w21, drawn = self._stream(data, hidden, rng)
        w32 = np.empty((data.n_features, hidden))
        long = w32 if data.n_features >= hidden else w32.T
        for rows, part in zip(_cuts(data.n_features, hidden), drawn, strict=True):
            poll()
            long[rows] = part
        return Weights(w21, w32)

    def _stream(self, data: Dataset, hidden: int, rng: np.random.Generator) -> Stream:
        """Return the same weights, W32 in parts."""
        short = min(data.n_features, hidden)
        w21 = rng.normal(scale=self.scale, size=(hidden, data.n_inputs))
        cuts = _cuts(data.n_features, hidden)
        return Stream(w21, (rng.normal(scale=self.scale, size=(cut.stop - cut.start, short)) for cut in cuts))


@dataclass(frozen=True, eq=False)
class Decoupled:
    r"""Weights along the data's own modes, which then learn independently of one another.

    Parameters
    ----------
    c, d : float or (K,) array_like
        Strength of each mode in W21 and in W32.

    Notes
    -----
    :math:`W^{21} = R\,\mathrm{diag}(c) V^T`, :math:`W^{32} = U\,\mathrm{diag}(d) R^T`, where R has random
    orthonormal columns. Only the first N2 modes where there are more modes than hidden units.
    """

    c: ArrayLike
    d: ArrayLike

    def __post_init__(self) -> None:
        for name in ("c", "d"):
            value = getattr(self, name)
            shape = () if _check.rank(value) == 0 else (None,)
            object.__setattr__(self, name, frozen(_check.array(name, value, shape)))

    def draw(self, data: Dataset, hidden: int, rng: RNG = None) -> Weights:
        """Return weights for ``data`` and ``hidden`` hidden units."""
        return self._weights(data, *_checked(data, hidden, rng))

    def _weights(
        self, data: Dataset, hidden: int, rng: np.random.Generator, poll: Callable[[], None] = lambda: None
    ) -> Weights:
        """Return the same for arguments that are known to be right; ``poll`` is called now and then, and may raise."""
        w21, left, right = self._factors(data, hidden, rng)
        w32 = np.empty((data.n_features, hidden))
        for rows in parts(*w32.shape):
            poll()
            np.matmul(left[rows], right.T, out=w32[rows])
        return Weights(w21, w32)

    def _stream(self, data: Dataset, hidden: int, rng: np.random.Generator) -> Stream:
        """Return the same weights, W32 in parts."""
        w21, left, right = self._factors(data, hidden, rng)
        long, short = (left, right) if data.n_features >= hidden else (right, left)
        return Stream(w21, (long[cut] @ short.T for cut in _cuts(data.n_features, hidden)))

    def _factors(self, data: Dataset, hidden: int, rng: np.random.Generator) -> tuple[Floats, Floats, Floats]:
        """Return W21, and W32 as a product U diag(d) times R^T."""
        modes = data.modes
        c, d = strengths_of(self, modes.s.size)
        k = min(hidden, modes.s.size)
        r = np.linalg.qr(rng.standard_normal((hidden, k)))[0]
        return (r * c[:k]) @ modes.v[:, :k].T, modes.u[:, :k] * d[:k], r


def strengths_of(init: Decoupled, n_modes: int) -> tuple[Floats, Floats]:
    """Return c and d for each of ``n_modes`` modes."""
    for name, value in (("c", init.c), ("d", init.d)):
        if np.ndim(value) and np.size(value) != n_modes:
            raise ValueError(f"{name} must be one number or one per mode, {n_modes}; got {np.size(value)}")
    return np.broadcast_to(init.c, n_modes), np.broadcast_to(init.d, n_modes)


class Balanced(Decoupled):
    """Decoupled weights with the same strength in both layers, the case in which (10) is exact.

    Parameters
    ----------
    a0 : float or (K,) array_like
        Initial mode strengths, each above 0.

    Examples
    --------
    >>> data = Dataset([[3.0, 1.0]])
    >>> w21, w32 = Balanced(1e-3).draw(data, hidden=4, rng=0)
    >>> round(float(data.modes.u[:, 0] @ w32 @ w21 @ data.modes.v[:, 0]), 9)
    0.001
    """

    def __init__(self, a0: ArrayLike) -> None:
        strengths = _check.array("a0", a0, () if _check.rank(a0) == 0 else (None,))
        if not np.all(strengths > 0):
            raise ValueError(f"a0 must be above 0; got {_check.show(float(strengths.min()))}")
        super().__init__(np.sqrt(strengths), np.sqrt(strengths))


@dataclass(frozen=True, eq=False)
class Given:
    """The caller's own weights: one pair for all runs, or one pair a run along a leading axis."""

    w21: Floats
    w32: Floats

    def __post_init__(self) -> None:
        frozen(self.w21)
        frozen(self.w32)

    def of_run(self, run: int) -> Weights:
        """Return the weights of one run."""
        if self.w21.ndim == 2:
            return Weights(self.w21, self.w32)
        return Weights(self.w21[run], self.w32[run])


Initial = Gaussian | Decoupled | Given


@dataclass(frozen=True, eq=False)
class Start:
    """What all runs of one call begin with: the weights of run k follow from these and k alone."""

    init: Initial
    data: Dataset
    hidden: int
    seed: int

    def rng(self, run: int) -> np.random.Generator:
        """Return the stream of random numbers for the weights of one run."""
        return generator(self.seed, Use.WEIGHTS, run)

    def weights(self, run: int, poll: Callable[[], None] = lambda: None) -> Weights:
        """Return the weights of one run."""
        if isinstance(self.init, Given):
            return self.init.of_run(run)
        # There may be no room for them.
        hidden, rng = _checked(self.data, self.hidden, self.rng(run))
        return self.init._weights(self.data, hidden, rng, poll)

    def stream(self, run: int) -> Stream:
        """Return the weights of one run, W32 in parts."""
        if not isinstance(self.init, Given):
            return self.init._stream(self.data, self.hidden, self.rng(run))
        w21, w32 = self.init.of_run(run)
        long = w32 if self.data.n_features >= self.hidden else w32.T
        return Stream(w21, (long[cut] for cut in _cuts(self.data.n_features, self.hidden)))

    def w21(self, run: int) -> Floats:
        """Return W21 of one run."""
        return self.stream(run).w21
