"""Whether a connection stays as quick and as small as it was: many reads on one, in parts.

    tools/run python benches/age.py [READS]

Prints, for each twentieth of the reads (a million by default), the time and the CPU time of a read, the memory in use
and the open descriptors.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import bed

PARTS = 20


def resident_kib() -> int:
    """The memory that this process has in use."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS:"))


def main() -> None:
    """Read and print."""
    reads = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    sys.path.insert(0, str(bed.ROOT / "python"))
    from pychrony import ChronyConnection  # noqa: PLC0415

    with bed.chronyds({0}) as chronyds, ChronyConnection(chronyds[0].addresses["unix"]) as connection:
        print(f"{'reads':>10}  {'us a read':>9}  {'CPU us':>6}  {'KiB':>7}  {'descriptors':>11}")
        for part in range(1, PARTS + 1):
            start, cpu = time.perf_counter(), time.process_time()
            for _ in range(reads // PARTS):
                connection.get_tracking()
            times = [time.perf_counter() - start, time.process_time() - cpu]
            each, cpu = (seconds / (reads // PARTS) * 1e6 for seconds in times)
            descriptors = len(list(Path("/proc/self/fd").iterdir()))
            print(
                f"{part * (reads // PARTS):>10,}  {each:>9.1f}  {cpu:>6.1f}  {resident_kib():>7,}  {descriptors:>11}",
                flush=True,
            )


if __name__ == "__main__":
    main()
