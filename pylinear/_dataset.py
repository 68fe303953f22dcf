"""What is to be learned: items, their features, and the modes of their correlations."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pylinear import _check, _memory
from pylinear._check import Floats

if TYPE_CHECKING:
    from pylinear._tree import Tree

# Singular values closer than this, relative to the largest, count as one: their vectors are known as a subspace only.
_DEGENERATE = 1e-9
# Inputs count as orthogonal when the cosine between no two of them exceeds this.
_ORTHOGONAL = 1e-14
# Eigenvalues of a Gram matrix below this times its size, relative to the largest, are roundoff.
_ROUNDOFF = 4 * float(np.finfo(float).eps)


@dataclass(frozen=True, eq=False)
class Modes:
    """Singular value decomposition of the input-output correlations, Sigma_yx = u diag(s) v^T.

    Attributes
    ----------
    u : (N3, K) float64
        Feature synthesizers: column alpha holds the features that go with mode alpha. For a dataset made by
        `Dataset.from_gram`, whose features are known up to a rotation only, (min(N3, P), K): coordinates in some
        orthonormal basis, the same for all columns.
    s : (K,) float64
        Association strengths, decreasing; K is the rank of the inputs or N3, whichever is less.
    v : (N1, K) float64
        Object analyzers: column alpha says where each input stands on mode alpha.
    blocks : tuple of range
        The modes that share one association strength, to 1e-9 of the largest. Within a block of several modes only
        the subspace has a meaning. Its basis is a convention: the inputs' projections, made orthogonal in their order.

    Notes
    -----
    Signs are fixed so that the first of the largest entries of each column of ``v`` is positive.
    """

    u: Floats
    s: Floats
    v: Floats
    blocks: tuple[range, ...]

    @property
    def rank(self) -> int:
        """Number of modes that have a strength: those that are weaker than 1e-12 of the first are roundoff."""
        return int(np.count_nonzero(self.s > 1e-12 * self.s[0]))


class Dataset:
    """Items with their inputs and the outputs to be learned for each.

    Parameters
    ----------
    outputs : (N3, P) array_like
        Column p holds the features of item p.
    inputs : (N1, P) array_like, optional
        Column p is the input vector of item p; one-hot inputs by default.
    items : sequence of P str, optional
        Names of the items. A name that occurs again gets a number: "Robin", "Robin (2)".
    features : sequence of N3 str, optional
        Names of the features, all different.

    Attributes
    ----------
    n_items, n_features, n_inputs : int
        P, N3 and N1.
    one_hot : bool
        Whether the inputs are one-hot.
    rng, engine, tree : int, str and Tree, or None
        Of a sampled dataset: the seed that draws it again, what drew it, and from where.

    Raises
    ------
    TypeError, ValueError
        If an array is not made of finite real numbers, shapes or numbers of names disagree, or all inputs are zero.

    Examples
    --------
    >>> data = Dataset([[1, 1, 0, 0], [0, 0, 0, 1]], items=["Canary", "Salmon", "Oak", "Rose"])
    >>> data.modes.s.round(3).tolist()
    [1.414, 1.0]
    """

    def __init__(
        self,
        outputs: ArrayLike,
        inputs: ArrayLike | None = None,
        items: Sequence[str] | None = None,
        features: Sequence[str] | None = None,
    ) -> None:
        self._own(_check.array("outputs", outputs, (None, None)))
        if inputs is not None:
            given = _check.array("inputs", inputs, (None, self.n_items))
            if not given.any():
                raise ValueError("inputs must not all be zero")
            self.inputs = frozen(given)
            self.one_hot = False
        if items is not None:
            self.items = distinct(_check.names("items", items, self.n_items))
        if features is not None:
            self.features = _check.names("features", features, self.n_features)
            if len(set(self.features)) < self.n_features:
                twice = Counter(self.features).most_common(1)[0][0]
                raise ValueError(f"features must have different names; got {twice!r} more than once")

    def _own(self, outputs: NDArray[Any]) -> None:
        self._outputs: NDArray[Any] | None = frozen(outputs)
        # Anything with the Gram matrix of the outputs: all that modes and trajectories depend on, up to a rotation.
        self._rotated = outputs
        self.n_features: int = outputs.shape[0]
        self.n_items: int = outputs.shape[1]
        self.one_hot = True
        self.rng: int | None = None
        self.engine: str | None = None
        self.tree: Tree | None = None

    @classmethod
    def _of_sample(cls, outputs: NDArray[Any], rng: int, engine: str, tree: Tree) -> Dataset:
        """Return a dataset around an array that nobody else holds."""
        data = cls.__new__(cls)
        data._own(outputs)
        data.rng, data.engine, data.tree = rng, engine, tree
        return data

    @classmethod
    def from_gram(
        cls,
        gram: ArrayLike,
        n_features: int,
        inputs: ArrayLike | None = None,
        items: Sequence[str] | None = None,
    ) -> Dataset:
        """Return a dataset whose outputs are known through their inner products alone.

        Networks learn it under ``reduce="law"``, at a cost that does not depend on the number of features.

        Parameters
        ----------
        gram : (P, P) array_like
            Outputs^T outputs, such as `Tree.gram` returns: entry (p, q) is the sum over features of item p's times
            item q's. Symmetric and positive semidefinite, up to roundoff; whole numbers up to 2**53 are taken exactly.
        n_features : int
            Number N3 of features, at least the rank of ``gram``.
        inputs, items
            As for `Dataset`.

        Raises
        ------
        TypeError, ValueError
            If ``gram`` is not such a matrix or has a larger rank than there are features.

        Examples
        --------
        >>> data = Dataset.from_gram([[3, -1], [-1, 3]], n_features=10**12)
        >>> data.modes.s.round(3).tolist()
        [2.0, 1.414]
        """
        gram = _check.plain("gram", gram)
        given = _check.array("gram", gram, (None, None))
        n_features = _check.integer("n_features", n_features)
        data = cls(_root_of_gram(given, n_features), inputs, items)
        data._outputs, data.n_features = None, n_features
        # Whole numbers stay whole, in the machine's own type.
        whole = np.asarray(gram)
        exact = whole.dtype.kind in "iu" and np.can_cast(whole.dtype, np.int64)
        data.gram = frozen(whole.astype(np.int64) if exact else given)
        return data

    def __repr__(self) -> str:
        inputs = "one-hot" if self.one_hot else f"{self.n_inputs}-dimensional"
        return f"Dataset({self.n_features} features x {self.n_items} items, {inputs} inputs)"

    @property
    def outputs(self) -> NDArray[Any]:
        """Outputs, (N3, P) float64 (float32 or int8 where `Tree.sample` was asked for it): column p belongs to item p.

        Read-only. A dataset made by `from_gram` has none and raises ValueError.
        """
        if self._outputs is None:
            raise ValueError("outputs are not known for data made by from_gram: train it with reduce='law' or 'auto'")
        return self._outputs

    @property
    def has_outputs(self) -> bool:
        """Whether the outputs themselves are known, and not their inner products alone."""
        return self._outputs is not None

    @property
    def rotated_outputs(self) -> Floats:
        """The outputs up to a rotation, all that is known after `from_gram`; else the outputs themselves."""
        return self._rotated.astype(np.float64, copy=False)

    @cached_property
    def gram(self) -> NDArray[Any]:
        """Inner products of the items' outputs, (P, P); float64, or int64 if `from_gram` was given whole numbers."""
        outputs = self.rotated_outputs
        return frozen(outputs.T @ outputs)

    @cached_property
    def inputs(self) -> Floats:
        """Input vectors, (N1, P): column p belongs to item p."""
        _memory.require("the one-hot inputs", 8 * self.n_items**2)
        return frozen(np.eye(self.n_items))

    @cached_property
    def items(self) -> tuple[str, ...]:
        """Names of the P items, all different."""
        return tuple(f"item {p + 1}" for p in range(self.n_items))

    @cached_property
    def features(self) -> tuple[str, ...]:
        """Names of the N3 features, all different."""
        _memory.require("names of the features", 80 * self.n_features)
        return tuple(f"feature {i + 1}" for i in range(self.n_features))

    @property
    def n_inputs(self) -> int:
        """Number N1 of input units."""
        return self.n_items if self.one_hot else int(self.inputs.shape[0])

    @cached_property
    def sigma_yx(self) -> Floats:
        """Input-output correlations, (N3, N1): the sum over items of y x^T, the paper's (1)."""
        outputs = self.outputs.astype(np.float64, copy=False)
        return frozen(outputs if self.one_hot else outputs @ self.inputs.T)

    @cached_property
    def sigma_xx(self) -> Floats:
        """Input correlations, (N1, N1): the sum over items of x x^T; the identity for one-hot inputs."""
        return frozen(self.inputs @ self.inputs.T)

    @cached_property
    def orthogonal(self) -> bool:
        """Whether the inputs of any two items are orthogonal, to roundoff."""
        if self.one_hot:
            return True
        # Each scaled by its largest entry first, so that no square overflows or vanishes.
        largest = np.abs(self.inputs).max(axis=0)
        directions = self.inputs[:, largest > 0] / largest[largest > 0]
        directions /= np.linalg.norm(directions, axis=0)
        if directions.shape[1] > directions.shape[0]:
            return False
        cosines = directions.T @ directions
        np.fill_diagonal(cosines, 0.0)
        return bool(np.abs(cosines).max() <= _ORTHOGONAL)

    @cached_property
    def input_span(self) -> tuple[Floats, Floats]:
        """An orthonormal basis of the span of the inputs, (N1, rank), and the inputs in it, (rank, P)."""
        left, strengths, right = np.linalg.svd(self.inputs, full_matrices=False)
        rank = int(np.sum(strengths > strengths[0] * max(self.inputs.shape) * np.finfo(float).eps))
        return frozen(left[:, :rank].copy()), frozen(strengths[:rank, None] * right[:rank])

    @cached_property
    def modes(self) -> Modes:
        """The decomposition of `sigma_yx` into modes, computed without forming it."""
        outputs = self.rotated_outputs
        rank = min(outputs.shape)
        _memory.require("the decomposition into modes", 8 * (3 * outputs.size + 2 * rank * self.n_items))
        # outputs = q_y r_y and inputs = q_x r_x, so that only the small r_y r_x^T is decomposed.
        q_y, core = np.linalg.qr(outputs)
        q_x = None
        if not self.one_hot:
            q_x, r_x = self.input_span
            core = core @ r_x.T
        too_large = "outputs and inputs must be small enough that their correlations and modes do not overflow"
        if not np.isfinite(core).all():
            raise ValueError(too_large)
        u, s, vt = np.linalg.svd(core, full_matrices=False)
        if not np.isfinite(s).all():
            raise ValueError(too_large)
        return _fix_conventions(q_y @ u, s, vt.T.copy() if q_x is None else q_x @ vt.T)


