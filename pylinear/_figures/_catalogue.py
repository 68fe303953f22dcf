"""All pictures, in the order in which they are written."""

from __future__ import annotations

from pathlib import Path

from pylinear._figures import _gaps, _notes, _paper
from pylinear._figures._write import Picture, Say, write_pictures

PICTURES: tuple[Picture, ...] = (*_paper.PICTURES, *_notes.PICTURES, *_gaps.PICTURES)


def write_figures(folder: Path, say: Say) -> list[str]:
    """Write NAME.csv of every picture into `folder`, and with matplotlib NAME.png and NAME.svg; return the names."""
    return write_pictures(PICTURES, folder, say)
