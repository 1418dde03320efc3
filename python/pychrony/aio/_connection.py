"""A connection that is kept for many reads, for asyncio."""

from collections.abc import Mapping
from os import PathLike
from typing import Any, TypeVar

from pychrony import _core, models
from pychrony.aio._link import Block, Link
from pychrony.functions import Seconds, annotate_timeout
from pychrony.generic import ReportField

C = TypeVar("C", bound="ChronyConnection")


class ChronyConnection(Block[Link]):
    """A connection to chronyd for many reads.

    It opens on the first call, or by `open`, or in an ``async with`` block, which closes it. It recovers: a call works
    as soon as chronyd does, even if that was started later or restarted. Tasks may share it and take turns, in the
    order of their calls. Cancelling a task ends its call at once, and leaves the connection usable. Every call ends by
    its deadline. After `aclose`, a call is an error until `open`.

    The connection belongs to the event loop that it was opened in, until that loop is closed.

    Args:
        address: The address of chronyd: the path of its Unix socket, as a string or a path object, or its
            command port: '127.0.0.1', '192.0.2.1:323', '::1', '[::1]:323', 'localhost' or a host name. By default
            '/run/chrony/chronyd.sock', '/var/run/chrony/chronyd.sock', '127.0.0.1' and '::1' are tried in this order
            until one is found. If that one does not answer a report, the others are tried. A connection stays with the
            address that answered, even if its host name has several addresses, as long as it answers. A refusal is an
            answer.
        timeout: The longest time that each call may take, in seconds or as a timedelta, greater than 0.
        parallel: The largest number of sessions over which a long list of sources is read at once, 1 or more. 1
            reads one source after the other.

    Raises:
        ChronyAddressError: If the address is malformed.
        TypeError: If an argument has the wrong type.
        ValueError: If the timeout is not a finite number greater than 0, or `parallel` is out of range.

    Example:
        >>> import asyncio
        >>> from pychrony import aio
        >>> async def show() -> None:
        ...     connection = aio.ChronyConnection()
        ...     status = await connection.get_tracking()
        ...     print(f"Offset: {status.offset:.6f} seconds, {len(await connection.get_sources())} sources")
        ...     await connection.aclose()
        >>> asyncio.run(show())
        Offset: 0.000123 seconds, 1 sources
    """

    _name, _use = "ChronyConnection", "async with ChronyConnection() as connection: ..."

    def __init__(
        self, address: str | PathLike[str] | None = None, *, timeout: Seconds = 5.0, parallel: int = 8
    ) -> None:
        self._settings = _core.ConnectionSettings(address, timeout, parallel)
        self._shown = f"{address!r}, timeout={timeout!r}, parallel={parallel!r}"

    def __repr__(self) -> str:
        """Return the arguments of the connection."""
        return f"ChronyConnection({self._shown})"

    async def __aenter__(self: C) -> C:
        """Connect to chronyd. Over UDP, make sure that it answers."""
        link = self._enter()
        try:
            await self._read(None)
        except BaseException:
            if link is self._opened:
                self._leave()
            raise
        return self

    async def open(self) -> None:
        """Connect to chronyd, as entering an ``async with`` block does.

        On a Unix socket it sends nothing, and fails unless a process listens there. The first report shows whether that
        process is a chronyd that answers. Over UDP it sends a request, since only an answer shows that chronyd is
        there. A refusal is an answer. If it fails, a later call tries again.

        Raises:
            ChronyLibraryError: If libchrony is not installed or cannot be loaded.
            ChronyConnectionError: If chronyd is not running or unreachable.
            ChronyPermissionError: If insufficient permissions to access chronyd.
        """
        self._is_closed = False
        await self._read(None)

    def _make(self) -> Link:
        return Link(_core.AsyncConnection(self._settings))

    async def _read(self, record: type[object] | tuple[str, type[object]] | None) -> Any:
        return await self._check().read(record)

    @property
    def address(self) -> str | None:
        """The address that answered last, or to which it was opened since. None while the connection is not open."""
        return None if self._opened is None else self._opened.connection.answered_at[0]

    @property
    def transport(self) -> models.Transport | None:
        """The transport to that address. None while the connection is not open."""
        is_command_port = None if self._opened is None else self._opened.connection.answered_at[1]
        if is_command_port is None:
            return None
        return models.Transport.COMMAND_PORT if is_command_port else models.Transport.UNIX_SOCKET

    async def get_tracking(self) -> models.TrackingStatus:
        """As `pychrony.get_tracking`, on this connection. Raises RuntimeError if closed, or in another loop."""
        return await self._read(models.TrackingStatus)

    async def get_sources(self) -> list[models.Source]:
        """As `pychrony.get_sources`, on this connection. Raises RuntimeError if closed, or in another loop."""
        return await self._read(models.Source)

    async def get_source_stats(self) -> list[models.SourceStats]:
        """As `pychrony.get_source_stats`, on this connection. Raises RuntimeError if closed, or in another loop."""
        return await self._read(models.SourceStats)

    async def get_rtc_data(self) -> models.RTCData:
        """As `pychrony.get_rtc_data`, on this connection. Raises RuntimeError if closed, or in another loop."""
        return await self._read(models.RTCData)

    async def get_activity(self) -> models.Activity:
        """As `pychrony.get_activity`, on this connection. Raises RuntimeError if closed, or in another loop."""
        return await self._read(models.Activity)

    async def get_select_data(self) -> list[models.SelectData]:
        """As `pychrony.get_select_data`, on this connection. Raises RuntimeError if closed, or in another loop."""
        return await self._read(models.SelectData)

    async def get_auth_data(self) -> list[models.AuthData | None]:
        """As `pychrony.get_auth_data`, on this connection. Raises RuntimeError if closed, or in another loop."""
        return await self._read(models.AuthData)

    async def get_ntp_data(self) -> list[models.NTPData | None]:
        """As `pychrony.get_ntp_data`, on this connection. Raises RuntimeError if closed, or in another loop."""
        return await self._read(models.NTPData)

    async def get_server_stats(self) -> models.ServerStats:
        """As `pychrony.get_server_stats`, on this connection. Raises RuntimeError if closed, or in another loop."""
        return await self._read(models.ServerStats)

    async def get_smoothing(self) -> models.Smoothing:
        """As `pychrony.get_smoothing`, on this connection. Raises RuntimeError if closed, or in another loop."""
        return await self._read(models.Smoothing)

    async def get_report(self, name: str) -> list[Mapping[str, ReportField] | None]:
        """As `pychrony.get_report`, on this connection. Raises RuntimeError if closed, or in another loop."""
        return await self._read((name, ReportField))


annotate_timeout(ChronyConnection.__init__)
