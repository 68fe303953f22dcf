"""Processes of our own that compute calls, for as long as one call of the caller lasts."""

from __future__ import annotations

import contextlib
import os
import pickle
import struct
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import BrokenExecutor, Future, ThreadPoolExecutor
from io import TextIOWrapper
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


_LENGTH = struct.Struct("<Q")
# Before it may stand whatever is printed while Python starts, as by a sitecustomize.
_READY = b"\0pylinear is ready\0"


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
        call = pickle.dumps((function, arguments))
        process = self._process()
        try:
            _send(call, process.stdin)
            answer = _receive(process.stdout)
        except (EOFError, OSError):
            raise WorkerDiedError(f"its process ended, {_end_of(process)}") from None
        succeeded, outcome = pickle.loads(answer)
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
            try:
                process = subprocess.Popen(
                    [sys.executable, "-P", "-c", _BEGIN], stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
            except OSError as error:
                raise BrokenExecutor(f"a worker process could not begin: {error}") from error
            self._processes.append(process)
        try:
            _write(pickle.dumps(sys.path), process.stdin)
            _skip_to_ready(process.stdout)
        except (EOFError, OSError):
            raise BrokenExecutor(f"a worker process could not begin: it ended, {_end_of(process)}") from None
        return process


def _send(message: bytes, pipe: IO[bytes] | None) -> None:
    """Write a message after its length: nothing of one that cannot be made is sent, nor believed if it is cut short."""
    _write(_LENGTH.pack(len(message)), pipe)
    _write(message, pipe)


def _write(content: bytes, pipe: IO[bytes] | None) -> None:
    assert pipe is not None
    pipe.write(content)
    pipe.flush()


def _receive(pipe: IO[bytes] | None) -> bytes:
    """Return the next message; EOFError if there is none, or not all of it."""
    (length,) = _LENGTH.unpack(_read(pipe, _LENGTH.size))
    return _read(pipe, length)


def _skip_to_ready(pipe: IO[bytes] | None) -> None:
    last = b""
    while last != _READY:
        last = last[1 - len(_READY) :] + _read(pipe, 1)


def _read(pipe: IO[bytes] | None, length: int) -> bytes:
    assert pipe is not None
    content = pipe.read(length)
    if len(content) < length:
        raise EOFError
    return content


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
    try:
        os.dup2(2, 1)
    except OSError:  # stderr is closed
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    if isinstance(sys.stdout, TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)  # no line is lost, however the process ends
    calls: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_listen, args=(calls,), daemon=True).start()
    _write(_READY, answers)
    while True:
        _send(_answer(calls.get()), answers)


def _listen(calls: SimpleQueue[bytes]) -> None:
    try:
        while True:
            calls.put(_receive(sys.stdin.buffer))
    except EOFError:
        # The caller is gone; a result that is under way has nobody to go to.
        os._exit(0)
    finally:
        # Without this thread, both would wait for ever.
        os._exit(1)


def _answer(call: bytes) -> bytes:
    try:
        function, arguments = _opened(call)
        return pickle.dumps((True, function(*arguments)))
    except BaseException as error:
        where = "".join(traceback.format_exception(error))
        error.add_note(f"In a worker process:\n{where}")
        with contextlib.suppress(Exception):
            answer = pickle.dumps((False, error))
            pickle.loads(answer)  # some errors can be sent and not received
            return answer
        return pickle.dumps((False, RuntimeError(where)))


def _opened(call: bytes) -> Any:
    try:
        return pickle.loads(call)
    except (AttributeError, ImportError) as error:
        raise TypeError(
            f"arguments must be of classes in modules that other processes can import, not in the script: {error}"
        ) from error
