"""A program with an open connection that its workers use, too: `workers.py ADDRESS START_METHOD CASE`."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from pychrony import ChronyConnection

if TYPE_CHECKING:
    from multiprocessing.context import ForkContext, ForkServerContext, SpawnContext

    Context = ForkContext | ForkServerContext | SpawnContext

# Forked workers inherit the connection. Others import this program, and so open their own.
connection = ChronyConnection(sys.argv[1])
connection.__enter__()

# Imported after the connection was opened.
import multiprocessing  # noqa: E402
from concurrent.futures import ProcessPoolExecutor  # noqa: E402


def read(_: int) -> int:
    return connection.get_tracking().stratum


def read_on(_: int) -> None:
    """Return while a thread still reads."""

    def read_often() -> None:
        for _ in range(30):
            read(0)
            time.sleep(0.01)

    threading.Thread(target=read_often).start()


def one_task_workers(context: Context) -> None:
    pool = context.Pool(4, maxtasksperchild=1)
    assert pool.map(read, range(40), chunksize=1) == [2] * 40
    pool.close()
    pool.join()


def executor(context: Context) -> None:
    # This call registers with multiprocessing before there is a worker.
    read(0)
    with ProcessPoolExecutor(4, mp_context=context) as workers:
        assert list(workers.map(read, range(40))) == [2] * 40


def process(context: Context, target: Callable[[int], object] = read) -> None:
    workers = [context.Process(target=target, args=(0,)) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4


def thread_that_outlives_its_task(context: Context) -> None:
    process(context, read_on)


if __name__ == "__main__":
    globals()[sys.argv[3]](multiprocessing.get_context(sys.argv[2]))
    assert read(0) == 2
    print("done")
