"""`pychrony.aio.health`: the verdict in an event loop, which is free meanwhile."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

from pychrony import health
from pychrony.aio import health as aio_health
from pychrony.health import Level

if TYPE_CHECKING:
    from tests.aio.conftest import Held, Run
    from tests.support.daemon import Daemon


def test_the_signature_is_the_packages() -> None:
    assert inspect.iscoroutinefunction(aio_health.check)
    assert inspect.signature(aio_health.check) == inspect.signature(health.check)


def test_all_reports_are_read_without_threads(scripted: Daemon, hold: Callable[[], Held], run: Run) -> None:
    """Those that tell the cause, too."""
    scripted.say('values {"tracking": {"stratum": 12}}')

    async def use() -> health.Verdict:
        held = hold()
        verdict = await aio_health.check(scripted.socket)
        held.assert_none()
        return verdict

    verdict = run(use())
    assert verdict.level >= Level.WARNING
    assert verdict.causes == health.check(scripted.socket).causes
    assert verdict.address == scripted.socket


def test_other_tasks_run_and_cancelling_ends_the_call(scripted: Daemon, hold: Callable[[], Held], run: Run) -> None:
    scripted.say("fault silence")

    async def use() -> None:
        held = hold()
        task = asyncio.ensure_future(aio_health.check(scripted.socket, timeout=60))
        while not held.sockets():
            await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0)
        held.assert_none()

    run(use())


def test_many_are_checked_at_once(scripted: Daemon, run: Run) -> None:
    async def use() -> None:
        checks = [aio_health.check(address) for address in [scripted.socket, scripted.udp, "/nowhere"] * 5]
        verdicts = await asyncio.gather(*checks)
        assert [verdict.address for verdict in verdicts] == [scripted.socket, scripted.udp, None] * 5

    run(use())
