"""Thousands of calls leak nothing: no reference, no cycle, no memory, no descriptor."""

from __future__ import annotations

import asyncio
import gc
import os
import sys
import weakref
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack, suppress
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import REPORTS, defaults

from pychrony import ChronyError, aio
from pychrony.aio._link import Call

if TYPE_CHECKING:
    from tests.aio.conftest import Run
    from tests.support.daemon import Daemon

LENGTH = 20
TRANSPORTS = ["socket", "udp"]
#: The memory blocks, and the references, that CPython and a loop with cancelled timers keep for a while. A leak in each
#: of a thousand calls would be more. A leak of objects in each call shows in their number, however few the calls.
KEPT = 600
TIMES = 1000
#: The most descriptors that a connection keeps open for its next list. The number depends on its last list.
SESSIONS = 2 * 8


async def assert_keeps_nothing(call: Callable[[], Awaitable[object]], times: int = TIMES, kept: int = 0) -> None:
    """Call `times` times, and compare objects, memory blocks, references and descriptors before and after."""

    async def count() -> list[int]:
        # Pending callbacks hold objects.
        await asyncio.sleep(0)
        gc.collect()
        references = sum(sys.getrefcount(one) for one in (None, True, False, call, asyncio.get_running_loop()))
        descriptors = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
        return [len(gc.get_objects()), sys.getallocatedblocks(), references, descriptors]

    for _ in range(50):
        await call()
    await count()
    before = await count()
    for _ in range(times):
        await call()
    objects, blocks, references, descriptors = [now - then for now, then in zip(await count(), before, strict=True)]
    assert objects < times / 10
    assert blocks < KEPT
    assert references < KEPT
    assert abs(descriptors) <= kept


def failing(call: Callable[[], Awaitable[object]]) -> Callable[[], Awaitable[None]]:
    """Return a function that makes the call, and fails unless that raises."""

    async def fail() -> None:
        with suppress(ChronyError, RuntimeError):
            raise AssertionError(f"no error: {await call()}")

    return fail


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_calls_keep_nothing(transport: str, scripted: Daemon, run: Run) -> None:
    address = getattr(scripted, transport)
    scripted.say(defaults(LENGTH))

    async def enter_and_leave() -> None:
        async with aio.ChronyConnection(address) as connection:
            await connection.get_sources()

    async def use() -> None:
        for report in REPORTS:
            await assert_keeps_nothing(lambda: report.aio(address), 100)  # noqa: B023
        await assert_keeps_nothing(enter_and_leave, 200)
        async with aio.ChronyConnection(address) as connection:
            for report in REPORTS:
                await assert_keeps_nothing(report.of(connection), TIMES // 4, kept=SESSIONS)
            await assert_keeps_nothing(
                lambda: asyncio.gather(*(connection.get_tracking() for _ in range(10))), TIMES // 10
            )

    run(use())


async def enter_in_time(connection: aio.ChronyConnection, transport: str) -> None:
    """Enter the connection. Over UDP, a busy machine may miss the short deadline, but not each time."""
    for _ in range(0 if transport == "socket" else 20):
        with suppress(ChronyError):
            await connection.__aenter__()
            return
    await connection.__aenter__()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_what_fails_or_is_cancelled_keeps_nothing(transport: str, scripted: Daemon, run: Run) -> None:
    address = getattr(scripted, transport)

    async def cancelled(call: Callable[[], Any]) -> None:
        task = asyncio.ensure_future(call())
        await asyncio.sleep(0)
        task.cancel()
        with suppress(asyncio.CancelledError):
            raise AssertionError(f"not cancelled: {await task}")

    async def use() -> None:
        closed = aio.ChronyConnection(address)
        await closed.aclose()
        await assert_keeps_nothing(failing(closed.get_tracking))
        await assert_keeps_nothing(failing(lambda: aio.get_tracking(f"{address}.none")), 300)
        async with AsyncExitStack() as stack:
            connection = aio.ChronyConnection(address, timeout=0.02)
            await enter_in_time(connection, transport)
            stack.push_async_exit(connection.__aexit__)
            scripted.say("fault status 2")
            await assert_keeps_nothing(failing(connection.get_sources))
            scripted.say("clear")
            scripted.say("fault silence")
            await assert_keeps_nothing(lambda: cancelled(connection.get_tracking), 300)
            await assert_keeps_nothing(lambda: cancelled(lambda: aio.get_sources(address)), 300)
            await assert_keeps_nothing(failing(connection.get_tracking), 100)
            scripted.say("clear")

    run(use())


def test_an_exception_keeps_nothing_once_it_is_handled(scripted: Daemon, run: Run) -> None:
    """There is no reference cycle. Even without the garbage collector, the objects of a failed call are freed."""

    async def fail() -> list[weakref.ref[Any]]:
        # pytest.raises would make a reference cycle.
        watched: list[weakref.ref[Any]] = []
        try:
            async with aio.ChronyConnection(scripted.socket) as connection:
                first = (await connection.get_sources())[0]
                watched += [weakref.ref(first), weakref.ref(connection)]
                scripted.say("fault status 2")
                await connection.get_sources()
        except ChronyError as error:
            watched.append(weakref.ref(error))
        scripted.say("clear")
        try:
            raise AssertionError(await aio.get_tracking("/nonexistent/chronyd.sock"))
        except ChronyError as error:
            watched.append(weakref.ref(error))
        return watched

    async def use() -> None:
        gc.collect()
        gc.disable()
        try:
            watched = await fail()
            await asyncio.sleep(0)
            assert [watch() for watch in watched] == [None] * 4
        finally:
            gc.enable()

    run(use())


@pytest.mark.parametrize("is_cancelled", [False, True])
def test_a_look_up_that_is_given_up_keeps_nothing(
    *, is_cancelled: bool, run: Run, until: Callable[..., Awaitable[None]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A timeout or a cancellation ends the look-up, which is freed without the garbage collector."""

    async def use() -> None:
        task: Any = None
        loop = asyncio.get_running_loop()

        async def never(*_: object, **__: object) -> None:
            await loop.create_future()

        def count() -> int:
            return sum(isinstance(one, Call) for one in gc.get_objects())

        monkeypatch.setattr(loop, "getaddrinfo", never)
        gc.collect()
        gc.disable()
        before = count()
        try:
            for _ in range(5):
                with suppress(asyncio.CancelledError, ChronyError):
                    if is_cancelled:
                        task = asyncio.ensure_future(aio.get_tracking("some.example"))
                        loop.call_later(0.01, task.cancel)
                        await task
                    else:
                        await aio.get_tracking("some.example", timeout=0.01)
            task = None
            await until(lambda: count() == before, "the end of the look-ups")
        finally:
            gc.enable()

    run(use())
