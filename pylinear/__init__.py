"""Learning in deep linear networks: online simulation, theory, and the gap between them."""

from typing import TYPE_CHECKING, Any

from pylinear import _threads, theory
from pylinear._dataset import Dataset, Modes, toy
from pylinear._engine import EngineMissingError
from pylinear._files import FileError, FileWarning
from pylinear._gap import Gap, gap
from pylinear._gap_order import GapOrder, Power, gap_order
from pylinear._info import info
from pylinear._initial import Balanced, Decoupled, Gaussian, Weights
from pylinear._read_table import read_table
from pylinear._recording import ZarrRecorder
from pylinear._reduction import Reduction
from pylinear._run import Run, TrainingInterrupted
from pylinear._simulation import Simulation
from pylinear._theories import AssumptionWarning, Curves
from pylinear._train import train
from pylinear._tree import Tree
from pylinear._tree_statistics import SingularValueStatistics

if TYPE_CHECKING:
    from pylinear._sweep import sweep

_threads.register()

__all__ = [
    "AssumptionWarning",
    "Balanced",
    "Curves",
    "Dataset",
    "Decoupled",
    "EngineMissingError",
    "FileError",
    "FileWarning",
    "Gap",
    "GapOrder",
    "Gaussian",
    "Modes",
    "Power",
    "Reduction",
    "Run",
    "Simulation",
    "SingularValueStatistics",
    "TrainingInterrupted",
    "Tree",
    "Weights",
    "ZarrRecorder",
    "gap",
    "gap_order",
    "info",
    "read_table",
    "sweep",
    "theory",
    "toy",
    "train",
]


def __getattr__(name: str) -> Any:
    # What it loads takes as long as all the rest.
    if name == "sweep":
        from pylinear._sweep import sweep

        return sweep
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
