"""A program whose parent and children use a connection: `forks.py CASE ADDRESS FOLDER SOURCES [ARGUMENT]`."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import sys
import threading
import warnings
from pathlib import Path

import common
from common import child, ended, sockets

import pychrony
from pychrony import ChronyConnection, _core, aio

warnings.simplefilter("ignore", DeprecationWarning)
ADDRESS, FOLDER, SOURCES = sys.argv[2], Path(sys.argv[3]), int(sys.argv[4])
#: Over UDP, a connection has another socket after a late answer.
IS_UDP = not ADDRESS.startswith("/")


def folders() -> list[str]:
    return common.folders(FOLDER)


def leave(connection: ChronyConnection) -> None:
    connection.__exit__(None, None, None)


def assert_works(connection: ChronyConnection) -> None:
    assert connection.get_tracking().stratum == 3
    assert len(connection.get_sources()) == SOURCES
    assert connection.address == ADDRESS


def a_socket_of_its_own() -> None:
    def use() -> None:
        inherited = sockets()
        assert connection.address is None or connection.address == ADDRESS
        assert_works(connection)
        assert not set(sockets()) & set(inherited)
        assert_works(connection)
        leave(connection)
        assert sockets() == []

    with ChronyConnection(ADDRESS) as connection:
        assert_works(connection)
        first = (sockets(), folders())
        for _ in range(3):
            before = (sockets(), folders())
            assert len(before[0]) >= 1
            assert IS_UDP or before == first
            ended(child(use))
            assert (sockets(), folders()) == before
            assert_works(connection)
        assert IS_UDP or (sockets(), folders()) == first
    assert (sockets(), folders()) == ([], [])


def one_report() -> None:
    call = sys.argv[5]

    def read() -> None:
        assert getattr(connection, call)() == getattr(pychrony, call)(ADDRESS) == before

    with ChronyConnection(ADDRESS) as connection:
        before = getattr(connection, call)()
        for _ in range(3):
            pid = child(read)
            read()
            ended(pid)


def at_once() -> None:
    def read(number: int) -> None:
        for _ in range(number):
            assert_works(connection)

    def use() -> None:
        read(40)
        leave(connection)

    with ChronyConnection(ADDRESS) as connection:
        read(1)
        children = [child(use) for _ in range(3)]
        read(60)
        for pid in children:
            ended(pid)
        read(1)


def never_called() -> None:
    end = sys.argv[5]
    connection = ChronyConnection(ADDRESS)
    with connection:
        assert_works(connection)
        before = folders()
        for is_left in (False, True):
            pid = os.fork()
            if pid == 0:
                if is_left:
                    leave(connection)
                if end == "at once":
                    os._exit(0)
                elif end == "dropped":
                    del connection
                    gc.collect()
                if is_left or end == "orderly":
                    # With all clean-up.
                    sys.exit(0)
                os._exit(0)
            ended(pid)
            assert folders() == before
            assert_works(connection)


def parent_left_first() -> None:
    readable, writable = os.pipe()
    waiting, ready = os.pipe()

    def use() -> None:
        assert_works(connection)
        mine = (sockets(), folders())
        os.write(ready, b"1")
        # By now, the parent has left its block.
        assert os.read(readable, 1) == b"2"
        assert_works(connection)
        assert IS_UDP or sockets() == mine[0]
        leave(connection)
        assert (sockets(), folders()) == ([], [])
        with connection:
            assert_works(connection)

    with ChronyConnection(ADDRESS) as connection:
        assert_works(connection)
        pid = child(use)
        assert os.read(waiting, 1) == b"1"
    os.write(writable, b"2")
    ended(pid)


def grandchildren() -> None:
    def use(depth: int) -> None:
        if depth % 2:
            assert_works(connection)
        if depth:
            ended(child(lambda: use(depth - 1)))
        assert_works(connection)
        leave(connection)

    connection = ChronyConnection(ADDRESS)
    connection.__enter__()
    assert_works(connection)
    before = folders()
    ended(child(lambda: use(4)))
    assert folders() == before
    assert_works(connection)
    leave(connection)


def entered_after_a_fork() -> None:
    connection = ChronyConnection(ADDRESS)

    def use() -> None:
        with connection:
            assert_works(connection)
        assert sockets() == []

    def use_and_leave() -> None:
        assert_works(connection)
        leave(connection)

    ended(child(use))
    with connection:
        assert_works(connection)
        ended(child(use_and_leave))
        assert_works(connection)


def threads_in_calls() -> None:
    stop = threading.Event()

    def hammer() -> None:
        while not stop.is_set():
            assert_works(connection)

    def use() -> None:
        assert_works(connection)
        leave(connection)

    with ChronyConnection(ADDRESS, timeout=15) as connection:
        threads = [threading.Thread(target=hammer) for _ in range(3)]
        for thread in threads:
            thread.start()
        for _ in range(20):
            ended(child(use))
        stop.set()
        for thread in threads:
            thread.join()
        assert_works(connection)


def event_loop_reads() -> None:
    stop, begun = threading.Event(), threading.Event()

    async def read() -> None:
        async with aio.ChronyConnection(ADDRESS) as connection, aio.Fleet([ADDRESS] * 50) as fleet:
            while not stop.is_set():
                await asyncio.gather(*(connection.get_tracking() for _ in range(20)))
                async for _ in fleet.read(aio.get_tracking):
                    begun.set()

    loop = threading.Thread(target=lambda: asyncio.run(read()))
    loop.start()
    begun.wait()
    for _ in range(100):
        ended(child(_core.close_kept))
    stop.set()
    loop.join()


def in_a_handler() -> None:
    children = []

    def handle(_number: int, _frame: object) -> None:
        children.append(os.fork())
        if children != [0]:
            print("forked", flush=True)

    connection = ChronyConnection(ADDRESS, timeout=20)
    connection.__enter__()
    connection.get_tracking()
    inherited = sockets()
    signal.signal(signal.SIGUSR1, handle)
    print("ready", flush=True)
    sys.stdin.readline()
    print("reading", flush=True)
    stratum = connection.get_tracking().stratum
    assert stratum == 3, stratum
    if children == [0]:
        # The child goes on in the middle of its parent's call, on a socket of its own.
        assert not set(sockets()) & set(inherited)
        assert_works(connection)
        leave(connection)
        os._exit(0)
    # The child did not take the parent's answer: the parent still has its old socket, unless this is UDP.
    assert IS_UDP or sockets() == inherited
    ended(children[0])
    assert_works(connection)
    leave(connection)


if __name__ == "__main__":
    # Nothing here takes nearly as long.
    signal.alarm(25)
    globals()[sys.argv[1]]()
    print("done", flush=True)
