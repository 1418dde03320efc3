"""Fixtures for event loops of both kinds, and for the resources of this process."""

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
#: A timeout in seconds that is only exceeded on a machine in trouble: nothing here takes nearly as long.
PATIENCE = 30.0

RUN: dict[str, Any] = {"asyncio": asyncio.run, "uvloop": uvloop.run}


class Run(Protocol):
    """Runs a coroutine in an event loop of its own."""

    def __call__(self, main: Coroutine[Any, Any, T]) -> T:
        """Run the coroutine, and return its result."""


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
    """A comparison of this process's resources with the resources that it had before."""

    def __init__(self, daemon: Daemon) -> None:
        """Record the resources that the process has now."""
        self._daemon = daemon
        self._before, self._folders = descriptors(), daemon.leftovers()

    def left(self) -> set[str]:
        """Return the descriptors that are new."""
        return descriptors() - self._before

    def socket_numbers(self) -> list[int]:
        """Return the descriptor numbers of the sockets that are new."""
        return [int(line.split()[0]) for line in self.left() if " socket:" in line]

    def sockets(self) -> int:
        """Return the number of sockets that are new."""
        return len(self.socket_numbers())

    def assert_none(self) -> None:
        """Fail if there is a new descriptor, or a new folder next to the daemon's socket."""
        assert self.left() == set()
        assert set(self._daemon.leftovers()) - set(self._folders) == set()


@pytest.fixture
def hold(scripted: Daemon) -> Callable[[], Held]:
    """Return a function that records the resources of this process, for use inside an event loop."""
    return lambda: Held(scripted)


@pytest.fixture(scope="session", autouse=True)
def _loops_have_run_once() -> None:
    """Run a loop of each kind, because the first one opens descriptors that all share and that stay open."""
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
