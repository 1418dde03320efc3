"""A program with an event loop that forks, is interrupted or exits: `aio_processes.py CASE ADDRESS LOOP`."""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import ctypes
import gc
import logging
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable
from typing import Any, NoReturn

import uvloop
from common import child, ended, sockets

from pychrony import _core, aio

warnings.simplefilter("ignore", DeprecationWarning)
ADDRESS, LOOP = sys.argv[2], sys.argv[3]
run: Callable[..., Any] = {"asyncio": asyncio.run, "uvloop": uvloop.run}[LOOP]
ENDS: tuple[Callable[[int], NoReturn], ...] = (os._exit, sys.exit)
CLONE_NEWPID = 0x20000000
#: Objects that the module keeps until the end.
kept: list[object] = []


async def read(connection: aio.ChronyConnection) -> None:
    assert (await connection.get_tracking()).stratum == 2
    assert len(await connection.get_sources()) == 3


def run_with_children(main: Callable[[], Any]) -> None:
    """Run a coroutine that forks. Its children may exit in the middle of it, inside their copy of the loop."""
    try:
        run(main())
    except SystemExit as end:
        gc.collect()
        os._exit(int(end.code or 0))
    print("done")


def children_with_a_connection() -> None:
    #: The connection, in a list so that a child can drop it.
    shared: list[aio.ChronyConnection] = []
    inherited: list[str] = []
    before_loop: set[str] = set()

    def in_a_loop_of_its_own() -> None:
        [connection] = shared

        async def use() -> None:
            # It opens sockets of its own.
            await read(connection)
            assert not set(sockets()) & set(inherited) - before_loop
            await aio.get_tracking(ADDRESS)
            async with aio.ChronyConnection(ADDRESS) as own:
                await read(own)
                assert not set(sockets()) & set(inherited) - before_loop
            async with connection:
                await read(connection)
                assert connection.address == ADDRESS
            assert connection.address is None

        run(use())

    def in_the_loop_of_its_parent() -> None:
        coroutine = shared[0].get_tracking()
        try:
            coroutine.send(None)
        except RuntimeError as error:
            assert "no running event loop" in str(error), error
        else:
            raise AssertionError("the parent's connection")

    def by_forgetting_it() -> None:
        shared.clear()
        gc.collect()

    async def main() -> None:
        nonlocal inherited
        before_loop.update(sockets())
        shared.append(aio.ChronyConnection(ADDRESS))
        async with shared[0] as mine:
            await read(mine)
            inherited = sockets()
            for use in (in_a_loop_of_its_own, in_the_loop_of_its_parent, by_forgetting_it):
                for end in ENDS:
                    # With `sys.exit`, the child also leaves the block.
                    ended(child(use, end))
                    assert sockets() == inherited
                    await read(mine)
                    # Over UDP, the connection has another socket after a late answer.
                    assert ADDRESS[0] != "/" or sockets() == inherited
                    inherited = sockets()

    run_with_children(main)


def children_during_calls() -> None:
    tasks: list[asyncio.Future[Any]] = []

    def drop() -> None:
        for task in tasks:
            task.cancel()
        tasks.clear()
        gc.collect()
        assert not asyncio._get_running_loop()
        run(aio.get_tracking(ADDRESS))

    async def main() -> None:
        async with aio.ChronyConnection(ADDRESS) as connection:
            for end in ENDS:
                calls = [aio.get_sources(ADDRESS), *(connection.get_sources() for _ in range(3))]
                mine = [asyncio.ensure_future(call) for call in calls]
                await asyncio.sleep(0)
                tasks[:] = mine
                pid = child(drop, end)
                assert [len(result) for result in await asyncio.gather(*mine)] == [3] * 4
                ended(pid)
                await read(connection)

    run_with_children(main)


def enter_in_a_loop() -> tuple[asyncio.AbstractEventLoop, aio.ChronyConnection]:
    """Enter a connection. It and its loop are kept until the end."""
    warnings.simplefilter("ignore", ResourceWarning)
    loop: asyncio.AbstractEventLoop = {"asyncio": asyncio, "uvloop": uvloop}[LOOP].new_event_loop()
    connection = aio.ChronyConnection(ADDRESS)
    loop.run_until_complete(connection.__aenter__())
    kept.extend((loop, connection))
    return loop, connection


def end_after_a_read() -> None:
    loop, connection = enter_in_a_loop()
    loop.run_until_complete(connection.get_sources())


