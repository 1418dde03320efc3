"""`pychrony.health` for asyncio.

>>> import asyncio
>>> from pychrony.aio import health
>>> verdict = asyncio.run(health.check())
>>> print(f"The clock can be {verdict.bound:.6f} s wrong")
The clock can be 0.000123 s wrong
"""

from collections.abc import Mapping
from os import PathLike

from pychrony import _core
from pychrony.aio._link import Link
from pychrony.functions import Seconds
from pychrony.health import Verdict, of_json

__all__ = ["check"]


async def check(
    address: str | PathLike[str] | None = None, *, timeout: Seconds = 5.0, limits: Mapping[str, str] | None = None
) -> Verdict:
    """As `pychrony.health.check`, in the running event loop."""
    policy = _core.Policy(limits)
    opened = policy.open(_core.ConnectionSettings(address, timeout, 1))
    if isinstance(opened, str):
        return of_json(opened)
    link = Link(opened)
    try:
        return of_json(await link.read(policy))
    finally:
        link.close()
