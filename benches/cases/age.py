"""Measure a connection as it ages: a million reads, in twenty parts.

After each part, print the time and the CPU time of a read, the memory in use, and the number of open descriptors.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING

from benches import bed
from pychrony import ChronyConnection

if TYPE_CHECKING:
    import argparse

ROUNDS = None
PARTS = 20


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this case."""
    parser.add_argument("--reads", type=int, metavar="N", help="number of reads (1000000; 20000 if quick)")


def resident_kib() -> int:
    """Return the memory that this process has in use."""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def run(options: argparse.Namespace) -> None:
    """Read and print."""
    reads = (options.reads or (20_000 if options.quick else 1_000_000)) // PARTS
    with bed.chronyds({0}) as chronyds, ChronyConnection(chronyds[0].addresses["unix"]) as connection:
        print(f"{'reads':>10}  {'us a read':>9}  {'CPU us':>6}  {'KiB':>7}  {'descriptors':>11}")
        for part in range(1, PARTS + 1):
            start, cpu = time.perf_counter(), time.process_time()
            for _ in range(reads):
                connection.get_tracking()
            times = (time.perf_counter() - start, time.process_time() - cpu)
            each, cpu = (seconds / reads * 1e6 for seconds in times)
            descriptors = len(list(Path("/proc/self/fd").iterdir()))
            print(
                f"{part * reads:>10,}  {each:>9.1f}  {cpu:>6.1f}  {resident_kib():>7,}  {descriptors:>11}",
                flush=True,
            )
