"""Many chronyds at once, for asyncio."""

from __future__ import annotations

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from typing import Any, Generic, TypeVar, overload

from pychrony import _core
from pychrony._fleet import Address, Descriptors, FleetResult, Wanted, records_of
from pychrony.aio._link import Block, LoopBound, Timed
from pychrony.exceptions import ChronyError
from pychrony.functions import Seconds
from pychrony.generic import ReportField

T = TypeVar("T")
A = TypeVar("A")
B = TypeVar("B")
C = TypeVar("C")
D = TypeVar("D")
F = TypeVar("F", bound="Fleet")
R = TypeVar("R", bound="Round[Any]")


class Fleet(Block["Opened"]):
    """Many chronyds, which one task reads at once.

    The fleet keeps a session with each address from one round to the next. Sessions beyond the limit on open files are
    closed after each read. A failure is the result of its own address alone. The fleet has one round at a
    time. It opens when it is first read, and an ``async with`` block closes it. It belongs to the event loop that it
    was opened in, until that loop is closed.

    Args:
        addresses: The addresses of the chronyds, each as `ChronyConnection` takes it. A host name stands for all
            addresses of the host. pychrony looks host names up in threads, 16 at a time.
        timeout: The time that one address has for all of its reports, from its first request, in seconds, greater than
            0.
        deadline: The longest time that a round may take, in seconds, greater than 0; no limit by default. The result of
            an address that was not asked by then is a ChronyConnectionError.
        in_flight: The largest number of addresses that are asked at once, 1 or more. An address that has been silent
            for a tenth of a second no longer counts, but may still answer until its timeout.
        parallel: The largest number of sessions over which a long list of one address is read at once, 1 or more. Each
            further one takes two more descriptors.
        raise_descriptor_limit: True to raise this process's soft limit on open files on entering, as far as the fleet
            needs and the hard limit allows.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded (on entering).
        ChronyConnectionError: If (on entering) the system gives no event queue.
        TypeError: If `addresses` is a single address, or contains something that is not an address.
        ValueError: If a number of seconds is not finite or not greater than 0, or another number is out of range.

    Example:
        >>> import asyncio
        >>> from pychrony import ChronyError, aio
        >>> async def show() -> None:
        ...     async with aio.Fleet(["/run/chrony/chronyd.sock"]) as fleet:
        ...         async for result in fleet.read(aio.get_tracking):
        ...             if isinstance(result.value, ChronyError):
        ...                 print(f"{result.address}: no data")
        ...             else:
        ...                 print(f"{result.address}: stratum {result.value.stratum}")
        >>> asyncio.run(show())
        /run/chrony/chronyd.sock: stratum 2
    """

    _name, _use = "Fleet", "async with Fleet(...) as fleet: ..."

    def __init__(
        self,
        addresses: Iterable[Address],
        *,
        timeout: Seconds = 5.0,
        deadline: Seconds | None = None,
        in_flight: int = 256,
        parallel: int = 1,
        raise_descriptor_limit: bool = False,
    ) -> None:
        #: The addresses, in their order.
        self.addresses: tuple[Address, ...] = (addresses,) if isinstance(addresses, str) else tuple(addresses)
        given = addresses if isinstance(addresses, str) else self.addresses
        self._settings = _core.FleetSettings(given, timeout, deadline, in_flight, parallel, raise_descriptor_limit)

    def __repr__(self) -> str:
        """Return the number of addresses."""
        return f"<Fleet of {len(self.addresses)} addresses>"

    async def __aenter__(self: F) -> F:
        """Prepare for rounds. No socket is opened before the first one."""
        if self._entered and self._opened is not None and not self._opened.is_over():
            raise RuntimeError("the Fleet is open already; one async with block at a time")
        self._enter()
        return self

    async def open(self) -> None:
        """Prepare for rounds, if it is not open. No socket is opened before the first round.

        Raises:
            ChronyLibraryError: If libchrony is not installed or cannot be loaded.
            ChronyConnectionError: If the system gives no event queue.
        """
        self._is_closed = False
        self._check()

    def _make(self) -> Opened:
        return Opened(_core.Fleet(self._settings))

    @property
    def descriptors(self) -> Descriptors | None:
        """The file descriptors that the fleet needs, and the number that it may open. None while it is not open."""
        return None if self._opened is None else Descriptors(*self._opened.fleet.descriptors)

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
    @overload
    def read(self, name: str, /) -> Round[list[Mapping[str, ReportField] | None] | ChronyError]: ...
    @overload
    def read(
        self, first: str, second: str, /, *names: str
    ) -> Round[tuple[list[Mapping[str, ReportField] | None] | ChronyError, ...]]: ...
    def read(self, *reports: Callable[..., Awaitable[Any]] | str) -> Round[Any]:
        """Read reports of all addresses, each as its function of `pychrony.aio` does.

        Args:
            reports: One to four functions of `pychrony.aio`, such as `get_tracking` and `get_sources`. Or the names of
                any reports, which are read as `get_report` does. A decorated or partial function is refused.

        Returns:
            Round: An asynchronous iterator. Each address comes once, as soon as it is done, with the value that the
            function returns or the exception that it raises. With several functions it is a tuple of these. A further
            round ends this one, and so does closing the fleet.

        Raises:
            RuntimeError: If the fleet is closed, or in another event loop.
            ChronyDataError: If libchrony knows no report of a name.
            TypeError: If there is no report, if one is not a name or a function of `pychrony.aio`, or if there are both
                names and functions.

        Example:
            >>> import asyncio
            >>> from pychrony import ChronyError, aio
            >>> async def show() -> None:
            ...     async with aio.Fleet(["/run/chrony/chronyd.sock"]) as fleet:
            ...         async for result in fleet.read(aio.get_tracking, aio.get_sources):
            ...             status, sources = result.value
            ...             if isinstance(status, ChronyError) or isinstance(sources, ChronyError):
            ...                 print(f"{result.address}: no data")
            ...             else:
            ...                 print(f"{result.address}: stratum {status.stratum}, {len(sources)} sources")
            >>> asyncio.run(show())
            /run/chrony/chronyd.sock: stratum 2, 1 sources
        """
        records = records_of(reports, "pychrony.aio")
        opened, results = self._check(), Results()
        opened.begin(records, results)

        def watch() -> None:
            if self._opened is not opened or opened.is_over() or not opened.reads(results):
                raise RuntimeError("the round has ended, since the Fleet has begun another one or was closed")
            self._check().watch()

        return Round(self.addresses, results, watch)


