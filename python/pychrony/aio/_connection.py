"""A connection that is kept for many reads, for asyncio."""

import warnings
from collections.abc import Callable, Mapping
from os import PathLike
from types import TracebackType
from typing import Any, NoReturn, TypeVar

import pychrony
from pychrony import _core
from pychrony.aio._link import Link
from pychrony.generic import ReportField
from pychrony.models import (
    Activity,
    AuthData,
    NTPData,
    RTCData,
    SelectData,
    ServerStats,
    Smoothing,
    Source,
    SourceStats,
    TrackingStatus,
    Transport,
)

C = TypeVar("C", bound="ChronyConnection")


class ChronyConnection:
    """A connection to chronyd for many reads, in an ``async with`` block.

    It recovers by itself: after chronyd restarts, the next call works. Tasks may share it and take turns, in the order
    in which they came. Cancelling a task ends its call at once, and leaves the connection usable. Every call ends by
    its deadline. It belongs to the event loop that it was opened in.

    Entering a block connects to chronyd. On a Unix socket that sends nothing: it fails unless a process listens there,
    and the first report tells whether that is a chronyd which answers. Over UDP, entering asks chronyd, since only an
    answer shows that it is there; a refusal is one, too.

    Args:
        address: Where chronyd is: the path of its Unix socket, as a string or a path object, or the address of its
            command port: '127.0.0.1', '192.0.2.1:323', '::1', '[::1]:323', 'localhost' or a host name. By default
            '/run/chrony/chronyd.sock', '/var/run/chrony/chronyd.sock', '127.0.0.1' and '::1' are tried in this order
            until one is found, and the others when that one does not answer a report. A connection stays with the
            address that has answered, also of a host name, while that answers, if only with a refusal.
        timeout: Seconds that each call takes at most, greater than 0.
        parallel: Over how many sessions at once a long list of sources is read, at most. 1 reads source by source.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded (on entering).
        ChronyConnectionError: If the address is malformed, or (on entering) chronyd is not running or unreachable.
        ChronyPermissionError: If insufficient permissions to access chronyd (on entering).
        ValueError: If the timeout is not a finite number greater than 0, or `parallel` is out of range.

    Example:
        >>> import asyncio
        >>> from pychrony import aio
        >>> async def show() -> None:
        ...     async with aio.ChronyConnection() as connection:
        ...         status = await connection.get_tracking()
        ...         print(f"Offset: {status.offset:.6f} seconds, {len(await connection.get_sources())} sources")
        >>> asyncio.run(show())
        Offset: 0.000123 seconds, 1 sources
    """

    _link: Link | None = None

    def __init__(self, address: str | PathLike[str] | None = None, *, timeout: float = 5.0, parallel: int = 8) -> None:
        self._settings = _core.AsyncSettings(address, timeout, parallel)
        self._shown = f"{address!r}, timeout={timeout!r}, parallel={parallel!r}"
        #: In how many blocks the connection is.
        self._entered = 0
        #: How many of its blocks may still end that were in an event loop which is closed, or in another process.
        self._abandoned = 0

    def __repr__(self) -> str:
        """The arguments that the connection was made with."""
        return f"ChronyConnection({self._shown})"

    def __del__(self, warn: Callable[..., None] = warnings.warn) -> None:
        """Close the connection, which a block would have done."""
        if self._link is not None:
            self._link.close()
            if self._link.is_of_this_process():
                warn(f"unclosed {self!r}", ResourceWarning, source=self)

    def __reduce__(self) -> NoReturn:
        """Refuse copies, which would close each other's sockets."""
        raise TypeError(f"cannot pickle {type(self).__name__!r} object")

    async def __aenter__(self: C) -> C:
        """Connect to chronyd. Over UDP, make sure that it answers."""
        if self._link is not None and self._link.is_over():
            self._abandoned += self._entered
            self._close()
        if self._link is None:
            self._link = Link(self._settings.reader())
        link = self._link
        self._entered += 1
        try:
            await self._read(_core.AsyncReader.connect)
        except BaseException:
            if link is self._link:
                self._leave()
            raise
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc_value: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Close the connection. Entering again opens it again."""
        if self._abandoned and exc_type is GeneratorExit:
            self._abandoned -= 1
        else:
            self._leave()

    def _leave(self) -> None:
        self._entered -= 1
        if self._entered <= 0:
            self._close()

    def _close(self) -> None:
        self._entered = 0
        link, self._link = self._link, None
        if link is not None:
            link.close()

    async def _report(self, record: type[object] | tuple[str, type[object]]) -> Any:
        return await self._read(lambda reader: reader.read(record))

    async def _read(self, read: Callable[[_core.AsyncReader], _core.AsyncReading]) -> Any:
        link = self._link
        if link is None:
            raise RuntimeError(
                "the ChronyConnection is not open; use it in an async with block: "
                "async with ChronyConnection() as connection: ..."
            )
        if not link.is_of_running_loop():
            raise RuntimeError(
                "the ChronyConnection was opened in another event loop, or in the process that this one was forked "
                "from; use one of its own here: async with ChronyConnection() as connection: ..."
            )
        return await link.read(read(link.reader))

    @property
    def address(self) -> str | None:
        """The address connected to, or at which chronyd answered since; None while the connection is not open."""
        return None if self._link is None else self._link.reader.address

    @property
    def transport(self) -> Transport | None:
        """How chronyd is reached at that address; None while the connection is not open."""
        is_command_port = None if self._link is None else self._link.reader.is_command_port
        if is_command_port is None:
            return None
        return Transport.COMMAND_PORT if is_command_port else Transport.UNIX_SOCKET

    async def get_tracking(self) -> TrackingStatus:
        """As `pychrony.get_tracking`, on this connection; RuntimeError outside its block or event loop."""
        return await self._report(pychrony.models.TrackingStatus)

    async def get_sources(self) -> list[Source]:
        """As `pychrony.get_sources`, on this connection; RuntimeError outside its block or event loop."""
        return await self._report(pychrony.models.Source)

    async def get_source_stats(self) -> list[SourceStats]:
        """As `pychrony.get_source_stats`, on this connection; RuntimeError outside its block or event loop."""
        return await self._report(pychrony.models.SourceStats)

    async def get_rtc_data(self) -> RTCData:
        """As `pychrony.get_rtc_data`, on this connection; RuntimeError outside its block or event loop."""
        return await self._report(pychrony.models.RTCData)

    async def get_activity(self) -> Activity:
        """As `pychrony.get_activity`, on this connection; RuntimeError outside its block or event loop."""
        return await self._report(pychrony.models.Activity)

    async def get_select_data(self) -> list[SelectData]:
        """As `pychrony.get_select_data`, on this connection; RuntimeError outside its block or event loop."""
        return await self._report(pychrony.models.SelectData)

    async def get_auth_data(self) -> list[AuthData | None]:
        """As `pychrony.get_auth_data`, on this connection; RuntimeError outside its block or event loop."""
        return await self._report(pychrony.models.AuthData)

    async def get_ntp_data(self) -> list[NTPData | None]:
        """As `pychrony.get_ntp_data`, on this connection; RuntimeError outside its block or event loop."""
        return await self._report(pychrony.models.NTPData)

    async def get_server_stats(self) -> ServerStats:
        """As `pychrony.get_server_stats`, on this connection; RuntimeError outside its block or event loop."""
        return await self._report(pychrony.models.ServerStats)

    async def get_smoothing(self) -> Smoothing:
        """As `pychrony.get_smoothing`, on this connection; RuntimeError outside its block or event loop."""
        return await self._report(pychrony.models.Smoothing)

    async def get_report(self, name: str) -> list[Mapping[str, ReportField] | None]:
        """As `pychrony.get_report`, on this connection; RuntimeError outside its block or event loop."""
        return await self._report((name, ReportField))
