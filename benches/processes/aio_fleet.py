"""Thousands of chronyds, read by `pychrony.aio.Fleet` in one thread; a contestant of fleet.py.

    python benches/processes/aio_fleet.py FIRST PORT COUNT IN_FLIGHT SECONDS

For each line on stdin, it reads all daemons once and prints one line of JSON.
"""

from __future__ import annotations

import asyncio
import ipaddress
import json
import sys
import time

from pychrony import ChronyError, aio


async def main() -> None:
    """Run rounds until stdin ends."""
    first, port, count, in_flight, seconds = sys.argv[1:]
    addresses = [f"{ipaddress.IPv4Address(first) + number}:{port}" for number in range(int(count))]
    async with aio.Fleet(
        addresses, timeout=float(seconds), in_flight=int(in_flight), raise_descriptor_limit=True
    ) as fleet:
        for _ in sys.stdin:
            wrong, failed, times = 0, [], []
            wall, cpu = time.perf_counter_ns(), time.process_time_ns()
            async for result in fleet.read(aio.get_tracking):
                status = result.value
                if isinstance(status, ChronyError):
                    failed.append(result.index)
                else:
                    wrong += f"{status.reference_ip}:{port}" != result.address
                    times.append(time.perf_counter_ns() - wall)
            wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
            figures = {"wall": wall, "cpu": cpu, "wrong": wrong, "failed": failed, "times": times}
            print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
