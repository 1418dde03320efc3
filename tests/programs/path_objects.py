"""A program that passes path objects as addresses, for a type checker only."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from pychrony import TrackingStatus, aio, get_report, get_tracking

contract: Callable[[str | None], TrackingStatus] = get_tracking


async def read_in_a_loop(path: Path) -> None:
    await aio.get_tracking(path)
    await aio.get_report("tracking", path)


def read(path: Path) -> TrackingStatus:
    get_report("tracking", path)
    return get_tracking(path)


def wrong() -> None:
    get_tracking(323)  # type: ignore[arg-type]
