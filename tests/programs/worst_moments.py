"""A program with forks, signals and closed descriptors at the worst moments: `worst_moments.py CASE ADDRESS FOLDER`."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
import random
import select
import shutil
import signal
import socket
import sys
import threading
import time
import warnings
from pathlib import Path
from typing import Any

import common

import pychrony
from pychrony import ChronyConnection, aio

warnings.simplefilter("ignore", DeprecationWarning)
ADDRESS, FOLDER = sys.argv[2], Path(sys.argv[3])
CLONE_NEWPID = 0x20000000


def folders() -> list[str]:
    return common.folders(FOLDER)


def leave(connection: ChronyConnection) -> None:
    connection.__exit__(None, None, None)


def is_root_folder(descriptor: int) -> bool:
    return os.path.samestat(os.fstat(descriptor), Path("/").stat())


def signal_soon(after: float = 0.2) -> None:
    threading.Timer(after, os.kill, (os.getpid(), signal.SIGUSR1)).start()


def forking_handler() -> None:
    children = []

    def handle(_number: int, _frame: object) -> None:
        children.append(os.fork())
        if children == [0]:
            sys.exit(7)

    signal.signal(signal.SIGUSR1, handle)
    program = os.getpid()
    signal_soon()
    assert pychrony.get_tracking(ADDRESS).stratum == 2
    assert os.getpid() == program
    print(os.waitstatus_to_exitcode(os.waitpid(children[0], 0)[1]))


def child_with_its_parents_number() -> None:
    connection = ChronyConnection(ADDRESS, timeout=2)
    connection.__enter__()
    before = folders()
    assert ctypes.CDLL(None).unshare(CLONE_NEWPID) == 0
    child = os.fork()
    if child == 0:
        assert os.getpid() == 1
        leave(connection)
        os._exit(0)
    assert os.getpid() == 1
    common.ended(child)
    assert folders() == before
    leave(connection)
    print("done")


def watched() -> None:
    """Count calls of pychrony, below which no Python code may run."""
    names = sys.argv[4:]
    call: object = None
    calls, below = 0, []

    def watch(frame: Any, event: str, argument: Any) -> None:  # noqa: ANN401
        nonlocal call, calls
        if event == "c_call":
            own = argument.__module__ == "pychrony._core" or isinstance(argument.__self__, ChronyConnection)
            call, calls = (argument, calls + 1) if own else (None, calls)
        elif event in ("c_return", "c_exception"):
            call = None
        elif call is not None:
            below.append(f"{frame.f_code.co_name} below {call}")

    def use(address: str) -> None:
        for name in names:
            # `contextlib.suppress` would run Python code, too.
            try:  # noqa: SIM105
                getattr(pychrony, name)(address)
            except pychrony.ChronyError:
                pass
        connection = ChronyConnection(address)
        try:
            connection.__enter__()
        except pychrony.ChronyError:
            return
        connection.get_sources()
        leave(connection)

    sys.setprofile(watch)
    use(ADDRESS)
    use(str(FOLDER / "missing.sock"))
    sys.setprofile(None)
    assert below == [], below
    print(calls)


def handler_that_reads() -> None:
    with ChronyConnection(ADDRESS, timeout=5) as connection:
        signal.signal(signal.SIGUSR1, lambda *_: print(connection.get_tracking().stratum))
        signal_soon()
        start = time.monotonic()
        print(connection.get_tracking().stratum)
        assert time.monotonic() - start < 4


class StopError(Exception):
    """An exception that a signal handler raises."""


def handler_that_raises() -> None:
    """Have a handler raise at a random moment before, during or after entering or leaving."""
    is_armed = False

    def handle(_number: int, _frame: object) -> None:
        nonlocal is_armed
        if is_armed:
            is_armed = False
            raise StopError

    def is_open() -> bool:
        try:
            connection.get_tracking()
        except RuntimeError:
            return False
        return True

    def lasts() -> float:
        start = time.perf_counter()
        with connection:
            pass
        return time.perf_counter() - start

    signal.signal(signal.SIGALRM, handle)
    connection = ChronyConnection(ADDRESS)
    longest = 1.2 * sorted(lasts() for _ in range(50))[25]
    stopped, end = 0, time.monotonic() + 6
    while stopped < 2000 and time.monotonic() < end:
        try:
            is_armed = True
            signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, longest))
            with connection:
                pass
            is_armed = False
        except StopError:
            stopped += 1
            if is_open():
                # In Python 3.14 and later, the handler may run between the entry and the block.
                assert sys.version_info >= (3, 14), f"the {stopped}th exception has left it open"
                leave(connection)
            with connection:
                assert connection.get_tracking().stratum == 2
            assert not is_open()
    signal.setitimer(signal.ITIMER_REAL, 0)
    assert folders() == []
    assert stopped > 50
    print("done")


def closed_descriptors() -> None:
    def close_all() -> None:
        os.closerange(3, 256)
        mine = [os.open("/", os.O_RDONLY) for _ in range(12)]
        assert connection.get_tracking().stratum == 2
        leave(connection)
        assert all(map(is_root_folder, mine))

    connection = ChronyConnection(ADDRESS)
    connection.__enter__()
    common.ended(common.child(close_all))
    leave(connection)
    print("done")


async def opened() -> list[Any]:
    """Open objects that have event queues, in the running loop."""
    connection, fleet = aio.ChronyConnection(ADDRESS), aio.Fleet([ADDRESS] * 3)
    await connection.__aenter__()
    await fleet.__aenter__()
    await connection.get_tracking()
    assert len([result async for result in fleet.read(aio.get_tracking)]) == 3
    return [connection, fleet]


def others_event_queues() -> None:
    def open_all() -> list[Any]:
        connection, loop = ChronyConnection(ADDRESS), asyncio.new_event_loop()
        connection.__enter__()
        return [loop, connection, *loop.run_until_complete(opened())]

    def states(numbers: list[int]) -> list[tuple[str, str]]:
        process = Path("/proc/self")
        return [(os.readlink(process / f"fd/{one}"), (process / f"fdinfo/{one}").read_text()) for one in numbers]  # noqa: PTH115

    def end(everything: list[Any]) -> None:
        os.closerange(3, 256)
        queues = [select.epoll() for _ in range(12)]
        pipes = [number for _ in range(4) for number in os.pipe()]
        for queue in queues:
            for number in pipes:
                queue.register(number)
        numbers = [queue.fileno() for queue in queues] + [os.open("/dev/urandom", os.O_RDONLY) for _ in range(30)]
        before = states(numbers)
        # Closing the loop would close the numbers of its descriptors, so the loop stays open.
        loop, connection, *_ = everything
        leave(connection)
        everything.clear()
        del connection
        gc.collect()
        assert states(numbers) == before
        assert not loop.is_closed()

    def in_one_process() -> None:
        everything = open_all()
        for name in folders():
            shutil.rmtree(FOLDER / name)
        end(everything)

    warnings.simplefilter("ignore", ResourceWarning)
    common.ended(common.child(in_one_process))
    everything = open_all()
    common.ended(common.child(lambda: end(everything)))
    loop, connection, *others = everything
    leave(connection)
    for one in others:
        loop.run_until_complete(one.__aexit__(None, None, None))
    loop.close()
    print("done")


def closed_at_exit() -> None:
    connection = ChronyConnection(ADDRESS)
    connection.__enter__()
    # The connection is never dropped.
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))
    os.closerange(3, 256)
    for number in range(12):
        own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        own.bind(str(FOLDER / f"own{number}"))
        own.detach()


def taken_descriptors() -> None:
    """Replace the descriptors of a connection's socket and of its /dev/urandom with other files."""
    connection = ChronyConnection(ADDRESS, timeout=2)
    connection.__enter__()
    links = {int(name): Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")}  # noqa: PTH208
    path = {number: str(link.readlink()) for number, link in links.items() if link.is_symlink()}
    (own,) = [number for number, what in path.items() if what.startswith("socket:")]
    (urandom,) = [number for number, what in path.items() if what == "/dev/urandom"]
    for name in folders():
        shutil.rmtree(FOLDER / name)
    mine, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    file = os.open("/", os.O_RDONLY)
    os.dup2(mine.fileno(), own)
    os.dup2(file, urandom)
    assert connection.get_tracking().stratum == 2
    other.settimeout(0)
    with contextlib.suppress(BlockingIOError):
        other.recv(1000)
        print("a request")
    leave(connection)
    assert is_root_folder(urandom)
    assert os.path.samestat(os.fstat(own), os.fstat(mine.fileno()))
    print("done")


if __name__ == "__main__":
    # Nothing here takes nearly as long.
    signal.alarm(25)
    globals()[sys.argv[1]]()