class Results:
    """The results of a round, and the tasks that wait for them."""

    def __init__(self) -> None:
        self.read: deque[tuple[int, Any]] = deque()
        self.is_over = False
        #: The exception of a callback, for a task.
        self.error: Exception | None = None
        self._futures: set[asyncio.Future[None]] = set()

    async def wait(self) -> None:
        """Wait until there is more."""
        if not (self.read or self.is_over or self.error):
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._futures.add(future)
            try:
                await future
            finally:
                self._futures.discard(future)
        if self.error is not None:
            try:
                raise self.error
            finally:
                self.error = None

    def wake(self) -> None:
        """Wake the tasks."""
        for future in self._futures:
            if not future.done():
                future.set_result(None)


class Opened(LoopBound, Timed):
    """A fleet in the event loop that is running, which advances a round once its first result is awaited."""

    def __init__(self, fleet: _core.Fleet) -> None:
        LoopBound.__init__(self, fleet.is_forked)
        Timed.__init__(self, self._loop)
        self.fleet = fleet
        self._descriptor = -1
        self._is_watched = False
        #: The results of the round, which stops once no task refers to them.
        self._results: Callable[[], Results | None] = lambda: None

    def begin(self, records: list[Wanted], results: Results) -> None:
        """Begin a round, and end the one before it."""
        self._stop()
        self._descriptor = self.fleet.begin(records)
        self._results = weakref.ref(results)

    def reads(self, results: Results) -> bool:
        """Return true if these are the results of the round."""
        return self._results() is results

    def watch(self) -> None:
        """Have the round continue."""
        if not self._is_watched:
            self._loop.add_reader(self._descriptor, self.go_on)
            self._is_watched = True
            self.go_on()

    def go_on(self) -> None:
        """Continue as far as possible, and let the loop continue from there."""
        results = self._results()
        if not self._is_watched or results is None:
            return self._stop()
        try:
            read, wait = self.fleet.advance()
            results.read.extend(read)
            results.is_over = wait is None
            if wait is not None:
                self._arm(wait)
                if read:
                    results.wake()
                return None
        except Exception as error:  # noqa: BLE001
            # The exception is for a task, whichever code called here.
            results.error = error
        return self._stop()

    def _stop(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # The descriptor that the loop of a forked child watches is its parent's, too.
        if not self.is_over():
            if self._is_watched:
                self._loop.remove_reader(self._descriptor)
            if (results := self._results()) is not None:
                results.wake()
        self._is_watched = False

    def close(self) -> None:
        """End the round, and close all that is open."""
        if not self.hands_over(self.close):
            self._stop()
            self.fleet.close()


class Round(AsyncIterator[FleetResult[T]], Generic[T]):
    """The results of one round of a `Fleet`, as they come.

    The round advances from the first awaited result until it is over, even while a task is busy with a result.
    Cancelling a task that awaits one loses nothing.
    """

    def __init__(self, addresses: tuple[Address, ...], results: Results, watch: Callable[[], None]) -> None:
        self._addresses = addresses
        self._results = results
        self._watch = watch

    def __aiter__(self: R) -> R:
        """Return itself."""
        return self

    async def __anext__(self) -> FleetResult[T]:
        """Return the next result."""
        results = self._results
        while not results.read:
            if results.is_over:
                raise StopAsyncIteration
            self._watch()
            await results.wait()
        index, value = results.read.popleft()
        return FleetResult(index, self._addresses[index], value)
