"""The command line: data to stdout, progress to stderr."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sys
import time
import warnings
from collections.abc import Sequence
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any, TextIO

from pylinear._engine import EngineMissingError
from pylinear._experiment import DEFAULTS
from pylinear._experiment_file import EXAMPLE
from pylinear._files import FileWarning
from pylinear._info import info
from pylinear._run import TrainingInterrupted
from pylinear._theories import AssumptionWarning

_COLUMNS = """\
the first table's columns, each of which assumes less than the one before:
  (10), s of (13)     the paper's sigmoid, with the association strengths of infinitely many features of the tree
  (10), paper's a0    the same with the data's own strengths, and one expected initial strength for all modes
  (10), effective a0  the same with the initial strength that each mode of each network really has
  flow (7)-(8)        all weights in continuous time, from the network's own
  modified flow       the same, to first order in the learning rate
the second table's first columns are what each step from one to the next is worth, its last what remains of the rate.
"""

_FILE = f"""\
an experiment in a file, as an example:

{EXAMPLE}"""

# Errors that are a sentence to the user.
_SAID = EngineMissingError, ImportError, OSError, MemoryError, RuntimeError, ValueError


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = _parser().parse_args(argv)
    commands = {
        "demo": lambda: _demo(arguments.out),
        "figures": lambda: _figures(arguments.out),
        "gap": lambda: _gap(arguments),
        "info": lambda: _info(as_json=arguments.json),
        "sweep": lambda: _sweep(arguments),
        "train": lambda: _train(arguments),
    }
    try:
        with warnings.catch_warnings(action="always", category=AssumptionWarning):
            warnings.simplefilter("always", FileWarning)
            warnings.showwarning = partial(_warn, warnings.showwarning)
            _check_folder(getattr(arguments, "out", None))
            status = commands[arguments.command]()
            _flush()
            return status
    except TrainingInterrupted as interrupt:
        resume = "" if interrupt.checkpoint is None else f"; the same command goes on from {interrupt.checkpoint}"
        _say(f"pylinear: interrupted{resume}")
        return 130
    except KeyboardInterrupt as interrupt:
        _say(f"pylinear: interrupted{f'; {interrupt}' if str(interrupt) else ''}")
        return 130
    except BrokenPipeError:
        # Whoever reads the output has seen enough.
        _drop(sys.stdout)
        return 0
    except _SAID as error:
        _say(f"pylinear: {_sentence(error)}")
        with contextlib.suppress(OSError):
            _flush()
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="pylinear", description="Learning in deep linear networks.")
    parser.add_argument("--version", action="version", version=f"pylinear {version('pylinear-dynamics')}")
    commands = parser.add_subparsers(dest="command", required=True)
    demo = commands.add_parser("demo", help="the paper's Figure 3, learned online, and its gap to the theory")
    demo.add_argument("--out", type=Path, default=Path("pylinear-demo"), help="folder for the results (%(default)s)")
    figures = commands.add_parser("figures", help="every figure, with its numbers")
    figures.add_argument(
        "--out", type=Path, default=Path("pylinear-figures"), help="folder for the files (%(default)s)"
    )
    _train_options(_command(commands, "train", "networks that learn; their mode strengths as CSV", _FILE))
    _sweep_options(_command(commands, "sweep", "many trainings; what is done is not repeated", _FILE))
    _gap_options(_command(commands, "gap", "learning, measured against the theory", f"{_COLUMNS}\n{_FILE}"))
    what = commands.add_parser("info", help="version, engines, instruction set, build, threads, libraries")
    what.add_argument("--json", action="store_true", help="as one JSON object")
    return parser


def _command(commands: Any, name: str, about: str, more: str) -> argparse.ArgumentParser:
    """Return the parser of one command, whose help ends with text as it is written."""
    form = argparse.RawDescriptionHelpFormatter
    added: argparse.ArgumentParser = commands.add_parser(name, help=about, epilog=more, formatter_class=form)
    return added


def _train_options(parser: argparse.ArgumentParser) -> None:
    _experiment_options(parser)
    parser.add_argument("--out", type=Path, help="folder for run.npz, mode_strengths.csv, loss.csv; else CSV to stdout")


def _sweep_options(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("file", type=Path, help="TOML: an experiment, and what varies")
    out = "folder for the trainings, and for mode_strengths.csv, loss.csv, sweep.nc (%(default)s)"
    parser.add_argument("--out", type=Path, default=Path("pylinear-sweep"), help=out)


def _gap_options(parser: argparse.ArgumentParser) -> None:
    _experiment_options(parser)
    parser.add_argument("--moves", action="store_true", help="also what each simplification of the flow costs alone")
    parser.add_argument("--out", type=Path, help="folder for tables and pictures; none by default")


def _experiment_options(parser: argparse.ArgumentParser) -> None:
    """Add what describes one training."""
    parser.add_argument(
        "table", nargs="?", type=Path, help="CSV: one row an item, one column a property; or TOML: an experiment"
    )
    parser.add_argument(
        "--delimiter", metavar="C", help=rf"what separates the table's cells, \t for tabs ({DEFAULTS['delimiter']})"
    )
    parser.add_argument("--tree", metavar="B,B,...", help="in place of a table: children at each level of a tree")
    parser.add_argument("--flip", type=float, help=f"flip probability on its branches ({DEFAULTS['flip']})")
    parser.add_argument("--features", type=int, help=f"features sampled from it ({DEFAULTS['features']:,})")
    parser.add_argument("--hidden", type=int, help=f"hidden units ({DEFAULTS['hidden']})")
    parser.add_argument("--scale", type=float, help=f"sd of the initial weights ({DEFAULTS['scale']})")
    parser.add_argument("--rate", type=float, help="learning rate (0.05 over the first association strength)")
    parser.add_argument("--epochs", type=float, help="epochs (until all but the weakest modes are learned)")
    parser.add_argument(
        "--order", choices=("reshuffled", "cyclic", "with_replacement", "batch"), help=f"({DEFAULTS['order']})"
    )
    parser.add_argument("--runs", type=int, help=f"networks ({DEFAULTS['runs']})")
    parser.add_argument("--rng", type=int, help=f"seed of features, weights and orders ({DEFAULTS['rng']})")


def _check_folder(folder: Path | None) -> None:
    """Raise, before anything is computed, if the results cannot be put into a folder."""
    if folder is None:
        return
    there = folder.absolute()
    while not there.exists() and there != there.parent:
        there = there.parent
    if not there.is_dir():
        raise NotADirectoryError(f"--out must be a folder, which {there} is not: give another")
    if not os.access(there, os.W_OK | os.X_OK):
        raise PermissionError(f"--out must be a folder that can be made or written, which {there} does not allow")


def _sentence(error: BaseException) -> str:
    """Return what is said of an error; of a file without the number that the system has for it."""
    if isinstance(error, OSError) and error.filename is not None and error.strerror:
        return f"{os.fspath(error.filename)!r}: {error.strerror}"
    return str(error) or type(error).__name__


def _flush() -> None:
    """Print what waits to be printed."""
    if sys.stdout is None:
        return
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:
        _drop(sys.stdout)
        raise OSError(f"not all can be printed: {error.strerror}") from error


def _drop(stream: TextIO) -> None:
    """See to it that what is left to be printed is not flushed, in vain and with a complaint, as Python ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _output() -> TextIO:
    """Return where results are printed; OSError if they cannot be."""
    if sys.stdout is None:
        raise OSError("the result cannot be printed: standard output is closed")
    return sys.stdout


