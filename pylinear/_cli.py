"""The command line: data to stdout, progress to stderr."""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from pylinear._engine import EngineMissingError
from pylinear._info import info


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command and return its exit status."""
    arguments = _parser().parse_args(argv)
    commands = {"demo": lambda: _demo(arguments.out), "figures": lambda: _figures(arguments.out), "info": _info}
    try:
        return commands[arguments.command]()
    except KeyboardInterrupt:
        print("pylinear: interrupted", file=sys.stderr)
        return 130
    except (EngineMissingError, OSError, MemoryError, ValueError) as error:
        print(f"pylinear: {error}", file=sys.stderr)
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
    commands.add_parser("info", help="version, engines, instruction set, build, threads, libraries")
    return parser


def _demo(folder: Path) -> int:
    from pylinear._demo import run_demo

    began = time.perf_counter()
    result, written = run_demo(folder, lambda line: print(line, file=sys.stderr))
    print(result)
    print(f"Wrote {', '.join(written)} to {folder}/ in {time.perf_counter() - began:.1f} s.", file=sys.stderr)
    return 0


def _figures(folder: Path) -> int:
    from pylinear._figures import write_figures

    began = time.perf_counter()
    for name in write_figures(folder, lambda line: print(line, file=sys.stderr)):
        print(folder / name)
    print(f"Done in {time.perf_counter() - began:.1f} s.", file=sys.stderr)
    return 0


def _info() -> int:
    for name, value in info().items():
        print(f"{name}: {', '.join(value) if isinstance(value, tuple) else value}")
    return 0
