"""Writes while the file system fails, and prints as JSON what came of it.

Run as a script with the name of a case, a folder, and what is to go wrong. With faults.c preloaded, each call that
touches the folder fails once, in turn: "calls"; or those that change something: "changes". "full": the folder is a
small file system of its own, with more and more room. "limit": no file may be larger than so many bytes.
"""

import contextlib
import ctypes
import errno
import functools
import itertools
import json
import os
import resource
import sys
import warnings
from collections import Counter
from pathlib import Path

import faulty_cases
from processes import empty

# What calls fail with, in turn.
ERRORS = (errno.EIO, errno.EACCES, errno.ENOSPC)
# Kinds of calls in faults.c.
LOOKS, CHANGES, WRITES = range(3)
BYTES = tuple(range(0, 49_152, 4096))


def failing_calls(folder, least):
    """Yield what lets one call after the other fail, and then what cuts one write after the other in half."""
    faults = ctypes.CDLL(None)
    faults.faults_where.restype = ctypes.c_char_p

    @contextlib.contextmanager
    def failing(n, error, kind):
        faults.faults_begin(str(folder).encode(), n, error, kind)
        try:
            yield
        finally:
            faults.faults_end()

    def where():
        place = faults.faults_where().decode()
        return f"{errno.errorcode.get(error, 'half')} from {place}" if place else None

    for kind, errors in ((least, ERRORS), (WRITES, (0,))):
        for n, error in enumerate(itertools.cycle(errors), start=1):
            yield failing(n, error, kind), where
            if faults.faults_seen() < n:
                break


def full_disks(folder):
    """Yield what leaves so many bytes free in the folder, a file system of its own."""

    @contextlib.contextmanager
    def filled(free):
        filler = folder / "filler"
        state = os.statvfs(folder)
        with filler.open("wb") as file:
            os.posix_fallocate(file.fileno(), 0, max(1, state.f_bavail * state.f_frsize - free))
        try:
            yield
        finally:
            filler.unlink()

    for free in BYTES:
        yield filled(free), lambda n=free: f"{n} bytes free"


def size_limits(_):
    """Yield what keeps files from becoming larger than so many bytes."""
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)

    @contextlib.contextmanager
    def limited(size):
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, most))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (most, most))

    for size in BYTES:
        yield limited(size), lambda n=size: f"at most {n} bytes"


MISHAPS = {
    "calls": functools.partial(failing_calls, least=LOOKS),
    "changes": functools.partial(failing_calls, least=CHANGES),
    "full": full_disks,
    "limit": size_limits,
}


def names(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


class Attempts:
    """One case, tried with one mishap after the other.

    Attributes
    ----------
    came_of : Counter
        How many mishaps have led to an "error", a "warning" or "nothing".
    wrong : list of str
        What should not have been.
    """

    def __init__(self, case, folder):
        self._case, self._folder = case, folder
        self.came_of, self.wrong = Counter(), []
        self._begin()
        self._old = case.state()
        case.act()
        self._new, self._names = case.state(), names(folder)

    def _begin(self):
        empty(self._folder)
        self._case.before()

    def attempt(self, mishap, where):
        """Act while something goes wrong, look what has become of it, and act again."""
        self._begin()
        files = open_files()
        outcome, said = self._outcome(mishap)
        place = where()
        if place is None:  # there was nothing left to go wrong
            return
        self.came_of[outcome] += 1
        self.wrong += [f"{place}: {x}" for x in self._complaints(outcome, said, files)]

    def _outcome(self, mishap):
        with warnings.catch_warnings(record=True) as warned:
            warnings.simplefilter("always")
            try:
                with mishap:
                    self._case.act()
            except OSError as error:
                return "error", str(error)
            except Exception as error:
                return f"{type(error).__name__}", str(error)
        return ("warning", str(warned[0].message)) if warned else ("nothing", "")

    def _complaints(self, outcome, said, files):
        if outcome not in {"error", "warning", "nothing"}:
            yield f"{outcome}, which is no OSError: {said}"
        if outcome != "nothing" and str(self._folder) not in said:
            yield f"no path in: {said}"
        try:
            found = self._case.state()
            if outcome == "nothing" and found != self._new:
                yield "neither an error nor what was to be written"
            elif not self._case.intact(found, self._old, self._new):
                yield "neither what was there nor what was to be written"
            self._case.act()
            if self._case.state() != self._new:
                yield "the next attempt has written something else"
        except Exception as error:
            yield f"afterwards {type(error).__name__}: {error}"
        if names(self._folder) != self._names:
            yield f"stray files {set(names(self._folder)) ^ set(self._names)}"
        if open_files() > files:
            yield f"{open_files() - files} files left open"


def open_files():
    return len(os.listdir("/proc/self/fd"))


def main(name, place, mishap):
    folder = Path(place)
    attempts = Attempts(faulty_cases.CASES[name](folder), folder)
    for one, where in MISHAPS[mishap](folder):
        attempts.attempt(one, where)
    print(json.dumps({"came_of": attempts.came_of, "wrong": attempts.wrong}), file=sys.__stdout__)


if __name__ == "__main__":
    main(*sys.argv[1:])
