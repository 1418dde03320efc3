"""Event loops that are closed, blocked, of other kinds, or not the one that a connection was opened in."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import selectors
import socket
import sys
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import TYPE_CHECKING, Any

import pytest
import uvloop

from pychrony import ChronyConnectionError, TrackingStatus, aio

if TYPE_CHECKING:
    from tests.aio.conftest import Held, Run
    from tests.support.daemon import Daemon

Until = Callable[..., Awaitable[None]]
TRANSPORTS = ["socket", "udp"]
NEW: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
each_kind = pytest.mark.parametrize("new", NEW.values(), ids=NEW.keys())


def requests(daemon: Daemon) -> int:
    """Return the number of requests that the daemon has received."""
    return sum(daemon.say("requests")["requests"].values())


@each_kind
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_connection_that_is_not_closed_is_reported_and_closed(
    new: Callable[[], asyncio.AbstractEventLoop], transport: str, scripted: Daemon, hold: Callable[[], Held]
) -> None:
    """The loop may be closed before or after the connection is dropped."""
    held = hold()
    scripted.say('values {"sources": 40}')
    for is_closed in (False, True):
        loop = new()
        connection = aio.ChronyConnection(getattr(scripted, transport))
        loop.run_until_complete(connection.__aenter__())
        assert len(loop.run_until_complete(connection.get_sources())) == 40
        if is_closed:
            loop.close()
        with pytest.warns(ResourceWarning, match="^unclosed ChronyConnection"):
            del connection
        gc.collect()
        loop.close()
        held.assert_none()


@each_kind
def test_a_connection_in_a_cycle_is_closed_by_the_garbage_collector(
    new: Callable[[], asyncio.AbstractEventLoop], scripted: Daemon, hold: Callable[[], Held]
) -> None:
    held = hold()
    loop = new()

    class Holder:
        """A reference cycle with a connection and its loop."""

        def __init__(self) -> None:
            """Enter the connection."""
            self.myself = self
            self.loop = loop
            self.connection = aio.ChronyConnection(scripted.socket)
            loop.run_until_complete(self.connection.__aenter__())

    gc.collect()
    Holder()
    with pytest.warns(ResourceWarning, match="^unclosed ChronyConnection"):
        gc.collect()
    loop.close()
    held.assert_none()


@each_kind
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("what", ["function", "method", "turn"])
def test_a_loop_that_is_closed_in_the_middle_of_a_call_leaves_nothing(  # noqa: PLR0917
    what: str,
    transport: str,
    new: Callable[[], asyncio.AbstractEventLoop],
    scripted: Daemon,
    hold: Callable[[], Held],
    until: Until,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The task never ends. asyncio warns when the task is garbage-collected."""
    held = hold()
    address = getattr(scripted, transport)

    asked: list[int] = []

    async def call() -> None:
        if what == "function":
            scripted.say("fault silence")
            asked.append(requests(scripted))
            await aio.get_tracking(address)
        else:
            async with aio.ChronyConnection(address) as connection:
                scripted.say("fault silence")
                asked.append(requests(scripted))
                await asyncio.gather(*(connection.get_tracking() for _ in range(1 if what == "method" else 3)))

    async def begun() -> None:
        await until(lambda: asked and requests(scripted) > asked[0], "a call under way")

    loop = new()
    tasks = [loop.create_task(call())]
    loop.run_until_complete(begun())
    assert held.sockets() > 0
    loop.close()
    del tasks, loop
    gc.collect()
    held.assert_none()
    assert "Task was destroyed but it is pending" in caplog.text


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_calls_that_are_under_way_when_the_program_ends_leave_nothing(
    transport: str, scripted: Daemon, hold: Callable[[], Held], until: Until, run: Run
) -> None:
    held = hold()
    address = getattr(scripted, transport)

    async def use() -> None:
        async with aio.ChronyConnection(address) as connection:
            scripted.say("fault silence")
            before = requests(scripted)
            calls = [aio.get_sources(address), *(connection.get_tracking() for _ in range(3))]
            tasks = [asyncio.ensure_future(call) for call in calls]
            await until(lambda: requests(scripted) >= before + 2, "two calls under way")
            assert not any(task.done() for task in tasks)

    run(use())
    held.assert_none()


