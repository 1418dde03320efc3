"""The functions of `pychrony.aio` that read one report each: open, read, close."""

from __future__ import annotations

from os import PathLike

from pychrony import _core
from pychrony.aio._link import once
from pychrony.models import RTCData, Source, SourceStats, TrackingStatus


async def get_tracking(socket_path: str | PathLike[str] | None = None, *, timeout: float = 5.0) -> TrackingStatus:
    """Get the current tracking status from chronyd.

    Args:
        socket_path: Path of chronyd's Unix socket, as a string or a path object. Defaults to
            '/run/chrony/chronyd.sock' or '/var/run/chrony/chronyd.sock'. Also takes the address of a command port,
            such as '127.0.0.1', '192.0.2.1:323' or '[::1]:323', which needs no permission.
        timeout: Seconds that the call takes at most, greater than 0.

    Returns:
        TrackingStatus: How the system clock follows its reference.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.
        ChronyConnectionError: If chronyd is not running or unreachable, or does not answer in time.
        ChronyPermissionError: If insufficient permissions to access chronyd.
        ChronyDataError: If tracking data is invalid or incomplete.
        ValueError: If the timeout is not a finite number greater than 0.

    Example:
        >>> import asyncio
        >>> from pychrony import aio
        >>> async def show() -> None:
        ...     status = await aio.get_tracking()
        ...     print(f"Offset: {status.offset:.6f} seconds")
        >>> asyncio.run(show())
        Offset: 0.000123 seconds
    """
    return await once(_core.AsyncReader.get_tracking, socket_path, timeout)


async def get_sources(socket_path: str | PathLike[str] | None = None, *, timeout: float = 5.0) -> list[Source]:
    """Get all configured time sources from chronyd.

    Args:
        socket_path: Path of chronyd's Unix socket, as a string or a path object. Defaults to
            '/run/chrony/chronyd.sock' or '/var/run/chrony/chronyd.sock'. Also takes the address of a command port,
            such as '127.0.0.1', '192.0.2.1:323' or '[::1]:323', which needs no permission.
        timeout: Seconds that the call takes at most, greater than 0.

    Returns:
        list[Source]: A Source for each NTP server, peer and reference clock, in chronyd's order. Empty if no sources
            are configured.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.
        ChronyConnectionError: If chronyd is not running or unreachable, or does not answer in time.
        ChronyPermissionError: If insufficient permissions to access chronyd.
        ChronyDataError: If source data is invalid or incomplete.
        ValueError: If the timeout is not a finite number greater than 0.

    Example:
        >>> import asyncio
        >>> from pychrony import aio
        >>> async def show() -> None:
        ...     for source in await aio.get_sources():
        ...         print(f"{source.address}: stratum {source.stratum}, {source.state_name}")
        >>> asyncio.run(show())
        192.0.2.1: stratum 2, selected
    """
    return await once(_core.AsyncReader.get_sources, socket_path, timeout)


async def get_source_stats(
    socket_path: str | PathLike[str] | None = None, *, timeout: float = 5.0
) -> list[SourceStats]:
    """Get the statistics of all time sources from chronyd.

    Each call is a snapshot of its own; match it with `get_sources` by address if needed.

    Args:
        socket_path: Path of chronyd's Unix socket, as a string or a path object. Defaults to
            '/run/chrony/chronyd.sock' or '/var/run/chrony/chronyd.sock'. Also takes the address of a command port,
            such as '127.0.0.1', '192.0.2.1:323' or '[::1]:323', which needs no permission.
        timeout: Seconds that the call takes at most, greater than 0.

    Returns:
        list[SourceStats]: A SourceStats for each source, in chronyd's order. Empty if no sources are configured.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.
        ChronyConnectionError: If chronyd is not running or unreachable, or does not answer in time.
        ChronyPermissionError: If insufficient permissions to access chronyd.
        ChronyDataError: If statistics data is invalid or incomplete.
        ValueError: If the timeout is not a finite number greater than 0.

    Example:
        >>> import asyncio
        >>> from pychrony import aio
        >>> async def show() -> None:
        ...     for stats in await aio.get_source_stats():
        ...         print(f"{stats.address}: {stats.samples} samples, offset {stats.offset:.6f} s")
        >>> asyncio.run(show())
        192.0.2.1: 8 samples, offset 0.000123 s
    """
    return await once(_core.AsyncReader.get_source_stats, socket_path, timeout)


async def get_rtc_data(socket_path: str | PathLike[str] | None = None, *, timeout: float = 5.0) -> RTCData:
    """Get the tracking of the real-time clock from chronyd.

    Args:
        socket_path: Path of chronyd's Unix socket, as a string or a path object. Defaults to
            '/run/chrony/chronyd.sock' or '/var/run/chrony/chronyd.sock'. Also takes the address of a command port,
            such as '127.0.0.1', '192.0.2.1:323' or '[::1]:323', which needs no permission.
        timeout: Seconds that the call takes at most, greater than 0.

    Returns:
        RTCData: How the real-time clock runs against the system clock.

    Raises:
        ChronyLibraryError: If libchrony is not installed or cannot be loaded.
        ChronyConnectionError: If chronyd is not running or unreachable, or does not answer in time.
        ChronyPermissionError: If insufficient permissions to access chronyd.
        ChronyDataError: If RTC tracking is not enabled or available, or if RTC data is invalid.
        ValueError: If the timeout is not a finite number greater than 0.

    Example:
        >>> import asyncio
        >>> from pychrony import aio
        >>> async def show() -> None:
        ...     rtc = await aio.get_rtc_data()
        ...     print(f"RTC offset: {rtc.offset:.6f} s, drift: {rtc.freq_offset:.2f} ppm")
        >>> asyncio.run(show())
        RTC offset: 0.012345 s, drift: -1.23 ppm
    """
    return await once(_core.AsyncReader.get_rtc_data, socket_path, timeout)
