import operator
import os
import pickle
import signal
import subprocess
import sys
from concurrent.futures import BrokenExecutor

import pytest

import mishaps
from pylinear import _workers
from pylinear._workers import WorkerDiedError, Workers


def test_calls_are_computed_in_processes_that_end_with_the_caller_s_block():
    with Workers(2) as workers:
        first = [workers.submit(os.getpid) for _ in range(20)]
        pids = {future.result() for future in first}
        assert workers.submit(operator.add, 2, 3).result() == 5
        assert os.getpid() not in pids
        assert len(pids) <= 2
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)
    with pytest.raises(RuntimeError, match="cannot schedule new futures"):
        workers.submit(os.getpid)


def test_what_a_call_raises_comes_back_with_where_it_was():
    with Workers(1) as workers:
        with pytest.raises(ZeroDivisionError) as caught:
            workers.submit(operator.truediv, 1, 0).result()
        assert "In a worker process" in caught.value.__notes__[0]
        with pytest.raises(RuntimeError, match="FussyError: 1 and 2"):
            workers.submit(mishaps.fussy).result()
        assert workers.submit(operator.add, 2, 3).result() == 5


def test_what_a_call_prints_does_not_come_between_the_answers(capfd):
    with Workers(1) as workers:
        workers.submit(mishaps.printing).result()
        assert workers.submit(operator.add, 2, 3).result() == 5
    assert capfd.readouterr().err == "a line on stdout\nand another\n"


def test_a_process_that_ends_costs_its_call_and_is_replaced():
    with Workers(1) as workers:
        with pytest.raises(WorkerDiedError, match="its process ended, with status 3"):
            workers.submit(mishaps.ending).result()
        pid = workers.submit(os.getpid).result()
        os.kill(pid, signal.SIGKILL)
        [process] = [x for x in workers._processes if x.pid == pid]
        process.wait()
        assert workers.submit(os.getpid).result() != pid  # found dead before the call was handed over


def test_ctrl_c_is_the_caller_s_to_answer(capfd):
    with Workers(1) as workers:
        pid = workers.submit(os.getpid).result()
        os.kill(pid, signal.SIGINT)
        assert workers.submit(os.getpid).result() == pid
    assert capfd.readouterr().err == ""


def test_processes_that_cannot_begin_are_said_to_be_so(monkeypatch, capfd):
    monkeypatch.setattr(_workers, "_BEGIN", "import sys; sys.exit('no such module')")
    with Workers(1) as workers, pytest.raises(BrokenExecutor, match="could not begin: it ended, with status 1"):
        workers.submit(os.getpid).result()
    assert "no such module" in capfd.readouterr().err


@pytest.mark.timeout(30)
def test_processes_end_when_their_caller_is_killed():
    code = "import os, time\nfrom pylinear._workers import Workers\nworkers = Workers(1)\n"
    code += "print(workers.submit(os.getpid).result(), flush=True)\nworkers.submit(time.sleep, 100)\ntime.sleep(100)"
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen([sys.executable, "-c", code], text=True, **pipes) as caller:
        assert int(caller.stdout.readline()) != caller.pid
        caller.kill()
        # The last of all processes that share it closes it.
        assert caller.stderr.read() == ""


@pytest.mark.timeout(30)
def test_a_call_that_cannot_be_opened_is_answered_with_what_is_wrong():
    # As of a class in the caller's script.
    code = "import pylinear as pl\nfrom pylinear._workers import Workers\nclass Mine(pl.Gaussian): pass\n"
    code += "with Workers(1) as workers:\n    print(workers.submit(repr, Mine(1.0)).exception())\n"
    code += "    print(workers.submit(repr, 3).result())\n"
    printed = subprocess.run([sys.executable, "-P", "-c", code], text=True, capture_output=True, check=True)
    said, other = printed.stdout.splitlines()
    assert said.startswith("arguments must be of classes in modules that other processes can import, not in the script")
    assert "Mine" in said
    assert other == "3"


def test_a_call_that_cannot_be_sent_leaves_nothing_in_the_pipe():
    with Workers(1) as workers:
        pid = workers.submit(os.getpid).result()
        with pytest.raises((pickle.PicklingError, AttributeError, TypeError)):
            workers.submit(list, [f"k{i}" for i in range(100_000)], lambda: None).result()
        assert workers.submit(list, ["same"] * 3).result() == ["same"] * 3
        assert workers.submit(os.getpid).result() == pid


@pytest.mark.timeout(30)
def test_a_call_that_is_cut_short_ends_the_process():
    command = [sys.executable, "-P", "-c", _workers._BEGIN]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        _workers._write(pickle.dumps(sys.path), process.stdin)
        _workers._skip_to_ready(process.stdout)
        call = pickle.dumps((repr, ("a" * 1000,)))
        _workers._write(_workers._LENGTH.pack(len(call)) + call[:500], process.stdin)
        process.stdin.close()
        assert process.wait() == 0
        assert process.stdout.read() == process.stderr.read() == b""


@pytest.mark.timeout(30)
def test_a_process_that_can_listen_no_more_ends():
    with Workers(1) as workers:
        workers.submit(os.getpid).result()
        [process] = workers._processes
        _workers._write(_workers._LENGTH.pack(2**62), process.stdin)  # no memory for what is said to come
        assert process.wait() == 1


@pytest.mark.timeout(30)
def test_what_is_printed_as_python_starts_does_not_matter(tmp_path, monkeypatch):
    text = "import os\nprint('started')\nos.write(1, b'a line of more than eight bytes\\n' * 3)\n"
    (tmp_path / "sitecustomize.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *map(os.path.abspath, sys.path)]))
    with Workers(1) as workers:
        assert workers.submit(operator.add, 2, 3).result() == 5


def test_processes_that_the_system_refuses_are_the_end(monkeypatch):
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with Workers(1) as workers, pytest.raises(BrokenExecutor, match=r"a worker process could not begin: .*nowhere"):
        workers.submit(os.getpid).result()
