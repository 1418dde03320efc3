"""Cancelling ends a call at once, at any point. Its socket is closed, and the next call gets its turn and works."""

from __future__ import annotations

import asyncio
import contextlib
import select
import sys
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import LISTS, Report, defaults
from tests.support.waiting import assert_unanswered

from pychrony import ChronyConnectionError, aio
from pychrony.aio import _link
from pychrony.aio._link import Call

if TYPE_CHECKING:
    from types import FrameType

    from tests.aio.conftest import Held, Run
    from tests.support.daemon import Daemon

Until = Callable[..., Awaitable[None]]
TRANSPORTS = ["socket", "udp"]
#: The length of a list that needs several lanes, and the number of answers that it needs.
LENGTH = 12
ANSWERS = LENGTH + 2


def requests(daemon: Daemon) -> int:
    """Return the number of requests that the daemon has received."""
    return sum(daemon.say("requests")["requests"].values())


async def cancel(task: asyncio.Task[Any]) -> None:
    """Cancel a task, and fail unless that ends it."""
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("report", LISTS, ids=str)
def test_a_read_may_be_cancelled_before_each_of_its_answers(
    report: Report, transport: str, scripted: Daemon, *, hold: Callable[[], Held], until: Until, run: Run
) -> None:
    """A function and a method of a connection read. chronyd falls silent after each possible number of answers."""
    address = getattr(scripted, transport)
    scripted.say(defaults(LENGTH))

    async def stop_after(answers: int, held: Held, read: Callable[[], Awaitable[object]]) -> None:
        for fault in (f"after {answers}", "silence"):
            scripted.say(f"fault {fault}")
        before, sockets = requests(scripted), held.sockets()
        task = asyncio.ensure_future(read())
        await until(lambda: requests(scripted) > before + answers, f"{answers} answers")
        await asyncio.sleep(0)
        assert not task.done()
        await cancel(task)
        # No new socket is left. A session that waits for an answer is not used again.
        assert held.sockets() <= sockets
        scripted.say("clear")

    async def use() -> None:
        held = hold()
        for answers in range(ANSWERS):
            await stop_after(answers, held, lambda: report.aio(address))
            held.assert_none()
        async with aio.ChronyConnection(address, parallel=3) as connection:
            for answers in range(ANSWERS):
                await stop_after(answers, held, report.of(connection))
                assert held.sockets() == 0
                assert len(await report.of(connection)()) == LENGTH
                assert (await connection.get_tracking()).stratum == 2
        held.assert_none()

    run(use())


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("what", ["function", "entering", "method"])
def test_a_read_may_be_cancelled_at_each_iteration_of_the_loop(
    what: str, transport: str, scripted: Daemon, hold: Callable[[], Held], run: Run
) -> None:
    """From before its first step to after its last. The delays give each answer an iteration of its own."""
    address = getattr(scripted, transport)
    scripted.say(f'values {{"sources": {LENGTH}}}')
    scripted.say("fault delay 0.001")

    async def read(connection: aio.ChronyConnection) -> None:
        if what == "function":
            await aio.get_sources(address)
        elif what == "entering":
            async with aio.ChronyConnection(address) as other:
                await other.get_sources()
        else:
            await connection.get_sources()

    async def use() -> None:
        held = hold()
        async with aio.ChronyConnection(address) as connection:
            iterations, cancelled, kept = 0, 0, held.sockets()
            while True:
                task = asyncio.ensure_future(read(connection))
                # After each iteration at first. Later, with pauses, so that the read can end without many iterations.
                for _ in range(iterations):
                    await asyncio.sleep(0 if iterations < 40 else 0.001)
                if task.done():
                    break
                await cancel(task)
                if what != "method":
                    assert held.sockets() == kept
                cancelled += 1
                iterations += 1
            await task
            assert cancelled > 10
            assert len(await connection.get_sources()) == LENGTH
        held.assert_none()

    run(use())


def test_cancelling_one_that_waits_for_its_turn_leaves_the_others_theirs(
    scripted: Daemon, until: Until, run: Run
) -> None:
    async def use() -> None:
        async with aio.ChronyConnection(scripted.socket) as connection:
            before = requests(scripted)
            scripted.say("fault silence")
            tasks = [asyncio.ensure_future(connection.get_tracking()) for _ in range(6)]
            await until(lambda: requests(scripted) > before, "the first request")
            await cancel(tasks[2])
            await cancel(tasks[5])
            assert requests(scripted) == before + 1
            # This call has the turn. The next one opens a socket of its own.
            await cancel(tasks[0])
            await until(lambda: requests(scripted) > before + 1, "the second request")
            scripted.say("clear")
            await cancel(tasks[1])
            results = await asyncio.gather(tasks[3], tasks[4])
            assert [result.stratum for result in results] == [2, 2]

    run(use())


def test_a_turn_that_comes_as_its_task_is_cancelled_goes_to_the_next(scripted: Daemon, until: Until, run: Run) -> None:
    async def use() -> None:
        async with aio.ChronyConnection(scripted.socket) as connection:
            before = requests(scripted)
            scripted.say("fault silence")
            tasks = [asyncio.ensure_future(connection.get_tracking()) for _ in range(4)]
            await until(lambda: requests(scripted) > before, "the first request")
            scripted.say("clear")
            for task in tasks[:3]:
                task.cancel()
            assert (await tasks[3]).stratum == 2
            assert [type(one) for one in await asyncio.gather(*tasks[:3], return_exceptions=True)] == [
                asyncio.CancelledError
            ] * 3

    run(use())


