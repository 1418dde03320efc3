"""Tasks that share a connection take turns in the order of arrival, and each gets the report that it asked for."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

import pytest
from tests.support.reports import defaults
from tests.support.waiting import assert_unanswered

from pychrony import ChronyConnectionError, aio
from pychrony.aio._link import Call, Link

if TYPE_CHECKING:
    from tests.aio.conftest import Held, Run
    from tests.support.daemon import Daemon

Until = Callable[..., Awaitable[None]]
TRANSPORTS = ["socket", "udp"]
TASKS = 200


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_two_hundred_tasks_have_their_turns_by_arrival(transport: str, scripted: Daemon, run: Run) -> None:
    """While a task waits, each other task has at most one turn."""
    scripted.say(defaults(20))
    ended: list[int] = []
    most_passed = 0

    async def work(connection: aio.ChronyConnection, number: int) -> int:
        nonlocal most_passed
        for call in range(3):
            before = len(ended)
            if (number + call) % 3 == 0:
                assert len(await connection.get_sources()) == 20
            elif (number + call) % 3 == 1:
                assert (await connection.get_tracking()).stratum == 2
            else:
                assert len(await connection.get_source_stats()) == 20
            most_passed = max(most_passed, len(ended) - before)
            ended.append(number)
        return number

    async def use() -> None:
        async with aio.ChronyConnection(getattr(scripted, transport), timeout=60) as connection:
            # This call has the turn until all other calls wait for theirs.
            scripted.say("fault silence")
            first = asyncio.ensure_future(connection.get_tracking())
            await asyncio.sleep(0)
            tasks = [asyncio.ensure_future(work(connection, number)) for number in range(TASKS)]
            await asyncio.sleep(0)
            scripted.say("clear")
            first.cancel()
            assert await asyncio.gather(*tasks) == list(range(TASKS))

    run(use())
    assert ended[:TASKS] == list(range(TASKS))
    assert most_passed <= TASKS


def test_the_error_of_a_call_without_a_turn_names_the_other_calls(scripted: Daemon, run: Run) -> None:
    async def use() -> list[str]:
        async with aio.ChronyConnection(scripted.socket, timeout=1) as connection:
            scripted.say("fault silence")
            first = asyncio.ensure_future(connection.get_tracking())
            await asyncio.sleep(0)
            errors = await asyncio.gather(first, *(connection.get_sources() for _ in range(3)), return_exceptions=True)
            assert all(isinstance(error, ChronyConnectionError) for error in errors)
            scripted.say("clear")
            assert (await connection.get_tracking()).stratum == 2
        return [str(error) for error in errors]

    words = run(use())
    assert_unanswered(words[0], "1s")
    assert any("other threads or tasks kept the connection" in word for word in words[1:])


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_leaving_while_others_are_in_a_call(
    transport: str, scripted: Daemon, hold: Callable[[], Held], until: Until, run: Run
) -> None:
    """The calls get chronyd's answers. After that, nothing is open, and the connection has no address."""

    def requests() -> int:
        return sum(scripted.say("requests")["requests"].values())

    async def use() -> None:
        held = hold()
        connection = aio.ChronyConnection(getattr(scripted, transport), timeout=30)
        async with connection:
            before = requests()
            scripted.say("fault delay 0.2")
            tasks = [asyncio.ensure_future(connection.get_tracking()) for _ in range(3)]
            await until(lambda: requests() > before, "a call under way")
        assert (connection.address, connection.transport) == (None, None)
        assert [result.stratum for result in await asyncio.gather(*tasks)] == [2] * 3
        held.assert_none()

    run(use())


def test_tasks_may_enter_and_leave_as_they_like(scripted: Daemon, hold: Callable[[], Held], run: Run) -> None:
    async def work(connection: aio.ChronyConnection) -> None:
        for _ in range(20):
            async with connection:
                assert (await connection.get_tracking()).stratum == 2
                assert len(await connection.get_sources()) == 3

    async def use() -> None:
        held = hold()
        connection = aio.ChronyConnection(scripted.socket, timeout=30)
        await asyncio.gather(*(work(connection) for _ in range(8)))
        held.assert_none()
        assert (connection.address, connection.transport) == (None, None)

    run(use())


def test_a_task_that_fails_leaves_the_others_their_answers(scripted: Daemon, run: Run) -> None:
    scripted.say('values {"rtcdata": null}')

    async def use() -> None:
        async with aio.ChronyConnection(scripted.socket) as connection:
            calls = [connection.get_tracking, connection.get_rtc_data, connection.get_sources] * 20
            results = await asyncio.gather(*(call() for call in calls), return_exceptions=True)
            assert all(getattr(result, "stratum", None) == 2 for result in results[::3])
            assert all("RTC tracking is not available" in str(result) for result in results[1::3])
            assert all(isinstance(result, list) and len(result) == 3 for result in results[2::3])

    run(use())


def test_answers_that_come_after_a_call_do_not_keep_the_loop_busy(scripted: Daemon, run: Run) -> None:
    """A datagram that nothing reads would wake the loop again and again."""

    async def use() -> None:
        async with aio.ChronyConnection(scripted.udp) as connection:
            scripted.say("fault duplicate")
            assert (await connection.get_tracking()).stratum == 2
            before = time.process_time()
            await asyncio.sleep(0.5)
            assert time.process_time() - before < 0.25
            scripted.say("clear")
            assert (await connection.get_tracking()).stratum == 2

    run(use())


@pytest.mark.parametrize("others", [0, 1])
def test_a_turn_that_comes_while_a_call_begins_to_wait_is_not_lost(
    others: int, scripted: Daemon, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The garbage collector, or another thread, may end the call that has the turn at any point."""
    scripted.say("fault delay 0.5")
    watch = Link.watch

    async def use() -> None:
        async with aio.ChronyConnection(scripted.socket, timeout=20) as connection:
            first = connection.get_tracking()
            first.send(None)
            calls = [asyncio.ensure_future(connection.get_tracking())]

            def close_and_watch(link: Link, call: Call) -> None:
                first.close()
                watch(link, call)

            monkeypatch.setattr(Link, "watch", close_and_watch)
            scripted.say("clear")
            calls += [asyncio.ensure_future(connection.get_tracking()) for _ in range(others)]
            assert {status.stratum for status in await asyncio.wait_for(asyncio.gather(*calls), 10)} == {2}

    run(use())