def _say(line: str) -> None:
    """Print progress, or an error; where that cannot be, the work goes on without."""
    if sys.stderr is not None:  # print would take stdout in its place
        try:
            print(line, file=sys.stderr, flush=True)
        except OSError:
            _drop(sys.stderr)


def _warn(otherwise: Any, message: Warning | str, category: type[Warning], file: str, *place: Any) -> None:
    """Say what the package warns of without the line of code that did; leave other warnings to `otherwise`."""
    inside = Path(file).is_relative_to(Path(__file__).parent)
    if issubclass(category, AssumptionWarning | FileWarning) or (inside and issubclass(category, RuntimeWarning)):
        _say(f"pylinear: {message}")
    else:
        otherwise(message, category, file, *place)


def _demo(folder: Path) -> int:
    from pylinear._demo import run_demo

    began = time.perf_counter()
    result, written = run_demo(folder, _say)
    print(result)
    _say(f"Wrote {', '.join(written)} to {folder}/ in {time.perf_counter() - began:.1f} s.")
    return 0


def _figures(folder: Path) -> int:
    from pylinear._figures._catalogue import write_figures

    began = time.perf_counter()
    for name in write_figures(folder, _say):
        print(folder / name)
    _say(f"Done in {time.perf_counter() - began:.1f} s.")
    return 0


def _gap(options: argparse.Namespace) -> int:
    from pylinear._experiment import measure, write_gap

    # Of what is printed, files have all but the moves.
    if options.out is None or options.moves:
        _output()
    result = measure(options)
    print(result)
    if options.moves:
        print()
        print(result.moves_table())
    if options.out is not None:
        written = write_gap(result, options.out, _say)
        _say(f"Wrote {', '.join(written)} to {options.out}/.")
    return 0


def _train(options: argparse.Namespace) -> int:
    from pylinear._experiment import learned
    from pylinear._results import print_strengths, write_run

    began = time.perf_counter()
    if options.out is None:
        output = _output()
        run = learned(options, progress=True)
        print_strengths(run, output)
    else:
        checkpoint = options.out / "checkpoint.npz"
        run = learned(options, progress=True, checkpoint=checkpoint)
        written = write_run(run, options.out)
        checkpoint.unlink()
        for name in written:
            print(options.out / name)
    _say(f"{run} in {time.perf_counter() - began:.1f} s")
    return 0


def _sweep(options: argparse.Namespace) -> int:
    from pylinear._experiment_file import read
    from pylinear._results import write_sweep

    result = read(options.file).sweep(options.out / "tasks", progress=True)
    for name in write_sweep(result, options.out):
        print(options.out / name)
    return 0


def _info(*, as_json: bool) -> int:
    _output()
    if as_json:
        print(json.dumps(info(), indent=2))
        return 0
    for name, value in info().items():
        print(f"{name}: {', '.join(value) if isinstance(value, tuple) else value}")
    return 0
