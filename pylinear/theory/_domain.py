"""What the arguments of a formula must be: refused with the domain in the message."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from pylinear import _check
from pylinear._check import Floats
from pylinear._dataset import Dataset

# Of an integrated flow, in units of tau / s_1: minutes of steps, which stay short however little happens.
_LONGEST = 1e6


def in_domain(name: str, value: ArrayLike, low: float, *, above: bool, domain: str, infinite: bool = False) -> Floats:
    """Return `value` as floats, each of at least (or `above`) `low`, or raise with the domain in the message."""
    out = _check.array(name, value, None, infinite=infinite)
    wrong = out <= low if above else out < low
    if np.any(wrong):
        raise ValueError(f"{name} must be {domain}; got {_check.show(float(out[wrong].flat[0]))}")
    return out


def broadcast(*arguments: Floats) -> None:
    """Raise unless the arguments broadcast to one shape."""
    try:
        np.broadcast_shapes(*(x.shape for x in arguments))
    except ValueError:
        shapes = ", ".join(str(x.shape) for x in arguments)
        raise ValueError(f"the arguments must broadcast to one shape; got shapes {shapes}") from None


def require(holds: NDArray[np.bool_], sentence: str, **arguments: Floats) -> None:
    """Raise with `sentence` and the first of the arguments, broadcast together, for which it does not hold."""
    if np.all(holds):
        return
    first = int(np.argmin(holds))
    together = np.broadcast_arrays(holds, *arguments.values())[1:]
    got = ", ".join(f"{name} = {float(x.flat[first])!r}" for name, x in zip(arguments, together, strict=True))
    raise ValueError(f"{sentence}; got {got}")


def in_range(result: Floats, **arguments: Floats) -> Floats:
    """Return a result, or raise with the first of the arguments for which it is beyond the range of floating point."""
    require(np.isfinite(result), "the arguments must lead to a result that floating point can hold", **arguments)
    return np.asarray(result)


def time_of(t: ArrayLike) -> Floats:
    """Return times of a closed form; inf stands for its limit."""
    return in_domain("t", t, 0.0, above=False, domain="at least 0", infinite=True)


def times_of(t: ArrayLike) -> Floats:
    """Return a sequence of times of a flow, of any length and in any order."""
    times = in_domain("t", t, 0.0, above=False, domain="at least 0")
    if times.ndim != 1:
        raise ValueError(f"t must be a sequence of times; got shape {times.shape}")
    return times


def check_length(t: Floats, tau: float, data: Dataset) -> None:
    """Raise if t is so late that the integration of a flow would take far longer than the learning does."""
    limit = _LONGEST * tau / max(float(data.modes.s[0]), np.finfo(float).tiny)
    if t.size and np.max(t) > limit:
        raise ValueError(
            f"t must be at most {limit:.3g}, which is {_LONGEST:g} tau / s_1, long after which nothing changes; got "
            f"{np.max(t):.3g}"
        )


def tau_of(tau: ArrayLike) -> Floats:
    """Return time constants."""
    return in_domain("tau", tau, 0.0, above=True, domain="above 0")


def layers_of(layers: object, most: int = _check.LARGEST_SIZE) -> int:
    """Return a number of weight layers."""
    return _check.integer("layers", layers, 1, most)
