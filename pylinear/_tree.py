"""Regular trees, and the statistics of features that diffuse down their branches."""

from __future__ import annotations

import math
from collections.abc import Iterable
from functools import cached_property
from itertools import pairwise
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from pylinear import _check, _engine, _memory, _tree_gram
from pylinear._check import Floats
from pylinear._dataset import Dataset, frozen
from pylinear._random import RNG, Use, philox_key, seed_of
from pylinear._tree_statistics import SingularValueStatistics, second_moments, statistics_of_levels

Engine = Literal["auto", "native", "numba"]

# The object analyzers are P x P and dense, and so is everything that is computed from them.
_MOST_ITEMS = 2**20
# The sampler numbers the nodes of a tree in 32 bits.
_MOST_LEVELS = 1000


class Tree:
    r"""A regular tree whose leaves are items and whose features diffuse from the root.

    A feature begins at the root as +1 or -1 with equal probability and is handed to the children, its sign flipping
    with probability ``flip`` on each branch, down to the items.

    Parameters
    ----------
    branching : sequence of int
        Children of every node at each level, from the root down; ``(2, 2)`` has 3 levels and 4 items.
    flip : float or sequence of float
        Flip probability, between 0 and 0.5: one for all branches, or one per level below the root.

    Raises
    ------
    TypeError, ValueError
        If a number of children is not a whole number of at least 1, a probability is outside [0, 0.5], or there are
        more than 2**20 items or 1,000 levels.

    Notes
    -----
    With levels :math:`l = 0 \dots D-1`, :math:`M_l` nodes at level l, and flip probability :math:`\epsilon_l` below
    it, two items whose last common ancestor is at level k are correlated by
    :math:`q_k = \prod_{j=k}^{D-2} (1 - 2\epsilon_j)^2`.

    References
    ----------
    Saxe, McClelland & Ganguli, "Learning hierarchical category structure in deep neural networks", CogSci 2013.

    Examples
    --------
    >>> tree = Tree((2, 2), flip=0.1)
    >>> tree.n_items, tree.multiplicities.tolist()
    (4, [1, 1, 2])
    >>> tree.singular_values(10_000).round(1).tolist()
    [156.8, 90.6, 60.0]
    """

    def __init__(self, branching: Iterable[int], flip: float | Iterable[float]) -> None:
        children = _check.sequence("branching", branching, _MOST_LEVELS, "whole numbers")
        self.branching = tuple(_check.integer("branching", b, 1, _MOST_ITEMS) for b in children)
        if not self.branching:
            raise ValueError("branching must name the children of at least one level; got an empty sequence")
        self.n_items = math.prod(self.branching)
        if self.n_items > _MOST_ITEMS or len(self.branching) > _MOST_LEVELS:
            got = f"{_check.show(self.n_items)} items over {len(self.branching)}"
            raise ValueError(
                f"branching must lead to at most {_MOST_ITEMS} items over {_MOST_LEVELS} levels; got {got}"
            )
        self.n_levels = len(self.branching) + 1
        self.flip = tuple(_check.flips("flip", flip, len(self.branching), "level below the root"))

    def __repr__(self) -> str:
        flip = self.flip[0] if len(set(self.flip)) == 1 else self.flip
        return f"Tree(branching={self.branching}, flip={flip})"

    @cached_property
    def _nodes(self) -> NDArray[np.int64]:
        """M_l, the number of nodes at each level."""
        return np.cumprod((1, *self.branching))

    @cached_property
    def _correlations(self) -> Floats:
        """q_l, the correlation of two items whose last common ancestor is at level l."""
        kept = (1 - 2 * np.array(self.flip)) ** 2
        return np.append(np.cumprod(kept[::-1])[::-1], 1.0)

    @cached_property
    def covariance(self) -> Floats:
        """Expected covariance of the items' features, (P, P): entry (i, j) belongs to items i and j.

        For any number N of features, the expectation of Y^T Y is N times this matrix.
        """
        _memory.require("the covariance of the items", 8 * self.n_items**2)
        out = np.full((self.n_items, self.n_items), self._correlations[0])
        for level in range(1, self.n_levels):
            size = self.n_items // int(self._nodes[level])
            for start in range(0, self.n_items, size):
                out[start : start + size, start : start + size] = self._correlations[level]
        return frozen(out)

    @cached_property
    def multiplicities(self) -> NDArray[np.int64]:
        """Number of modes that share each level's singular value, (D,)."""
        return frozen(np.diff(self._nodes, prepend=0))

    def singular_values(self, n_features: int) -> Floats:
        r"""Singular values of the input-output correlations for many features, (D,), one per level.

        Parameters
        ----------
        n_features : int
            Number N of features. The values hold for N -> infinity; a sample deviates by O(N**-0.5) of itself.

        Notes
        -----
        :math:`s_l = \sqrt{N P \sum_{k=l}^{D-1} \Delta_k / M_k}`, with :math:`\Delta_k = q_k - q_{k-1}`,
        :math:`q_{-1} = 0`. The paper's (13) prints :math:`\Delta_l / M_l` under the sum, which is wrong but at the last
        level. Level 0 is the mode that all items share; a level l >= 1 tells the children of a node at level l - 1
        apart.

        Examples
        --------
        >>> Tree((3, 2), flip=(0.2, 0.05)).singular_values(1000).round(2).tolist()
        [54.56, 35.03, 13.78]
        """
        n_features = _check.integer("n_features", n_features)
        terms = np.diff(self._correlations, prepend=0.0) / self._nodes
        return np.sqrt(n_features * self.n_items * np.cumsum(terms[::-1])[::-1])

    @cached_property
    def _second_moments(self) -> Floats:
        """E[e_l e_m], (D, D), of one feature's powers on the levels."""
        return second_moments(self.branching, self.flip)

    def singular_value_statistics(self, n_features: int) -> SingularValueStatistics:
        r"""Mean and scatter of the singular values of samples of N features, per level.

        Parameters
        ----------
        n_features : int
            Number N of features: at least the number of modes whose singular value is not 0, and so large that the
            corrections to `singular_values` stay below one half.

        Returns
        -------
        SingularValueStatistics
            With ``mean``, ``sd`` and ``spread``, (D,) each: the expectation of the mean over the level's singular
            values, the standard deviation of that mean over samples, and the root mean square distance of single
            values from it. For N -> infinity ``mean`` goes to `singular_values`, the other two to constants.

        Raises
        ------
        TypeError, ValueError
            If ``n_features`` is not such a number.

        Notes
        -----
        With :math:`e_l = |P_l y|^2` the power of one feature y on the :math:`m_l` object analyzers of level l,
        :math:`\lambda_l = s_l^2 / N = E[e_l] / m_l`, and the sample's covariance a perturbation of its expectation,
        the eigenvalues of level l have

        - mean :math:`\lambda_l + \frac{1}{N m_l} \sum_{k \neq l} E[e_l e_k] / (\lambda_l - \lambda_k)`,
        - variance of their mean over samples :math:`\alpha_l = (E[e_l^2] / m_l^2 - \lambda_l^2) / N`,
        - variance about their mean in a sample :math:`\beta_l = (E[e_l^2] / m_l - \lambda_l^2) / N - \alpha_l`,

        and the singular values follow from the Taylor series of the square root, with
        :math:`-(\alpha_l + \beta_l) / 8 \lambda_l^{3/2}` for its curvature. :math:`E[e_l e_k]` is exact.

        The next order is smaller by P / N, by 1 / (N flip) where flips are rare, and by the ratio of push to distance
        where two levels are close. For the tree of the paper's figure 5 (P = 32), ``mean`` is off by 0.3 % at most with
        N = 200, by 1.4 % with 100 and by 5 % with 50, at the lowest level, where `singular_values` is off by 8, 18 and
        47 %. ``sd`` and ``spread`` are of leading order only, and too large: by up to 10 % with N = 400, 26 % with 200
        and 70 % with 50.

        Levels whose eigenvalues would push each other, in the sum above, by more than their distance are one block:
        each is given the figures of all its levels' singular values together. So are levels that coincide: those down
        to the level below a flip of 0.5, and the level below a flip of 0 with the next. A level without modes (below a
        branching of 1) and one of singular value 0 (above flips of 0 alone) is given `singular_values`, and 0 for the
        other two.

        Examples
        --------
        >>> tree = Tree((2, 2, 2, 2, 2), flip=0.1)
        >>> tree.singular_values(200).round(1).tolist()
        [36.2, 25.0, 20.8, 16.8, 12.8, 8.5]
        >>> mean, sd, spread = tree.singular_value_statistics(200)
        >>> mean.round(1).tolist()
        [36.6, 25.6, 21.3, 17.1, 12.7, 7.9]
        >>> spread.round(1).tolist()
        [0.0, 0.0, 1.0, 1.3, 1.4, 1.3]
        """
        n_features = _check.integer("n_features", n_features)
        eigenvalues = self.singular_values(1) ** 2
        return statistics_of_levels(self._second_moments, eigenvalues, self.multiplicities, n_features)

    @cached_property
    def object_analyzers(self) -> Floats:
        """Object analyzers for many features, (P, P): orthonormal columns, coarse to fine.

        Column 0 is constant. The columns of level l >= 1 are zero but for the items below one node of level l - 1,
        which they contrast child by child: first against the rest, second against those after it, and so on.
        """
        _memory.require("the object analyzers", 8 * self.n_items**2)
        out = np.zeros((self.n_items, self.n_items))
        out[:, 0] = 1 / np.sqrt(self.n_items)
        column = 1
        for parents, nodes in pairwise(self._nodes.tolist()):
            size = self.n_items // nodes
            children = nodes // parents
            for parent in range(parents):
                for child in range(children - 1):
                    start = (parent * children + child) * size
                    rest = children - 1 - child
                    norm = np.sqrt(size * rest * (rest + 1))
                    out[start : start + size, column] = rest / norm
                    out[start + size : start + (rest + 1) * size, column] = -1 / norm
                    column += 1
        return frozen(out)

    def sample(
        self,
        n_features: int,
        *,
        rng: RNG = None,
        first: int = 0,
        engine: Engine = "auto",
        dtype: Literal["float64", "float32", "int8"] = "float64",
        threads: int | None = None,
    ) -> Dataset:
        """Return a dataset of +1 and -1 features that have diffused down the tree.

        Parameters
        ----------
        n_features : int
            Number N of features.
        rng : int, SeedSequence, BitGenerator, Generator or None
            Where the randomness comes from; the dataset records the whole number that stands for it in ``rng``.
        first : int
            Index of the first feature. Feature i depends on ``rng`` and i alone, so that any part of a larger
            sample can be drawn by itself, and engines and numbers of threads make no difference.
        engine : {"auto", "native", "numba"}
            What draws them; "auto" takes the compiled core where it is installed.
        dtype : {"float64", "float32", "int8"}
            Type of ``outputs``. "int8" takes an eighth of the memory, but numpy's products of int8 arrays wrap around
            at 128: convert before you multiply.
        threads : int, optional
            Number of threads; all processors by default.

        Returns
        -------
        Dataset
            With one-hot inputs and ``outputs`` (N, P).

        Examples
        --------
        >>> data = Tree((2, 2), flip=0.1).sample(5, rng=1)
        >>> data.outputs.shape, data.rng
        ((5, 4), 1)
        """
        dtype_name = _check.choice("dtype", dtype, ("float64", "float32", "int8"))
        n_features, seed, diffusion = self._diffusion(n_features, rng, first, engine, threads)
        kind = np.dtype(dtype_name)
        self._require_outputs(n_features, kind.itemsize, diffusion)
        outputs = np.empty((n_features, self.n_items), dtype=kind)
        diffusion.sample(outputs)
        return Dataset._of_sample(outputs, seed, diffusion.engine, self)

    def sample_bits(
        self,
        n_features: int,
        *,
        rng: RNG = None,
        first: int = 0,
        engine: Engine = "auto",
        threads: int | None = None,
    ) -> NDArray[np.uint64]:
        """Return the features that `sample` draws, packed: one bit each.

        Parameters
        ----------
        n_features, rng, first, engine, threads
            As for `sample`.

        Returns
        -------
        (P, ceil(N / 64)) uint64
            Bit k of word w of row p is set where feature ``first + 64 * w + k`` of item p is -1. Bits past the last
            feature are 0.

        Examples
        --------
        >>> tree = Tree((2, 2), flip=0.1)
        >>> bits = tree.sample_bits(100, rng=1)
        >>> bits.shape
        (4, 2)
        >>> int(np.bitwise_count(bits[0] ^ bits[1]).sum()), int(tree.gram(100, rng=1)[0, 1])
        (11, 78)
        """
        n, _, diffusion = self._diffusion(n_features, rng, first, engine, threads)
        self._require_outputs(n, 1 / 8, diffusion)
        out = np.empty((self.n_items, -(-n // 64)), dtype=np.uint64)
        diffusion.sample_bits(n, out)
        return out

    def gram(
        self,
        n_features: int,
        *,
        rng: RNG = None,
        first: int = 0,
        engine: Engine = "auto",
        threads: int | None = None,
        executor: Any = None,
        comm: Any = None,
    ) -> NDArray[np.int64]:
        r"""Return :math:`Y^T Y` of the features that `sample` draws, without keeping them.

        Parameters
        ----------
        n_features, rng, first, engine, threads
            As for `sample`; the number of features costs time and no memory. With workers, ``threads`` are each one's,
            1 by default.
        executor : optional
            Anything with ``submit``, as a pool of processes or a client of dask: its workers share the features.
        comm : mpi4py.MPI.Intracomm, optional
            Its ranks share the features. All must call alike, and each gets the result; for ``rng=None`` by one seed.

        Returns
        -------
        (P, P) int64
            Entry (i, j) is the sum over the features of the product of items i and j, exactly, whoever counts.

        Raises
        ------
        RuntimeError
            If the executor fails before all is counted, or a rank does.

        Notes
        -----
        With :math:`d_{ij}` the number of features in which items i and j differ, :math:`(Y^T Y)_{ij} = N - 2 d_{ij}`;
        its expectation is N times `covariance`, its eigenvalues the squares of the sample's singular values.

        Examples
        --------
        >>> tree = Tree((2, 2), flip=0.1)
        >>> gram = tree.gram(1_000_000, rng=1)
        >>> np.sqrt(np.linalg.eigvalsh(gram)[::-1]).round().tolist()
        [1569.0, 905.0, 601.0, 600.0]
        >>> np.array_equal(tree.gram(400_000, rng=1) + tree.gram(600_000, rng=1, first=400_000), gram)
        True
        """
        n, seed, diffusion = self._diffusion(n_features, rng, first, engine, threads)
        if executor is not None or comm is not None:
            features = _tree_gram.Features(self.branching, self.flip, diffusion.first, n, seed)
            return _tree_gram.shared(features, engine, threads, executor, comm, drawn=rng is None)
        # The core keeps 512 words a node; each thread counts for itself, and numba adds the counts up in two more.
        scratch, matrix = int(self._nodes.sum()) * 512 * 8, 8 * self.n_items**2
        _memory.require(f"the products of {self.n_items} items", diffusion.threads * (scratch + matrix) + 3 * matrix)
        out = np.empty((self.n_items, self.n_items), dtype=np.int64)
        diffusion.gram(n, out)
        return out

    def _diffusion(
        self, n_features: object, rng: RNG, first: object, engine: object, threads: object
    ) -> tuple[int, int, _engine.Diffusion]:
        """Return the number of features, the seed and what draws them, from the arguments that samplers share."""
        n = _check.integer("n_features", n_features)
        start = _check.integer("first", first, 0)
        n_threads = _check.threads(threads)
        chosen = _engine.choose_sampler(engine)
        seed = seed_of(rng)
        # A ratio of whole numbers, because flip * 2^64 must be the same on every machine.
        threshold = tuple((above << 64) // below for above, below in (e.as_integer_ratio() for e in self.flip))
        key = philox_key(seed, Use.DIFFUSION)
        return n, seed, _engine.Diffusion(chosen, self.branching, threshold, key, start, min(n_threads, n // 64 + 2))

    def _require_outputs(self, n_features: int, itemsize: float, diffusion: _engine.Diffusion) -> None:
        """Raise MemoryError unless there is room for the outputs and the words of the nodes, eight a thread."""
        scratch = diffusion.threads * int(self._nodes.sum()) * 64
        _memory.require(
            f"{n_features} features of {self.n_items} items", n_features * self.n_items * itemsize + scratch
        )
