"""A program whose workers leave the connections of their event loops open: `aio_workers.py ADDRESS START_METHOD`."""

from __future__ import annotations

import asyncio
import functools
import multiprocessing
import sys

from pychrony import aio


@functools.cache
def entered(address: str) -> tuple[asyncio.AbstractEventLoop, aio.ChronyConnection]:
    """Enter a connection once in each process."""
    loop = asyncio.new_event_loop()
    connection = aio.ChronyConnection(address)
    loop.run_until_complete(connection.__aenter__())
    return loop, connection


def read(address: str) -> int:
    loop, connection = entered(address)
    return loop.run_until_complete(connection.get_tracking()).stratum


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    with context.Pool(3, maxtasksperchild=2) as pool:
        assert pool.map(read, [sys.argv[1]] * 24, chunksize=1) == [2] * 24
        pool.close()
        pool.join()
    print("done")