def test_cancelling_wins_over_an_answer_that_has_just_come(
    scripted: Daemon, hold: Callable[[], Held], run: Run
) -> None:
    """The task does not see the answer. The session on which it arrived is kept."""

    async def use() -> None:
        held = hold()
        async with aio.ChronyConnection(scripted.socket) as connection:
            task = asyncio.ensure_future(connection.get_tracking())
            await asyncio.sleep(0)
            # The loop finds the answer and cancels the task in one iteration.
            [own] = held.socket_numbers()
            assert select.select([own], [], [], 10)[0]
            asyncio.get_running_loop().call_soon(task.cancel)
            with contextlib.suppress(asyncio.CancelledError):
                await task
            before = requests(scripted)
            assert (await connection.get_tracking()).stratum == 2
            assert requests(scripted) == before + 1

    run(use())


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_sooner_of_the_tasks_deadline_and_ours_ends_a_call(
    transport: str, scripted: Daemon, hold: Callable[[], Held], timed: Callable[..., Any], run: Run
) -> None:
    address = getattr(scripted, transport)

    async def late() -> None:
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(aio.get_tracking(address, timeout=20), 0.2)

    async def theirs() -> None:
        if sys.version_info >= (3, 11):
            async with aio.ChronyConnection(address, timeout=20) as connection:
                scripted.say("fault silence")
                with pytest.raises(TimeoutError):
                    async with asyncio.timeout(0.2):
                        await connection.get_sources()

    async def ours() -> str:
        with pytest.raises(ChronyConnectionError) as caught:
            await asyncio.wait_for(aio.get_tracking(address, timeout=0.2), 20)
        return caught.value.message

    async def use() -> None:
        held = hold()
        await theirs()
        held.assert_none()
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(aio.get_tracking(address, timeout=20), 0)
        held.assert_none()

    scripted.say("fault silence")
    assert_unanswered(timed(lambda: run(ours()), 0.2), "200ms")
    # The timers of uvloop are precise to a millisecond.
    timed(lambda: run(late()), 0.199)
    scripted.say("clear")
    run(use())


def test_an_interrupt_of_a_timer_leaves_the_call_its_deadline(
    scripted: Daemon, until: Until, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A program may continue to use its loop after the interrupt."""
    scripted.say("fault silence")
    loop = asyncio.new_event_loop()
    go_on = Call.go_on

    def interrupt(_: Call) -> None:
        monkeypatch.setattr(Call, "go_on", go_on)
        raise KeyboardInterrupt

    async def begun() -> None:
        await until(lambda: requests(scripted) > before, "a request")

    async def use() -> None:
        with pytest.raises(ChronyConnectionError, match=r"did not (answer within|run for .* of the) 500ms"):
            await aio.get_tracking(scripted.socket, timeout=0.5)

    before = requests(scripted)
    try:
        task = loop.create_task(use())
        loop.run_until_complete(begun())
        monkeypatch.setattr(Call, "go_on", interrupt)
        with pytest.raises(KeyboardInterrupt):
            loop.run_until_complete(task)
        loop.run_until_complete(asyncio.wait_for(task, 10))
    finally:
        loop.close()


class HandlerError(Exception):
    """An exception that a signal handler raises."""


def test_a_handler_that_raises_in_a_callback_leaves_no_task_waiting(scripted: Daemon) -> None:
    """A handler may run at any instruction of the callbacks of an answer."""

    async def read(connection: aio.ChronyConnection) -> int | None:
        # If the exception keeps a call from its turn, the call ends at its timeout.
        with contextlib.suppress(HandlerError, ChronyConnectionError):
            return (await connection.get_tracking()).stratum
        return None

    async def use(instruction: int) -> int:
        left = instruction

        def trace(frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401
            nonlocal left
            base = frame
            while base.f_code.co_filename == _link.__file__ and base.f_back is not None:
                base = base.f_back
            # Not in the steps of tasks, where the exception would be the task's own.
            if base is frame or base.f_code.co_name != "_run" or frame.f_code.co_name == "_resolve":
                return None
            frame.f_trace_opcodes = True
            left -= event == "opcode"
            if not left and event == "opcode":
                raise HandlerError
            return trace

        async with aio.ChronyConnection(scripted.socket, timeout=0.2) as connection:
            sys.settrace(trace)
            try:
                calls = [asyncio.ensure_future(read(connection)) for _ in range(2)]
                done, waiting = await asyncio.wait(calls, timeout=10)
            finally:
                sys.settrace(None)
            assert not waiting, f"at instruction {instruction}"
            assert {call.result() for call in done} <= {2, None}
        return left

    loop = asyncio.new_event_loop()
    loop.set_exception_handler(lambda *_: None)
    with contextlib.closing(loop):
        instruction = 1
        while loop.run_until_complete(use(instruction)) <= 0:
            instruction += 1
    assert instruction > 50