def test_a_coroutine_that_is_dropped_leaves_nothing(
    scripted: Daemon, hold: Callable[[], Held], until: Until, run: Run
) -> None:
    """Without a task. It is dropped before its first step, closed in the middle, or collected in any thread."""

    async def use() -> None:
        scripted.say("fault silence")
        held = hold()
        coroutine = aio.get_tracking(scripted.socket)
        with pytest.warns(RuntimeWarning, match="never awaited"):
            del coroutine
        gc.collect()
        coroutine = aio.get_tracking(scripted.socket)
        coroutine.send(None)
        coroutine.close()
        held.assert_none()
        coroutine = aio.get_tracking(scripted.udp)
        coroutine.send(None)
        del coroutine
        held.assert_none()
        kept: list[Coroutine[Any, Any, object]] = [aio.get_tracking(scripted.udp)]
        kept[0].send(None)
        thread = threading.Thread(target=kept.pop)
        thread.start()
        thread.join()
        # Only the thread of the loop may remove the descriptor from it.
        await until(lambda: not held.left(), "no descriptor")
        held.assert_none()

    run(use())


def test_without_a_loop_it_says_so(scripted: Daemon, hold: Callable[[], Held]) -> None:
    held = hold()
    for coroutine in (
        aio.get_tracking(scripted.socket),
        aio.ChronyConnection(scripted.socket).__aenter__(),
    ):
        with pytest.raises(RuntimeError, match="no running event loop"):
            coroutine.send(None)
    gc.collect()
    held.assert_none()


@each_kind
def test_a_connection_of_another_loop_says_so(
    new: Callable[[], asyncio.AbstractEventLoop], scripted: Daemon, hold: Callable[[], Held], run: Run
) -> None:
    """The connection stays usable in its own loop. Once it or its loop is closed, it opens in another loop."""
    held = hold()
    connection = aio.ChronyConnection(scripted.socket)
    loop = new()
    loop.run_until_complete(connection.__aenter__())

    async def refuse(*calls: Callable[[], Coroutine[Any, Any, object]]) -> None:
        for call in calls:
            with pytest.raises(RuntimeError, match="opened in another event loop"):
                await call()

    async def enter() -> None:
        async with connection:
            assert (await connection.get_tracking()).stratum == 2

    async def read() -> None:
        assert (await connection.get_tracking()).stratum == 2
        await connection.aclose()

    run(refuse(connection.get_tracking, connection.get_sources, connection.__aenter__))
    assert loop.run_until_complete(connection.get_tracking()).stratum == 2
    loop.run_until_complete(connection.__aexit__(None, None, None))
    run(enter())
    loop.run_until_complete(connection.__aenter__())
    loop.close()
    run(read())
    run(enter())
    held.assert_none()


def test_loops_of_several_threads_do_not_disturb_each_other(
    scripted: Daemon, hold: Callable[[], Held], run: Run
) -> None:
    held = hold()
    scripted.say('values {"sources": 30}')
    failed: list[BaseException] = []

    async def use() -> None:
        async with aio.ChronyConnection(scripted.socket) as one, aio.ChronyConnection(scripted.udp) as other:
            for _ in range(20):
                results = await asyncio.gather(one.get_sources(), other.get_sources(), aio.get_sources(scripted.udp))
                assert [len(result) for result in results] == [30] * 3

    def work() -> None:
        try:
            run(use())
        except BaseException as error:  # noqa: BLE001
            failed.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    held.assert_none()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_answer_that_came_in_time_is_used_by_a_loop_that_was_blocked(
    transport: str, scripted: Daemon, run: Run
) -> None:
    """The loop is blocked for longer than the timeout of the call."""
    address = getattr(scripted, transport)

    async def block(call: Coroutine[Any, Any, Any]) -> Any:  # noqa: ANN401
        task = asyncio.ensure_future(call)
        await asyncio.sleep(0)
        time.sleep(1)
        return await task

    async def use() -> None:
        assert (await block(aio.get_tracking(address, timeout=0.5))).stratum == 2
        async with aio.ChronyConnection(address, timeout=0.5) as connection:
            assert (await block(connection.get_tracking())).stratum == 2
            # Without an answer, the error names the time in which the process did not run.
            scripted.say("fault silence")
            with pytest.raises(ChronyConnectionError) as caught:
                await block(connection.get_tracking())
            assert "this process itself did not run for" in caught.value.message

    run(use())


def test_a_descriptor_that_is_given_again_is_watched_for_its_new_owner(scripted: Daemon, run: Run) -> None:
    """With the old registration left in the loop, the loop would not watch the new owner's socket."""

    async def use() -> None:
        loop = asyncio.get_running_loop()
        before = set(os.listdir("/proc/self/fd"))  # noqa: PTH208
        async with aio.ChronyConnection(scripted.udp) as connection:
            await connection.get_tracking()
            numbers = set(os.listdir("/proc/self/fd")) - before  # noqa: PTH208
        pairs = [socket.socketpair() for _ in range(len(numbers))]
        with contextlib.ExitStack() as stack:
            for end in (end for pair in pairs for end in pair):
                stack.enter_context(end)
            assert numbers <= {str(end.fileno()) for pair in pairs for end in pair}
            for pair in pairs:
                for end, other in (pair, pair[::-1]):
                    ready = loop.create_future()
                    loop.add_reader(end, ready.set_result, None)
                    other.send(b".")
                    await asyncio.wait_for(ready, 10)
                    loop.remove_reader(end)

    run(use())