def end_with_a_closed_loop() -> None:
    loop, connection = enter_in_a_loop()
    loop.run_until_complete(connection.get_sources())
    loop.close()


def end_with_a_handler_that_reads() -> None:
    loop, connection = enter_in_a_loop()
    atexit.register(lambda: loop.run_until_complete(read(connection)))


def end_with_a_handler_that_closes_the_loop() -> None:
    loop, _ = enter_in_a_loop()
    atexit.register(loop.close)


def end_kept_by_a_module() -> None:
    _, connection = enter_in_a_loop()
    vars(os)["kept"] = connection


def end_kept_by_an_exception() -> None:
    _, connection = enter_in_a_loop()
    try:
        raise LookupError(connection)
    except LookupError as error:
        kept.append(error)


def end_during_a_call() -> None:
    loop, _ = enter_in_a_loop()
    task = loop.create_task(aio.get_tracking(ADDRESS))
    vars(sys.modules[__name__])["task"] = task
    task._log_destroy_pending = False  # type: ignore[attr-defined]
    loop.run_until_complete(asyncio.sleep(0))


def end_beside_loops_in_daemon_threads() -> None:
    logging.disable()
    barrier = threading.Barrier(5)

    async def work() -> None:
        async with aio.ChronyConnection(ADDRESS) as connection:
            await read(connection)
            barrier.wait()
            while True:
                await asyncio.gather(connection.get_sources(), aio.get_tracking(ADDRESS))

    for _ in range(4):
        threading.Thread(target=lambda: run(work()), daemon=True).start()
    barrier.wait()


def interrupted() -> None:
    async def main() -> None:
        async with aio.ChronyConnection(ADDRESS, timeout=600) as connection:
            print("ready", flush=True)
            sys.stdin.readline()
            own = aio.get_tracking(ADDRESS, timeout=600)
            await asyncio.gather(connection.get_sources(), connection.get_tracking(), own)

    try:
        run(main())
    except KeyboardInterrupt:
        print("interrupted", sockets())


def closed_during_a_round() -> None:
    async def count(fleet: aio.Fleet) -> int:
        return len([one async for one in fleet.read(aio.get_tracking, aio.get_sources)])

    async def main() -> None:
        before = sockets()
        async with aio.Fleet([ADDRESS] * 20) as fleet:
            for _ in range(2):
                task = asyncio.create_task(count(fleet))
                while len(sockets()) == len(before):
                    await asyncio.sleep(0)
                # Python calls this on exit.
                _core.close_kept()
                assert await task == 20
                assert sockets() == before

    run(main())
    print("done")


def closed_after_some_of_a_round() -> None:
    async def main() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
            silent.bind(("127.0.0.1", 0))
            host, port = silent.getsockname()
            async with aio.Fleet([ADDRESS] * 20 + [f"{host}:{port}"]) as fleet:
                before = sockets()
                results = fleet.read(aio.get_tracking)
                for _ in range(20):
                    await results.__anext__()
                assert len(sockets()) == len(before) + 21
                _core.close_kept()
                assert len(sockets()) == len(before) + 1
                os._exit(0)

    run(main())


def child_with_its_parents_number() -> None:
    async def read_all(fleet: aio.Fleet) -> list[object]:
        return [one async for one in fleet.read(aio.get_tracking)]

    async def main() -> None:
        def leave() -> None:
            # The number of the first process of each PID namespace.
            assert os.getpid() == 1
            for end in (connection.__aexit__(None, None, None), fleet.__aexit__(None, None, None)):
                with contextlib.suppress(StopIteration):
                    end.send(None)

        assert os.getpid() == 1
        async with aio.ChronyConnection(ADDRESS) as connection, aio.Fleet([ADDRESS]) as fleet:
            await connection.get_tracking()
            status = asyncio.ensure_future(read_all(fleet))
            await asyncio.sleep(0)
            assert ctypes.CDLL(None).unshare(CLONE_NEWPID) == 0
            ended(child(leave))
            start = time.monotonic()
            await asyncio.gather(status, connection.get_tracking())
            # The parent gets the answers when they arrive, and not when its timer fires, a second after the requests.
            assert time.monotonic() - start < 0.9

    run(main())
    print("done")


if __name__ == "__main__":
    # Nothing here takes nearly as long.
    signal.alarm(25)
    globals()[sys.argv[1]]()
