"""pychrony for asyncio: its names, with await.

    >>> import asyncio
    >>> from pychrony import aio
    >>> async def show() -> None:
    ...     status = await aio.get_tracking()
    ...     print(f"{status.offset:+.9f} s off {status.reference_id_name}")
    >>> asyncio.run(show())
    +0.000012345 s off 192.0.2.1

Everything happens in the running event loop, asyncio's or uvloop's, without threads. The loop's resolver looks host
names up. Records and exceptions are those of pychrony. Cancelling a task, as `asyncio.timeout` does, ends its call at
once; otherwise `timeout` ends it. A forked child needs an event loop of its own.

Handle signals with `loop.add_signal_handler`. A handler of `signal.signal` may raise in the middle of a callback. If
the loop continues after that, a call may miss its timeout, and a round may miss results.

A `Fleet` reads many chronyds at once.
"""

from collections.abc import Mapping

from pychrony import models
from pychrony._fleet import Descriptors, FleetResult
from pychrony.aio._connection import ChronyConnection
from pychrony.aio._fleet import Fleet, Round
from pychrony.aio._link import once
from pychrony.functions import Seconds, SocketPath, annotate_timeout
from pychrony.generic import ReportField

__all__ = [
    "ChronyConnection",
    "Descriptors",
    "Fleet",
    "FleetResult",
    "Round",
    "get_activity",
    "get_auth_data",
    "get_ntp_data",
    "get_report",
    "get_rtc_data",
    "get_select_data",
    "get_server_stats",
    "get_smoothing",
    "get_source_stats",
    "get_sources",
    "get_tracking",
]


async def get_tracking(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> models.TrackingStatus:
    """As `pychrony.get_tracking`, in the running event loop."""
    return await once(models.TrackingStatus, socket_path, timeout)


async def get_sources(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> list[models.Source]:
    """As `pychrony.get_sources`, in the running event loop."""
    return await once(models.Source, socket_path, timeout)


async def get_source_stats(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> list[models.SourceStats]:
    """As `pychrony.get_source_stats`, in the running event loop."""
    return await once(models.SourceStats, socket_path, timeout)


async def get_rtc_data(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> models.RTCData:
    """As `pychrony.get_rtc_data`, in the running event loop."""
    return await once(models.RTCData, socket_path, timeout)


async def get_activity(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> models.Activity:
    """As `pychrony.get_activity`, in the running event loop."""
    return await once(models.Activity, socket_path, timeout)


async def get_select_data(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> list[models.SelectData]:
    """As `pychrony.get_select_data`, in the running event loop."""
    return await once(models.SelectData, socket_path, timeout)


async def get_auth_data(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> list[models.AuthData | None]:
    """As `pychrony.get_auth_data`, in the running event loop."""
    return await once(models.AuthData, socket_path, timeout)


async def get_ntp_data(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> list[models.NTPData | None]:
    """As `pychrony.get_ntp_data`, in the running event loop."""
    return await once(models.NTPData, socket_path, timeout)


async def get_server_stats(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> models.ServerStats:
    """As `pychrony.get_server_stats`, in the running event loop."""
    return await once(models.ServerStats, socket_path, timeout)


async def get_smoothing(socket_path: SocketPath = None, *, timeout: Seconds = 5.0) -> models.Smoothing:
    """As `pychrony.get_smoothing`, in the running event loop."""
    return await once(models.Smoothing, socket_path, timeout)


async def get_report(
    name: str, socket_path: SocketPath = None, *, timeout: Seconds = 5.0
) -> list[Mapping[str, ReportField] | None]:
    """As `pychrony.get_report`, in the running event loop."""
    return await once((name, ReportField), socket_path, timeout)


annotate_timeout(
    get_tracking,
    get_sources,
    get_source_stats,
    get_rtc_data,
    get_activity,
    get_select_data,
    get_auth_data,
    get_ntp_data,
    get_server_stats,
    get_smoothing,
    get_report,
)