@pytest.mark.parametrize("selector", [selectors.SelectSelector, selectors.PollSelector, selectors.EpollSelector])
def test_loops_with_any_selector(
    selector: Callable[[], selectors.BaseSelector], scripted: Daemon, hold: Callable[[], Held]
) -> None:
    held = hold()
    scripted.say('values {"sources": 40}')
    loop = asyncio.SelectorEventLoop(selector())

    async def use() -> None:
        for address in (scripted.socket, scripted.udp):
            assert len(await aio.get_sources(address)) == 40
            async with aio.ChronyConnection(address) as connection:
                assert len(await connection.get_sources()) == 40

    loop.run_until_complete(use())
    loop.close()
    held.assert_none()


def test_a_loop_in_debug_mode_finds_nothing(scripted: Daemon, run: Run, caplog: pytest.LogCaptureFixture) -> None:
    """In debug mode, a loop checks the threads of its callers."""

    async def use() -> None:
        loop = asyncio.get_running_loop()
        loop.set_debug(True)
        loop.slow_callback_duration = 10
        for address in (scripted.socket, scripted.udp):
            async with aio.ChronyConnection(address) as connection:
                await asyncio.gather(*(connection.get_sources() for _ in range(10)), aio.get_tracking(address))

    run(use())
    assert caplog.records == []


def test_tasks_that_begin_at_once(scripted: Daemon, run: Run) -> None:
    """With the eager tasks of Python 3.12 and later. In older versions, tasks begin later."""

    async def use() -> None:
        loop = asyncio.get_running_loop()
        loop.set_task_factory(getattr(asyncio, "eager_task_factory", None))
        async with aio.ChronyConnection(scripted.socket) as connection:
            tasks = [loop.create_task(connection.get_tracking()) for _ in range(5)]
            assert [result.stratum for result in await asyncio.gather(*tasks)] == [2] * 5

    run(use())


@each_kind
@pytest.mark.parametrize("kind", ["connection", "fleet"])
def test_a_block_of_a_closed_loop_does_not_close_what_another_has_opened(
    new: Callable[[], asyncio.AbstractEventLoop], kind: str, scripted: Daemon, hold: Callable[[], Held]
) -> None:
    """The garbage collector ends the first block. A dropped block of the loop that is in use does close it."""
    held = hold()
    shared = aio.ChronyConnection(scripted.socket) if kind == "connection" else aio.Fleet([scripted.socket])

    async def read() -> object:
        if isinstance(shared, aio.Fleet):
            [result] = [one async for one in shared.read(aio.get_tracking)]
            return result.value
        return await shared.get_tracking()

    async def give_up(entered: asyncio.Event) -> None:
        async with shared:
            entered.set()
            await asyncio.get_running_loop().create_future()

    def begin() -> tuple[asyncio.AbstractEventLoop, list[Any]]:
        loop, entered = new(), asyncio.Event()
        coroutine = give_up(entered)
        task = loop.create_task(coroutine)
        task._log_destroy_pending = False  # type: ignore[attr-defined]
        loop.run_until_complete(entered.wait())
        return loop, [task, coroutine]

    async def use(left: list[Any]) -> None:
        async with shared:
            await read()
            left.clear()
            gc.collect()
            assert isinstance(await read(), TrackingStatus)
        with pytest.raises(RuntimeError, match="is closed"):
            await read()

    loop, left = begin()
    loop.close()
    loop = new()
    loop.run_until_complete(use(left))
    loop.close()
    loop, left = begin()
    left.clear()
    gc.collect()
    loop.run_until_complete(asyncio.sleep(0))
    loop.close()
    held.assert_none()


@pytest.mark.filterwarnings("error::ResourceWarning")
@pytest.mark.parametrize("kind", ["connection", "fleet"])
def test_what_is_not_left_is_closed_where_warnings_are_errors(
    kind: str, scripted: Daemon, hold: Callable[[], Held], run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    raised: list[str] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: raised.append(type(unraisable.exc_value).__name__))

    async def use() -> None:
        held = hold()
        if kind == "connection":
            connection = await aio.ChronyConnection(scripted.socket).__aenter__()
            await connection.get_tracking()
            del connection
        else:
            fleet = await aio.Fleet([scripted.socket]).__aenter__()
            assert [one async for one in fleet.read(aio.get_tracking)]
            del fleet
        gc.collect()
        held.assert_none()

    run(use())
    assert raised == ["ResourceWarning"]
