"""Workers of multiprocessing, which end without an exit: what their connections hold beside chronyd's socket goes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.daemon import Daemon

pytestmark = pytest.mark.blocking_only("threads that block in calls; tests/aio/test_processes.py has the loops'")

PATIENCE = 60.0
STARTS = ["fork", "forkserver", "spawn"]

#: A program with an open connection for itself and for its workers, whether they inherit it or import the program.
PROGRAM = """
import sys, time
from pychrony import ChronyConnection

connection = ChronyConnection(sys.argv[1])
connection.__enter__()

# The import is here, so that the connection was opened before it.
import multiprocessing, threading
from concurrent.futures import ProcessPoolExecutor

def read(_):
    return connection.get_tracking().stratum

def read_on(_):
    threading.Thread(target=lambda: [(read(0), time.sleep(0.01)) for _ in range(30)]).start()

def one_task_workers(context):
    pool = context.Pool(4, maxtasksperchild=1)
    assert pool.map(read, range(40), chunksize=1) == [2] * 40
    pool.close()
    pool.join()

def executor(context):
    # The parent's connection knows of multiprocessing before there is a worker.
    read(0)
    with ProcessPoolExecutor(4, mp_context=context) as workers:
        assert list(workers.map(read, range(40))) == [2] * 40

def process(context, target=read):
    workers = [context.Process(target=target, args=(0,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4

def thread_that_outlives_its_task(context):
    process(context, read_on)

if __name__ == "__main__":
    globals()[sys.argv[3]](multiprocessing.get_context(sys.argv[2]))
    assert connection.get_tracking().stratum == 2
    print("done")
"""


@pytest.mark.parametrize("workers", ["one_task_workers", "executor", "process", "thread_that_outlives_its_task"])
@pytest.mark.parametrize("start_method", STARTS)
def test_workers_leave_nothing(start_method: str, workers: str, many: Daemon, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    command = [sys.executable, "-W", "error", str(program), many.socket, start_method, workers]
    done = subprocess.run(command, text=True, capture_output=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    assert many.leftovers() == []