def frozen(array: NDArray[Any]) -> NDArray[Any]:
    """Return `array`, from now on read-only: results are shared, and what follows from them is cached."""
    array.flags.writeable = False
    return array


def _root_of_gram(gram: Floats, n_features: int) -> Floats:
    """Return a matrix of at most `n_features` rows with the Gram matrix `gram`."""
    if gram.shape[0] != gram.shape[1] or not np.allclose(gram, gram.T, rtol=0, atol=1e-9 * np.abs(gram).max()):
        raise ValueError(f"gram must be a symmetric matrix, items x items; got {_check.show(gram)}")
    squares, vectors = np.linalg.eigh(gram / 2 + gram.T / 2)
    squares, vectors = squares[::-1], vectors[:, ::-1]
    if squares[-1] < -1e-9 * max(squares[0], 0):
        raise ValueError(f"gram must be positive semidefinite; got an eigenvalue of {squares[-1]:.3g}")
    squares = np.where(squares > len(squares) * _ROUNDOFF * squares[0], squares, 0.0)
    rank = int(np.count_nonzero(squares))
    if rank > n_features:
        raise ValueError(f"n_features must be at least the rank of gram, {rank}; got {n_features}")
    root = np.sqrt(squares)[:, None] * vectors.T
    return np.ascontiguousarray(root[:n_features])


