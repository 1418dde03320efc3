"""The functions of `pychrony.aio` that read one report each: open, read, close."""

from __future__ import annotations

from os import PathLike

import pychrony
from pychrony.aio._link import once
from pychrony.models import RTCData, Source, SourceStats, TrackingStatus


async def get_tracking(socket_path: str | PathLike[str] | None = None, *, timeout: float = 5.0) -> TrackingStatus:
    """As `pychrony.get_tracking`, in the event loop that is running."""
    return await once(pychrony.models.TrackingStatus, socket_path, timeout)


async def get_sources(socket_path: str | PathLike[str] | None = None, *, timeout: float = 5.0) -> list[Source]:
    """As `pychrony.get_sources`, in the event loop that is running."""
    return await once(pychrony.models.Source, socket_path, timeout)


async def get_source_stats(
    socket_path: str | PathLike[str] | None = None, *, timeout: float = 5.0
) -> list[SourceStats]:
    """As `pychrony.get_source_stats`, in the event loop that is running."""
    return await once(pychrony.models.SourceStats, socket_path, timeout)


async def get_rtc_data(socket_path: str | PathLike[str] | None = None, *, timeout: float = 5.0) -> RTCData:
    """As `pychrony.get_rtc_data`, in the event loop that is running."""
    return await once(pychrony.models.RTCData, socket_path, timeout)
