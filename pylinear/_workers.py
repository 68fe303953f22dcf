"""Processes of our own that compute calls, for as long as one call of the caller lasts."""

from __future__ import annotations

import contextlib
import os
import pickle
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Any, Self

# Ctrl-C is the caller's to answer, from the first moment on.
_BEGIN = """\
import signal
signal.signal(signal.SIGINT, signal.SIG_IGN)
import pickle, sys
sys.path[:] = pickle.load(sys.stdin.buffer)
from pylinear._workers import serve
serve()
"""


class WorkerDiedError(RuntimeError):
    """Raised in place of a result by a call whose process ended before it did."""


class Workers:
    """So many processes, each with a thread that hands it one call after the other.

    A process that ends costs the call that it was computing, and is replaced with the next. They are plain new
    interpreters. A fork would copy the locks that threads of numpy's and of our own hold at that moment. What
    multiprocessing starts otherwise runs the caller's main script once more, which scripts without a guard, from
    standard input or in notebooks do not stand. And its pools end with the first process that does.
    """

    def __init__(self, count: int) -> None:
        self._threads = ThreadPoolExecutor(count)
        self._own = threading.local()
        self._lock = threading.Lock()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._closed = False

    def submit(self, function: Callable[..., Any], /, *arguments: Any) -> Future[Any]:
        """Return the future result of a call, whose function can be imported."""
        return self._threads.submit(self._call, function, arguments)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        """End all processes, whatever they are computing."""
        with self._lock:
            self._closed = True
            for process in self._processes:
                process.kill()
        self._threads.shutdown(cancel_futures=True)
        for process in self._processes:
            _close(process)

    def _call(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        process = self._process()
        try:
            _send((function, arguments), process.stdin)
            succeeded, outcome = _receive(process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            raise WorkerDiedError(f"its process ended, {_end_of(process)}") from None
        if not succeeded:
            raise outcome
        return outcome

    def _process(self) -> subprocess.Popen[bytes]:
        """Return the process of this thread, begun where there is none."""
        process: subprocess.Popen[bytes] | None = getattr(self._own, "process", None)
        if process is None or process.poll() is not None:
            process = self._own.process = self._begun()
        return process

    def _begun(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise BrokenExecutor("the worker processes have been ended")
            process = subprocess.Popen(
                [sys.executable, "-P", "-c", _BEGIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
            )
            self._processes.append(process)
        try:
            _send(sys.path, process.stdin)
            _receive(process.stdout)
        except (EOFError, OSError, pickle.UnpicklingError):
            raise BrokenExecutor(f"a worker process could not begin: it ended, {_end_of(process)}") from None
        return process


def _send(what: object, pipe: IO[bytes] | None) -> None:
    assert pipe is not None
    pickle.dump(what, pipe)
    pipe.flush()


def _receive(pipe: IO[bytes] | None) -> Any:
    assert pipe is not None
    return pickle.load(pipe)


def _end_of(process: subprocess.Popen[bytes]) -> str:
    """Return how a process ended that did not answer."""
    try:
        status = process.wait(timeout=10)
    except subprocess.TimeoutExpired:
        process.kill()
        status = process.wait()
    return f"killed by signal {-status}" if status < 0 else f"with status {status}"


def _close(process: subprocess.Popen[bytes]) -> None:
    process.wait()
    for pipe in (process.stdin, process.stdout):
        # What had not been sent to a process that has ended.
        with contextlib.suppress(OSError):
            assert pipe is not None
            pipe.close()


def serve() -> None:
    """Compute calls as they come, until the caller is gone."""
    answers = os.fdopen(os.dup(1), "wb")
    # Whatever is printed must not come between the answers.
    os.dup2(2, 1)
    calls: SimpleQueue[tuple[Callable[..., Any], tuple[Any, ...]]] = SimpleQueue()
    threading.Thread(target=_listen, args=(calls,), daemon=True).start()
    _send("ready", answers)
    while True:
        function, arguments = calls.get()
        answers.write(_answer(function, arguments))
        answers.flush()


def _listen(calls: SimpleQueue[Any]) -> None:
    try:
        while True:
            calls.put(_receive(sys.stdin.buffer))
    except EOFError:
        # The caller is gone; a result that is under way has nobody to go to.
        os._exit(0)


def _answer(function: Callable[..., Any], arguments: tuple[Any, ...]) -> bytes:
    try:
        return pickle.dumps((True, function(*arguments)))
    except BaseException as error:
        where = "".join(traceback.format_exception(error))
        error.add_note(f"In a worker process:\n{where}")
        with contextlib.suppress(Exception):
            answer = pickle.dumps((False, error))
            pickle.loads(answer)  # some errors can be sent and not received
            return answer
        return pickle.dumps((False, RuntimeError(where)))
