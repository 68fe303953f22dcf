"""Scripts of this folder in processes of their own, and the folders that they write in."""

import os
import shutil
import subprocess
import sys


def started(script, *arguments, before=(), environment=(), **options):
    """Start a script in a Python of its own that imports what this one does; what it prints is text in a pipe."""
    return subprocess.Popen(
        [*before, sys.executable, "-P", "-W", "ignore", script, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **dict(environment)},
        stdout=subprocess.PIPE,
        text=True,
        **options,
    )


def empty(folder):
    for path in folder.iterdir():
        shutil.rmtree(path) if path.is_dir() else path.unlink()
