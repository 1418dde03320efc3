"""Many chronyds at once, for asyncio."""

from __future__ import annotations

import asyncio
import os
import warnings
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from os import PathLike
from types import TracebackType
from typing import Any, Generic, NamedTuple, NoReturn, TypeVar, get_args, get_type_hints, overload

import pychrony
from pychrony import _core
from pychrony.exceptions import ChronyError

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
F = TypeVar("F", bound="Fleet")
R = TypeVar("R", bound="Round[Any]")


class Descriptors(NamedTuple):
    """How many file descriptors a fleet needs, and how many there are."""

    needed: int
    """How many it takes to keep a session with each address: two for each, and two for all together."""
    available: int
    """How many the fleet may have: what the soft limit on open files allows, less those that were open before and a
    few that are left to the rest of the program."""


class Fleet:
    """Many chronyds, which one task reads at the same time, in an ``async with`` block.

    It keeps a session with each address from one round to the next, as far as the limit on open files allows; those
    beyond it are closed after each read. A failure is the result of its address and disturbs no other. It belongs to
    the event loop that it was opened in, and has one round at a time.

    Args:
        addresses: Where the chronyds are, each as `ChronyConnection` takes it. The address of a host name stands for
            all of that host's. They are looked up in threads of pychrony's own, 16 at a time.
        timeout: Seconds that one address has for all of its reports, from the moment at which it is asked; greater
            than 0.
        deadline: Seconds that a round takes at most, greater than 0; without a limit by default. An address that has
            not been asked by then has a ChronyConnectionError.
        in_flight: How many addresses are asked at once, at most. One that has been silent for a tenth of a second is
            listened to until its time is over, but is not counted any more.
        parallel: Over how many sessions at once the long list of one address is read, at most. Each costs two
            descriptors more.
        raise_descriptor_limit: Whether to raise this process's soft limit on open files, as far as the fleet needs it
            and the hard limit allows (on entering).

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded (on entering).
        ChronyConnectionError: If an address is malformed, or (on entering) the system gives no event queue.
        TypeError: If `addresses` is a single one, or one of them is no address.
        ValueError: If a number of seconds is not finite or not greater than 0, or another number is out of range.

    Example:
        >>> import asyncio
        >>> from pychrony import ChronyError, aio
        >>> async def show() -> None:
        ...     async with aio.Fleet(["/run/chrony/chronyd.sock"]) as fleet:
        ...         async for address, status in fleet.read(aio.get_tracking):
        ...             print(address, status if isinstance(status, ChronyError) else f"stratum {status.stratum}")
        >>> asyncio.run(show())
        /run/chrony/chronyd.sock stratum 2
    """

    _opened: _core.Fleet | None = None

    def __init__(
        self,
        addresses: Iterable[str | PathLike[str]],
        *,
        timeout: float = 5.0,
        deadline: float | None = None,
        in_flight: int = 256,
        parallel: int = 1,
        raise_descriptor_limit: bool = False,
    ) -> None:
        #: The addresses, in their order.
        self.addresses: tuple[str | PathLike[str], ...] = (
            (addresses,) if isinstance(addresses, str) else tuple(addresses)
        )
        given = addresses if isinstance(addresses, str) else self.addresses
        self._settings = _core.FleetSettings(given, timeout, deadline, in_flight, parallel, raise_descriptor_limit)
        self._loop: asyncio.AbstractEventLoop | None = None
        self._process = 0
        #: What waits for it.
        self._waiter: Waiter | None = None
        #: The number of the round.
        self._round = 0
        #: How many of its blocks may still end that were in an event loop which is closed, or in another process.
        self._abandoned = 0

    def __repr__(self) -> str:
        """How many addresses there are."""
        return f"<Fleet of {len(self.addresses)} addresses>"

    def __del__(self, warn: Callable[..., None] = warnings.warn) -> None:
        """Close the fleet, which a block would have done."""
        if self._opened is not None:
            self._opened.close()
            if self._process == os.getpid():
                warn(f"unclosed {self!r}", ResourceWarning, source=self)

    def __reduce__(self) -> NoReturn:
        """Refuse copies, which would close each other's sockets."""
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    async def __aenter__(self: F) -> F:
        """Get ready for rounds. No socket is opened before the first one."""
        if self._opened is not None and self._loop is not None:
            if self._process == os.getpid() and not self._loop.is_closed():
                raise RuntimeError("the Fleet is open already; one async with block at a time")
            self._abandoned += 1
            self._close()
        self._opened = self._settings.open()
        self._loop, self._process = asyncio.get_running_loop(), os.getpid()
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close all sockets. Entering again opens new ones."""
        if self._abandoned and exc_type is GeneratorExit:
            self._abandoned -= 1
        else:
            self._close()

    def _close(self) -> None:
        opened, self._opened = self._opened, None
        waiter, self._waiter = self._waiter, None
        if waiter is not None:
            waiter.stop()
        if opened is not None:
            opened.close()

    @property
    def descriptors(self) -> Descriptors | None:
        """How many file descriptors it needs, and how many there are; None while the fleet is not open."""
        return None if self._opened is None else Descriptors(*self._opened.descriptors)

    @overload
    def read(self, report: Callable[..., Awaitable[A]], /) -> Round[A | ChronyError]: ...
    @overload
    def read(
        self, first: Callable[..., Awaitable[A]], second: Callable[..., Awaitable[B]], /
    ) -> Round[tuple[A | ChronyError, B | ChronyError]]: ...
    @overload
    def read(
        self,
        first: Callable[..., Awaitable[A]],
        second: Callable[..., Awaitable[B]],
        third: Callable[..., Awaitable[C]],
        /,
    ) -> Round[tuple[A | ChronyError, B | ChronyError, C | ChronyError]]: ...
    @overload
    def read(
        self,
        first: Callable[..., Awaitable[A]],
        second: Callable[..., Awaitable[B]],
        third: Callable[..., Awaitable[C]],
        fourth: Callable[..., Awaitable[D]],
        /,
    ) -> Round[tuple[A | ChronyError, B | ChronyError, C | ChronyError, D | ChronyError]]: ...
    def read(self, *reports: Callable[..., Awaitable[Any]]) -> Round[Any]:
        """Read reports of all addresses, as the functions of `pychrony.aio` that are named here read them.

        Args:
            reports: One to four functions of `pychrony.aio`, such as `get_tracking` and `get_sources`. It reads nothing
                by name, as `get_report` does.

        Returns:
            Round: An asynchronous iterator. Each address comes once, in the order in which they end, with what the
            function returns or the exception that it raises, or a tuple of such if there are several functions.
            Another round ends it; so does leaving the fleet's block.

        Raises:
            RuntimeError: If called outside an ``async with`` block, or in another event loop.
            TypeError: If that is no such function, or none.

        Example:
            >>> import asyncio
            >>> from pychrony import ChronyError, aio
            >>> async def show() -> None:
            ...     async with aio.Fleet(["/run/chrony/chronyd.sock"]) as fleet:
            ...         async for address, (status, sources) in fleet.read(aio.get_tracking, aio.get_sources):
            ...             if isinstance(status, ChronyError) or isinstance(sources, ChronyError):
            ...                 print(f"{address}: no data")
            ...             else:
            ...                 print(f"{address}: stratum {status.stratum}, {len(sources)} sources")
            >>> asyncio.run(show())
            /run/chrony/chronyd.sock: stratum 2, 1 sources
        """
        if not reports:
            raise TypeError("a fleet reads at least one report; name functions of pychrony.aio, such as get_tracking")
        records = [record_of(report) for report in reports]
        opened, loop = self._check()
        descriptor = opened.begin(records)
        if self._waiter is None:
            self._waiter = Waiter(loop, descriptor)
        self._round += 1
        number = self._round

        def advance() -> tuple[list[tuple[int, object]], float | None]:
            if self._check()[0] is not opened or self._round != number:
                raise RuntimeError("the round has ended, since the Fleet has begun another one or was closed")
            return opened.advance()

        return Round(self.addresses, advance, self._waiter)

    def _check(self) -> tuple[_core.Fleet, asyncio.AbstractEventLoop]:
        if self._opened is None or self._loop is None:
            raise RuntimeError(
                "the Fleet is not open; use it in an async with block: async with Fleet(...) as fleet: ..."
            )
        if asyncio.get_running_loop() is not self._loop or self._process != os.getpid():
            raise RuntimeError(
                "the Fleet was opened in another event loop, or in the process that this one was forked from; use one "
                "of its own here: async with Fleet(...) as fleet: ..."
            )
        return self._opened, self._loop


def record_of(report: Callable[..., object]) -> type[object]:
    """Tell the record that a function of `pychrony.aio` reads: that of the module now, which may have been reloaded."""
    found = get_type_hints(report)["return"] if getattr(report, "__module__", None) == __package__ else None
    while arguments := get_args(found):
        found = arguments[0]
    record: type[object] | None = getattr(pychrony.models, getattr(found, "__name__", ""), None)
    if record is None:
        raise TypeError(
            "a fleet reads the reports that have a function of their own in pychrony.aio, such as get_tracking, not "
            f"{report!r}"
        )
    return record


class Waiter:
    """Waits for the descriptor of a fleet.

    It is watched only meanwhile: while a task is busy with a result, more that come are not to keep the loop busy.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, descriptor: int) -> None:
        self._loop = loop
        self._process = os.getpid()
        self._descriptor = descriptor
        self._futures: set[asyncio.Future[None]] = set()
        self._is_watched = False

    async def wait(self, seconds: float) -> None:
        """Wait until it is readable, for so long at most."""
        future: asyncio.Future[None] = self._loop.create_future()
        timer = self._loop.call_later(seconds, self._wake)
        try:
            self._futures.add(future)
            if not self._is_watched:
                self._loop.add_reader(self._descriptor, self._wake)
                self._is_watched = True
            await future
        finally:
            timer.cancel()
            self._futures.discard(future)
            # Tasks that share a round would wake each other without end if each of them ended the others' waits.
            if not self._futures:
                self.stop()

    def _wake(self) -> None:
        for future in self._futures:
            if not future.done():
                future.set_result(None)

    def stop(self) -> None:
        """End all waits, before the descriptor is closed."""
        # What the loop of a forked child watches is its parent's, too.
        if not self._loop.is_closed() and self._process == os.getpid():
            self._wake()
            if self._is_watched:
                self._loop.remove_reader(self._descriptor)
        self._is_watched = False


class Round(AsyncIterator["tuple[str | PathLike[str], T]"], Generic[T]):
    """The results of one round of a `Fleet`, as they come: an address as it was given, and what was read there.

    Nothing goes on between two results unless the next one is awaited. Cancelling a task that awaits it loses nothing.
    """

    def __init__(
        self,
        addresses: tuple[str | PathLike[str], ...],
        advance: Callable[[], tuple[list[tuple[int, object]], float | None]],
        waiter: Waiter,
    ) -> None:
        self._addresses = addresses
        self._advance = advance
        self._waiter = waiter
        self._results: deque[tuple[int, Any]] = deque()
        self._is_over = False

    def __aiter__(self: R) -> R:
        """Return itself."""
        return self

    async def __anext__(self) -> tuple[str | PathLike[str], T]:
        """The next result."""
        while not self._results:
            if self._is_over:
                raise StopAsyncIteration
            results, wait = self._advance()
            self._results.extend(results)
            self._is_over = wait is None
            if results:
                # Other tasks go on between one batch and the next.
                await asyncio.sleep(0)
            elif wait is not None:
                await self._waiter.wait(wait)
        number, value = self._results.popleft()
        return self._addresses[number], value
