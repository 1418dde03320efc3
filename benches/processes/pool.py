"""Thousands of chronyds, read by a pool of threads; a contestant of fleet.py.

    python -I -S benches/processes/pool.py FOLDER FIRST PORT COUNT

FOLDER has the pychrony to use, and becomes the first entry of `sys.path`. For each line on stdin, it reads each daemon
once, on a connection that stays open, and prints one line of JSON. The limit on open files may allow for fewer daemons.
"""

from __future__ import annotations

import contextlib
import ipaddress
import json
import resource
import sys
import time
from concurrent.futures import ThreadPoolExecutor

THREADS = 64
#: The number of descriptors to reserve for everything but the connections, which need two each.
RESERVE = 48


def main() -> None:
    """Run rounds until stdin ends."""
    folder, first, port, count = sys.argv[1:]
    sys.path.insert(0, folder)
    from pychrony import ChronyConnection  # noqa: PLC0415

    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    hosts = [str(ipaddress.IPv4Address(first) + number) for number in range(min(int(count), (most - RESERVE) // 2))]
    with ThreadPoolExecutor(THREADS) as pool, contextlib.ExitStack() as kept:
        connections = [kept.enter_context(ChronyConnection(f"{host}:{port}")) for host in hosts]
        for _ in sys.stdin:
            wall, cpu = time.perf_counter_ns(), time.process_time_ns()
            results = list(pool.map(lambda connection: connection.get_tracking(), connections))
            wall, cpu = time.perf_counter_ns() - wall, time.process_time_ns() - cpu
            wrong = sum(result.reference_ip != host for result, host in zip(results, hosts, strict=True))
            figures = {"wall": wall, "cpu": cpu, "wrong": wrong, "failed": [], "times": [wall] * len(hosts)}
            print(json.dumps(figures), flush=True)


if __name__ == "__main__":
    main()
