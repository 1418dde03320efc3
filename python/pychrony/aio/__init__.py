"""pychrony for asyncio: the same names, to be awaited.

    >>> import asyncio
    >>> from pychrony import aio
    >>> async def show() -> None:
    ...     status = await aio.get_tracking()
    ...     print(f"{status.offset:+.9f} s off {status.reference_id_name}")
    >>> asyncio.run(show())
    +0.000012345 s off 192.0.2.1

Everything happens in the event loop that is running, asyncio's or uvloop's, without threads; the loop's own resolver
looks host names up. Records and exceptions are those of the package. Cancelling a task, as `asyncio.timeout` does, ends
its call at once; otherwise `timeout` ends it. A forked child needs an event loop of its own.

A `Fleet` reads many chronyds at once.
"""

from pychrony.aio._connection import ChronyConnection
from pychrony.aio._fleet import Descriptors, Fleet, Round
from pychrony.aio._functions import get_rtc_data, get_source_stats, get_sources, get_tracking

__all__ = [
    "ChronyConnection",
    "Descriptors",
    "Fleet",
    "Round",
    "get_rtc_data",
    "get_source_stats",
    "get_sources",
    "get_tracking",
]