def _fix_conventions(u: Floats, s: Floats, v: Floats) -> Modes:
    """Return the modes with the basis of every degenerate block and all signs as `Modes` documents them."""
    starts = [0, *(np.flatnonzero(s[:-1] - s[1:] > _DEGENERATE * s[0]) + 1).tolist(), len(s)]
    blocks = tuple(range(a, b) for a, b in pairwise(starts))
    for block in blocks:
        columns = slice(block.start, block.stop)
        if len(block) > 1:
            rotation = _basis_of_rows(v[:, columns])
            u[:, columns] = u[:, columns] @ rotation
            v[:, columns] = v[:, columns] @ rotation
    # "Largest" to one part in a million: entries equal by symmetry differ in their last digits.
    size = np.abs(v)
    first = np.argmax(size > size.max(axis=0) * (1 - 1e-6), axis=0)
    signs = np.where(v[first, np.arange(v.shape[1])] < 0, -1.0, 1.0)
    u, v = u * signs, v * signs
    return Modes(u=frozen(u), s=frozen(s), v=frozen(v), blocks=blocks)


def _basis_of_rows(rows: Floats) -> Floats:
    """Return an orthogonal matrix whose columns are the first independent rows of `rows`, made orthonormal in order."""
    chosen: list[Floats] = []
    left = rows.copy()
    while len(chosen) < rows.shape[1]:
        norms = np.linalg.norm(left, axis=1)
        clear = np.flatnonzero(norms > 1e-3)
        pick = left[clear[0] if clear.size else int(np.argmax(norms))]
        for _ in range(2):  # twice, so that it is orthogonal to roundoff
            for earlier in chosen:
                pick = pick - (pick @ earlier) * earlier
        chosen.append(pick / np.linalg.norm(pick))
        left = left - np.outer(left @ chosen[-1], chosen[-1])
    return np.stack(chosen, axis=1)


