"""Event loops of both kinds, a scripted chronyd, and what this process holds."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import pytest
import uvloop

if TYPE_CHECKING:
    from tests.support.daemon import Daemon

T = TypeVar("T")
#: Nothing here takes nearly as long; this is for a machine in trouble.
PATIENCE = 30.0

RUN: dict[str, Any] = {"asyncio": asyncio.run, "uvloop": uvloop.run}


class Run(Protocol):
    """Runs a coroutine in an event loop of its own."""

    def __call__(self, main: Coroutine[Any, Any, T]) -> T:
        """Return what it returns."""


@pytest.fixture(params=RUN)
def run(request: pytest.FixtureRequest) -> Run:
    """Run a coroutine in each kind of event loop."""
    kind: Run = RUN[request.param]
    return kind


def descriptors() -> set[str]:
    """This process's descriptors and their targets, except for the one that this function opens."""
    entries = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
    return {f"{entry.name} {entry.readlink()}" for entry in entries if entry.is_symlink()}


class Held:
    """A comparison of this process's resources with those at first."""

    def __init__(self, daemon: Daemon) -> None:
        """Look for the first time."""
        self._daemon = daemon
        self._before, self._folders = descriptors(), daemon.leftovers()

    def left(self) -> set[str]:
        """Return the descriptors that were not there at first."""
        return descriptors() - self._before

    def socket_numbers(self) -> list[int]:
        """Return the numbers of the sockets that were not there at first."""
        return [int(line.split()[0]) for line in self.left() if " socket:" in line]

    def sockets(self) -> int:
        """Return the number of sockets that were not there at first."""
        return len(self.socket_numbers())

    def assert_none(self) -> None:
        """Fail if there is a descriptor, or a folder next to the daemon's socket, that was not there at first."""
        assert self.left() == set()
        assert set(self._daemon.leftovers()) - set(self._folders) == set()


@pytest.fixture
def hold(scripted: Daemon) -> Callable[[], Held]:
    """Look at what this process holds now, in the middle of an event loop."""
    return lambda: Held(scripted)


@pytest.fixture(scope="session", autouse=True)
def _loops_have_been_there() -> None:
    """The first loop of a kind opens what is for all of them, and stays."""
    for kind in RUN.values():
        kind(asyncio.sleep(0))


@pytest.fixture
def until() -> Callable[..., Awaitable[None]]:
    """Return a function that waits for a condition in an event loop: `until(condition, what)`."""

    async def wait(condition: Callable[[], object], what: str) -> None:
        end = asyncio.get_running_loop().time() + PATIENCE
        while not condition():
            assert asyncio.get_running_loop().time() < end, f"not within {PATIENCE} s: {what}"
            await asyncio.sleep(0.002)

    return wait
