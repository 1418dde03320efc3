"""Event loops that read. Their tasks share connections or have their own, are cancelled, and read fleets."""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

import uvloop
from soak.bed import Bed
from soak.calls import REPORTS, Tally, is_busy, judge, note_end
from soak.judge import Lateness
from soak.readers import LONG_TIMEOUTS, TIMEOUTS
from soak.run import Run
from tests.support.reports import LISTS, SINGLES

from pychrony import ChronyError, aio

LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
SHARING = 8
#: The reports that each fleet reads in a round.
FLEETS = ([one.call for one in SINGLES if one.unavailable is None], [one.call for one in LISTS])
#: The timeout of calls that wait for each other.
TIMEOUT = 5.0


def read_in_loop(kind: str, run: Run, tally: Tally, rng: random.Random) -> None:
    """Run all tasks in one event loop."""
    loop = LOOPS[kind]()
    try:
        tasks = Tasks(run, rng)
        loop.run_until_complete(tasks.read())
        tally.add(tasks.tally)
    finally:
        loop.close()


def is_loops_own(error: ChronyError) -> bool:
    """Return True if other calls, or the event loop itself, left no time to ask chronyd."""
    return is_busy(error) or any(words in error.message for words in ("itself did not run", "were over before"))


class Tasks:
    """The tasks of one event loop."""

    def __init__(self, run: Run, rng: random.Random) -> None:
        self.tally = Tally()
        self._run = run
        self._rng = rng
        # A busy loop delays a call twice: when the deadline passes, and before the task resumes.
        self._lateness = Lateness(run.slack, run.events, sleeps=2)

    async def read(self) -> None:
        """Run all tasks until the end, and raise the first exception."""
        beds = self._run.beds
        bodies = [self._watch(), *(self._read_fleet(names) for names in FLEETS)]
        for bed in beds.real:
            bodies += [self._share(bed), self._own(bed, TIMEOUTS)]
        for bad in beds.scripted:
            bodies += [self._own(bad, LONG_TIMEOUTS), self._cancel(bad)]
        await asyncio.gather(*bodies)
        self._lateness.judge([self.tally], time.monotonic())

    async def _watch(self) -> None:
        """Note how late the loop wakes a task that only sleeps."""
        judged = time.monotonic()
        while not self._run.stop.is_set():
            due = time.monotonic() + 0.01
            await asyncio.sleep(0.01)
            self._lateness.add(due, time.monotonic())
            if time.monotonic() > judged + 1.0:
                judged = time.monotonic()
                self._lateness.judge([self.tally], judged - 0.5)

    async def _call(
        self, bed: Bed[Any], name: str, timeout: float, via: str, function: Callable[[], Awaitable[Any]]
    ) -> bool:
        result, failure = None, None
        before, start = bed.now(), time.monotonic()
        try:
            result = await function()
        except ChronyError as error:
            failure = error.with_traceback(None)
        note_end(self.tally, f"{name} {via}", timeout, start, failure)
        judge(self.tally, bed, name, timeout, before, via=via, result=result, failure=failure, excuse=is_loops_own)
        # A call that ends without waiting would not let other tasks run.
        await asyncio.sleep(0)
        return failure is None

    async def _read(self, connection: aio.ChronyConnection, bed: Bed[Any], timeout: float, via: str) -> None:
        name = self._rng.choice(REPORTS)
        await self._call(bed, name, timeout, via, getattr(connection, name))

    async def _enter(self, connection: aio.ChronyConnection, bed: Bed[Any], timeout: float, via: str) -> bool:
        return await self._call(bed, "enter", timeout, via, connection.__aenter__)

    def _new(self, bed: Bed[Any], timeout: float) -> tuple[aio.ChronyConnection, str]:
        transport = self._rng.choice([*bed.addresses])
        lanes = self._rng.choice((1, 2, 8))
        connection = aio.ChronyConnection(bed.addresses[transport], timeout=timeout, parallel=lanes)
        return connection, f"task, connection {transport}{bed.suffix}"

    async def _share(self, bed: Bed[Any]) -> None:
        """Read with several tasks on one connection, and then on a new one, until the end."""
        while not self._run.stop.is_set():
            connection, via = self._new(bed, TIMEOUT)
            if await self._enter(connection, bed, TIMEOUT, via):
                end = time.monotonic() + self._rng.uniform(0.5, 5.0)

                await asyncio.gather(*(self._read_until(end, connection, bed, via) for _ in range(SHARING)))
                await connection.__aexit__(None, None, None)

    async def _read_until(self, end: float, connection: aio.ChronyConnection, bed: Bed[Any], via: str) -> None:
        while time.monotonic() < end and not self._run.stop.is_set():
            await self._read(connection, bed, TIMEOUT, via)

    async def _own(self, bed: Bed[Any], timeouts: tuple[float, ...]) -> None:
        """Read alternately on short-lived connections and with one-shot functions."""
        while not self._run.stop.is_set():
            timeout = self._rng.choice(timeouts)
            connection, via = self._new(bed, timeout)
            if await self._enter(connection, bed, timeout, via):
                for _ in range(self._rng.randint(1, 30)):
                    await self._read(connection, bed, timeout, via)
                    if self._run.stop.is_set():
                        break
                await connection.__aexit__(None, None, None)
            transport, name = self._rng.choice([*bed.addresses]), self._rng.choice(REPORTS)
            function = partial(getattr(aio, name), bed.addresses[transport], timeout=timeout)
            await self._call(bed, name, timeout, f"task, function {transport}{bed.suffix}", function)

    async def _cancel(self, bed: Bed[Any]) -> None:
        """Cancel calls at random times, on a connection that stays open."""
        while not self._run.stop.is_set():
            connection, via = self._new(bed, TIMEOUT)
            if await self._enter(connection, bed, TIMEOUT, via):
                for _ in range(self._rng.randint(1, 30)):
                    call = asyncio.ensure_future(getattr(connection, self._rng.choice(REPORTS))())
                    done, _ = await asyncio.wait([call], timeout=self._rng.choice((0.0, 0.001, 0.01)))
                    call.cancel()
                    await asyncio.gather(call, return_exceptions=True)
                    self._run.events["cancelled call" if not done else "call before it was cancelled"] += 1
                    if self._run.stop.is_set():
                        break
                await connection.__aexit__(None, None, None)

    async def _read_fleet(self, names: list[str]) -> None:
        """Read all real chronyds in rounds, at each of their addresses."""
        named = [bed for bed in self._run.beds.real for _ in bed.addresses]
        addresses = [address for bed in self._run.beds.real for address in bed.addresses.values()]
        beds = dict(zip(addresses, named, strict=True))
        while not self._run.stop.is_set():
            async with aio.Fleet(addresses, timeout=TIMEOUT) as fleet:
                for _ in range(self._rng.randint(1, 30)):
                    start = time.monotonic()
                    before = {address: bed.now() for address, bed in beds.items()}
                    left = set(addresses)
                    async for result in fleet.read(*(getattr(aio, name) for name in names)):
                        address = str(result.address)
                        left.remove(address)
                        bed = beds[address]
                        values: tuple[Any, ...] = result.value if isinstance(result.value, tuple) else (result.value,)
                        for name, value in zip(names, values, strict=True):
                            failure = value if isinstance(value, ChronyError) else None
                            note_end(self.tally, f"{name} fleet", TIMEOUT, start, failure)
                            then = before[address]
                            judge(
                                self.tally,
                                bed,
                                name,
                                TIMEOUT,
                                then,
                                via="fleet",
                                result=value,
                                failure=failure,
                                excuse=is_loops_own,
                            )
                    if left:
                        self.tally.violation(f"a round without {len(left)} of its addresses")
                    if self._run.stop.is_set():
                        return
                    await asyncio.sleep(self._rng.uniform(0.0, 0.1))
