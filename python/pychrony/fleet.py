"""Many chronyds at once, for programs without an event loop."""

from __future__ import annotations

import math
import select
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Any, Generic, NoReturn, TypeVar, overload

from pychrony import _core
from pychrony._fleet import Address, Descriptors, FleetResult, records_of
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


class Fleet:
    """Many chronyds, which one thread reads at once.

    The fleet keeps a session with each address from one round to the next. Sessions beyond the limit on open files are
    closed after each read. A failure is the result of its own address alone, even if that is no valid address. The
    fleet has one round at a time. It opens when it is first read, and a ``with`` block closes it. After a fork, the
    child gets sockets of its own.

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
        raise_descriptor_limit: True to raise this process's soft limit on open files when the fleet opens, as far as
            the fleet needs and the hard limit allows.

    Raises:
        TypeError: If `addresses` is a single address, or contains something that is not an address.
        ValueError: If a number of seconds is not finite or not greater than 0, or another number is out of range.

    Example:
        >>> from pychrony import ChronyError, Fleet, get_tracking
        >>> with Fleet(["/run/chrony/chronyd.sock"]) as fleet:
        ...     for result in fleet.read(get_tracking):
        ...         if isinstance(result.value, ChronyError):
        ...             print(f"{result.address}: no data")
        ...         else:
        ...             print(f"{result.address}: stratum {result.value.stratum}")
        /run/chrony/chronyd.sock: stratum 2
    """

    _opened: _core.Fleet | None = None
    _is_closed = False

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
        #: The round that the fleet reads.
        self._round: object = None

    def __repr__(self) -> str:
        """Return the number of addresses."""
        return f"<Fleet of {len(self.addresses)} addresses>"

    def __enter__(self: F) -> F:
        """Open it."""
        self.open()
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close it."""
        self.close()

    def __del__(self, warn: Callable[..., None] = warnings.warn) -> None:
        """Close it."""
        if self._opened is not None:
            is_own = not self._opened.is_forked()
            self.close()
            if is_own:
                warn(f"unclosed {self!r}", ResourceWarning, source=self)

    def __reduce__(self) -> NoReturn:
        """Refuse copies, which would close each other's sockets."""
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    def open(self) -> None:
        """Prepare for rounds, if it is not open. No socket is opened before the first round.

        Raises:
            ChronyLibraryError: If libchrony is not installed or cannot be loaded.
            ChronyConnectionError: If the system gives no event queue.
        """
        self._is_closed = False
        self._open()

    def close(self) -> None:
        """End the round, and close all sockets. `open` opens it again."""
        self._is_closed = True
        self._round = None
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    @property
    def closed(self) -> bool:
        """True if it was closed, and not opened again."""
        return self._is_closed

    @property
    def descriptors(self) -> Descriptors | None:
        """The file descriptors that the fleet needs, and the number that it may open. None while it is not open."""
        return None if self._opened is None else Descriptors(*self._opened.descriptors)

    @overload
    def read(self, report: Callable[..., A], /) -> Round[A | ChronyError]: ...
    @overload
    def read(
        self, first: Callable[..., A], second: Callable[..., B], /
    ) -> Round[tuple[A | ChronyError, B | ChronyError]]: ...
    @overload
    def read(
        self, first: Callable[..., A], second: Callable[..., B], third: Callable[..., C], /
    ) -> Round[tuple[A | ChronyError, B | ChronyError, C | ChronyError]]: ...
    @overload
    def read(
        self, first: Callable[..., A], second: Callable[..., B], third: Callable[..., C], fourth: Callable[..., D], /
    ) -> Round[tuple[A | ChronyError, B | ChronyError, C | ChronyError, D | ChronyError]]: ...
    @overload
    def read(self, name: str, /) -> Round[list[Mapping[str, ReportField] | None] | ChronyError]: ...
    @overload
    def read(
        self, first: str, second: str, /, *names: str
    ) -> Round[tuple[list[Mapping[str, ReportField] | None] | ChronyError, ...]]: ...
    def read(self, *reports: Callable[..., Any] | str) -> Round[Any]:
        """Read reports of all addresses, each as its function of `pychrony` does.

        Args:
            reports: One to four functions of `pychrony`, such as `get_tracking` and `get_sources`. Or the names of any
                reports, which are read as `get_report` does. A decorated or partial function is refused.

        Returns:
            Round: An iterator. Each address comes once, as soon as it is done. A further round ends this one, and so
            does closing the fleet. The round progresses only while a result is awaited.

        Raises:
            ChronyLibraryError: If libchrony is not installed or cannot be loaded.
            ChronyConnectionError: If the system gives no event queue.
            ChronyDataError: If libchrony knows no report of a name.
            RuntimeError: If the fleet was closed.
            TypeError: If there is no report, if one is not a name or a function of `pychrony`, or if there are both
                names and functions.

        Example:
            >>> from pychrony import ChronyError, Fleet, get_sources, get_tracking
            >>> with Fleet(["/run/chrony/chronyd.sock"]) as fleet:
            ...     for result in fleet.read(get_tracking, get_sources):
            ...         status, sources = result.value
            ...         if isinstance(status, ChronyError) or isinstance(sources, ChronyError):
            ...             print(f"{result.address}: no data")
            ...         else:
            ...             print(f"{result.address}: stratum {status.stratum}, {len(sources)} sources")
            /run/chrony/chronyd.sock: stratum 2, 1 sources
        """
        records = records_of(reports, "pychrony")
        if self._is_closed:
            raise RuntimeError("the Fleet is closed; open it again with its method open()")
        opened = self._open()
        descriptor = opened.begin(records)
        self._round = marker = object()

        def advance() -> tuple[list[tuple[int, Any]], float | None]:
            if self._round is not marker:
                raise RuntimeError("the round has ended, since the Fleet has begun another one or was closed")
            return opened.advance()

        return Round(self.addresses, descriptor, advance)

    def _open(self) -> _core.Fleet:
        # A forked child opens sockets of its own.
        if self._opened is None or self._opened.is_forked():
            self._opened = _core.Fleet(self._settings)
        return self._opened


class Round(Iterator[FleetResult[T]], Generic[T]):
    """The results of one round of a `Fleet`, as they come."""

    def __init__(
        self,
        addresses: tuple[Address, ...],
        descriptor: int,
        advance: Callable[[], tuple[list[tuple[int, Any]], float | None]],
    ) -> None:
        self._addresses = addresses
        self._advance = advance
        self._ready = select.poll()
        self._ready.register(descriptor, select.POLLIN)
        self._read: deque[tuple[int, Any]] = deque()
        self._is_over = False

    def __iter__(self: R) -> R:
        """Return itself."""
        return self

    def __next__(self) -> FleetResult[T]:
        """Wait for the next result."""
        while not self._read:
            if self._is_over:
                raise StopIteration
            read, wait = self._advance()
            self._read.extend(read)
            self._is_over = wait is None
            if wait is not None and not read:
                self._ready.poll(math.ceil(wait * 1000))
        index, value = self._read.popleft()
        return FleetResult(index, self._addresses[index], value)