def distinct(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names with a number behind each that has occurred before."""
    names = tuple(names)
    taken = set(names)
    last: dict[str, int] = {}
    out = []
    for name in names:
        label, number = name, last.get(name, 0) + 1
        if number > 1:
            while (label := f"{name} ({number})") in taken:
                number += 1
        last[name] = number
        taken.add(label)
        out.append(label)
    return tuple(out)


def toy(coding: Literal["binary", "signed", "centred"] = "centred") -> Dataset:
    """Return the paper's example of four items and five properties.

    Parameters
    ----------
    coding : {"centred", "binary", "signed"}
        "binary": 1 for a property that the item has, else 0; s^2 = 3, 1, 1, 1. "signed": 1 and -1; s^2 = 8, 4, 4, 4.
        "centred": binary less the property's mean over items; s^2 = 2, 1, 1, 0, which is what the paper's Figure 2
        shows.

    Examples
    --------
    >>> toy("centred").modes.v[:, 0].round(2).tolist()
    [0.5, 0.5, -0.5, -0.5]
    """
    chosen = _check.choice("coding", coding, ("binary", "signed", "centred"))
    binary = np.array([[1, 1, 0, 0], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]], dtype=np.float64)
    coded = {
        "binary": binary,
        "signed": 2 * binary - 1,
        "centred": binary - binary.mean(axis=1, keepdims=True),
    }
    return Dataset(
        coded[chosen],
        items=["Canary", "Salmon", "Oak", "Rose"],
        features=["can Move", "can Fly", "can Swim", "has Bark", "has Petals"],
    )
