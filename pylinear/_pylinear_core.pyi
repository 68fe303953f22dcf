"""
The compiled core of pylinear. Use it through the public names.
"""
from __future__ import annotations
import collections.abc
import numpy
import numpy.typing
import typing
__all__: list[str] = ['Network32', 'Network64', 'StopFlag', 'TrainingSet32', 'TrainingSet64', 'build', 'gram', 'instruction_set', 'longest_block', 'philox', 'rows_of', 'sample', 'sample_bits', 'thread_limit', 'version']
class StopFlag:
    def __init__(self) -> None:
        ...
    def clear(self) -> None:
        ...
    def set(self) -> None:
        ...
    @property
    def raised(self) -> bool:
        ...
class TrainingSet64:
    def __init__(self, outputs: numpy.typing.NDArray[numpy.float64], inputs: numpy.typing.NDArray[numpy.float64] | None, input_squares: numpy.typing.NDArray[numpy.float64], synthesizers: numpy.typing.NDArray[numpy.float64], coefficients: numpy.typing.NDArray[numpy.float64], n_features: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class Network64:
    @staticmethod
    def bytes(route: str, update: str, n_features: typing.SupportsInt | typing.SupportsIndex, n_items: typing.SupportsInt | typing.SupportsIndex, n_inputs: typing.SupportsInt | typing.SupportsIndex, hidden: typing.SupportsInt | typing.SupportsIndex, threads: typing.SupportsInt | typing.SupportsIndex, processes: typing.SupportsInt | typing.SupportsIndex) -> float:
        """
        Bytes that a network of these sizes takes at the most.
        """
    def __init__(self, data: TrainingSet64, route: str, update: str, hidden: typing.SupportsInt | typing.SupportsIndex, rate: typing.SupportsFloat | typing.SupportsIndex, order: str, key: typing.SupportsInt | typing.SupportsIndex, given: numpy.typing.NDArray[numpy.int64], shift: typing.SupportsInt | typing.SupportsIndex, rank: typing.SupportsInt | typing.SupportsIndex = 0, ranks: typing.SupportsInt | typing.SupportsIndex = 1, gather: typing.Any = None) -> None:
        """
        All weights are 0 at first.
        """
    def begin(self, position: typing.SupportsInt | typing.SupportsIndex, stop: StopFlag) -> bool:
        """
        Stand at a position with the weights that have been written. False if it was stopped: then to be called again.
        """
    def lower(self) -> numpy.typing.NDArray[numpy.float64]:
        ...
    def record(self, presentations: numpy.typing.NDArray[numpy.int64], *, threads: typing.SupportsInt | typing.SupportsIndex, stop: StopFlag, mode_strengths: numpy.typing.NDArray[numpy.float64] | None = None, loss: numpy.typing.NDArray[numpy.float64] | None = None, hidden: numpy.typing.NDArray[numpy.float64] | None = None, lower: numpy.typing.NDArray[numpy.float64] | None = None, w32: numpy.typing.NDArray[numpy.float64] | None = None) -> tuple[int, str]:
        """
        Advance to each presentation in turn and write what is asked for into row t of the arrays given.
        """
    def set_order(self, order: str, key: typing.SupportsInt | typing.SupportsIndex, given: numpy.typing.NDArray[numpy.int64], shift: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def set_rate(self, rate: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    def set_state(self, position: typing.SupportsInt | typing.SupportsIndex, w32_norm: typing.SupportsFloat | typing.SupportsIndex, lower_norm: typing.SupportsFloat | typing.SupportsIndex) -> None:
        """
        Go back to a state whose weights the network has been made with.
        """
    def state(self) -> tuple[int, int, float, float, numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
        """
        What a network goes on from to the last bit: position, until, norms, lower layer, W32.
        """
    def views(self) -> tuple[numpy.typing.NDArray[numpy.float64], numpy.typing.NDArray[numpy.float64]]:
        """
        The lower layer and W32 in their place. After writing to them, call weights_changed.
        """
    def w32(self) -> numpy.typing.NDArray[numpy.float64]:
        ...
    def weights_changed(self) -> tuple[float, float]:
        """
        The norms of W32 and of the lower layer, which are finite if all weights are.
        """
    @property
    def position(self) -> int:
        ...
    @property
    def reached(self) -> int:
        """
        Presentations so far, also of a call that is under way in another thread.
        """
    @property
    def standing(self) -> int:
        """
        The position when what a stopped call has begun is ended; it is not ended by this.
        """
class TrainingSet32:
    def __init__(self, outputs: numpy.typing.NDArray[numpy.float32], inputs: numpy.typing.NDArray[numpy.float32] | None, input_squares: numpy.typing.NDArray[numpy.float64], synthesizers: numpy.typing.NDArray[numpy.float32], coefficients: numpy.typing.NDArray[numpy.float64], n_features: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
class Network32:
    @staticmethod
    def bytes(route: str, update: str, n_features: typing.SupportsInt | typing.SupportsIndex, n_items: typing.SupportsInt | typing.SupportsIndex, n_inputs: typing.SupportsInt | typing.SupportsIndex, hidden: typing.SupportsInt | typing.SupportsIndex, threads: typing.SupportsInt | typing.SupportsIndex, processes: typing.SupportsInt | typing.SupportsIndex) -> float:
        """
        Bytes that a network of these sizes takes at the most.
        """
    def __init__(self, data: TrainingSet32, route: str, update: str, hidden: typing.SupportsInt | typing.SupportsIndex, rate: typing.SupportsFloat | typing.SupportsIndex, order: str, key: typing.SupportsInt | typing.SupportsIndex, given: numpy.typing.NDArray[numpy.int64], shift: typing.SupportsInt | typing.SupportsIndex, rank: typing.SupportsInt | typing.SupportsIndex = 0, ranks: typing.SupportsInt | typing.SupportsIndex = 1, gather: typing.Any = None) -> None:
        """
        All weights are 0 at first.
        """
    def begin(self, position: typing.SupportsInt | typing.SupportsIndex, stop: StopFlag) -> bool:
        """
        Stand at a position with the weights that have been written. False if it was stopped: then to be called again.
        """
    def lower(self) -> numpy.typing.NDArray[numpy.float32]:
        ...
    def record(self, presentations: numpy.typing.NDArray[numpy.int64], *, threads: typing.SupportsInt | typing.SupportsIndex, stop: StopFlag, mode_strengths: numpy.typing.NDArray[numpy.float64] | None = None, loss: numpy.typing.NDArray[numpy.float64] | None = None, hidden: numpy.typing.NDArray[numpy.float32] | None = None, lower: numpy.typing.NDArray[numpy.float32] | None = None, w32: numpy.typing.NDArray[numpy.float32] | None = None) -> tuple[int, str]:
        """
        Advance to each presentation in turn and write what is asked for into row t of the arrays given.
        """
    def set_order(self, order: str, key: typing.SupportsInt | typing.SupportsIndex, given: numpy.typing.NDArray[numpy.int64], shift: typing.SupportsInt | typing.SupportsIndex) -> None:
        ...
    def set_rate(self, rate: typing.SupportsFloat | typing.SupportsIndex) -> None:
        ...
    def set_state(self, position: typing.SupportsInt | typing.SupportsIndex, w32_norm: typing.SupportsFloat | typing.SupportsIndex, lower_norm: typing.SupportsFloat | typing.SupportsIndex) -> None:
        """
        Go back to a state whose weights the network has been made with.
        """
    def state(self) -> tuple[int, int, float, float, numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
        """
        What a network goes on from to the last bit: position, until, norms, lower layer, W32.
        """
    def views(self) -> tuple[numpy.typing.NDArray[numpy.float32], numpy.typing.NDArray[numpy.float32]]:
        """
        The lower layer and W32 in their place. After writing to them, call weights_changed.
        """
    def w32(self) -> numpy.typing.NDArray[numpy.float32]:
        ...
    def weights_changed(self) -> tuple[float, float]:
        """
        The norms of W32 and of the lower layer, which are finite if all weights are.
        """
    @property
    def position(self) -> int:
        ...
    @property
    def reached(self) -> int:
        """
        Presentations so far, also of a call that is under way in another thread.
        """
    @property
    def standing(self) -> int:
        """
        The position when what a stopped call has begun is ended; it is not ended by this.
        """
def gram(branching: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], threshold: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], key: typing.SupportsInt | typing.SupportsIndex, first: typing.SupportsInt | typing.SupportsIndex, n: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.int64], threads: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Fill out with Y^T Y of n features from first on.
    """
def instruction_set() -> str:
    ...
def philox(counter: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(4)"], key: typing.Annotated[collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], "FixedSize(2)"]) -> typing.Annotated[list[int], "FixedSize(4)"]:
    """
    The four 32-bit words of Philox4x32-10.
    """
def rows_of(n_features: typing.SupportsInt | typing.SupportsIndex, rank: typing.SupportsInt | typing.SupportsIndex, ranks: typing.SupportsInt | typing.SupportsIndex) -> tuple[int, int]:
    """
    The rows of W32 that one of several processes has.
    """
@typing.overload
def sample(branching: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], threshold: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], key: typing.SupportsInt | typing.SupportsIndex, first: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.int8], threads: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Fill out with features first .. first + len(out) - 1 of the branching diffusion.
    """
@typing.overload
def sample(branching: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], threshold: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], key: typing.SupportsInt | typing.SupportsIndex, first: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float32], threads: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Fill out with features first .. first + len(out) - 1 of the branching diffusion.
    """
@typing.overload
def sample(branching: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], threshold: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], key: typing.SupportsInt | typing.SupportsIndex, first: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.float64], threads: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Fill out with features first .. first + len(out) - 1 of the branching diffusion.
    """
def sample_bits(branching: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], threshold: collections.abc.Sequence[typing.SupportsInt | typing.SupportsIndex], key: typing.SupportsInt | typing.SupportsIndex, first: typing.SupportsInt | typing.SupportsIndex, n: typing.SupportsInt | typing.SupportsIndex, out: numpy.typing.NDArray[numpy.uint64], threads: typing.SupportsInt | typing.SupportsIndex) -> None:
    """
    Fill out with n features from first on, one bit each.
    """
def thread_limit() -> int:
    """
    The limit that threadpoolctl has set in the calling thread, 0 for none; kept by pylinear_set_num_threads.
    """
build: str
longest_block: int = 128
version: str
