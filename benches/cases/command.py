"""Measure processes of chrony-report next to chronyc: time, memory, and the size of the program.

The output is discarded.
"""

from __future__ import annotations

import os
import select
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benches import bed, markdown
from benches.measure import Spread, turns, verdict

if TYPE_CHECKING:
    import argparse

ROUNDS = 101
PROGRAM = bed.BUILT / "bin" / "chrony-report"
SOURCES = 950
LISTS = ("sources", "sourcestats", "selectdata")
#: The limit for the peak memory of chrony-report, in KiB.
MEMORY = 8192

SECTION = """\
This compares whole processes, from start to end, with one chronyc process for each report. In each of {rounds} rounds
each runs once, in a new order. Times are medians over the rounds. Ratios are medians of the ratios within a round, with
quartiles. Both print text for people, and their output is discarded.

{times}
Both take the same time over UDP. Over the Unix socket libchrony needs 40 us more: it creates and removes directories
and links next to chronyd's socket, and chronyc only a socket. Half of the time of either is the start of any process.

The next table has the peak memory of a process, including pages that it shares with other processes, such as the C
library:

{memory}
The file has {size:,} bytes without symbols.
"""


@dataclass(frozen=True)
class Case:
    """Commands to compare: one of chrony-report, and those of chronyc for the same reports."""

    name: str
    ours: list[str]
    chronycs: list[list[str]]
    limit: float | None


def cases(chronyds: dict[int, bed.Chronyd]) -> list[Case]:
    """Return all cases."""
    chronyc = shutil.which("chronyc") or "chronyc"
    found = []
    for transport, limit in (("unix", 1.05), ("udp", None)):
        address = chronyds[0].addresses[transport]
        host, _, port = (address, "", "") if transport == "unix" else address.rpartition(":")
        there = [chronyc, "-n", "-h", host, *(["-p", port] if port else [])]
        found.append(
            Case(f"tracking, {transport}", [str(PROGRAM), "-H", address, "tracking"], [[*there, "tracking"]], limit)
        )
    address = chronyds[SOURCES].addresses["unix"]
    ours = [str(PROGRAM), "-H", address, "get", *LISTS]
    there = [chronyc, "-n", "-h", address]
    return [*found, Case(f"{', '.join(LISTS)} of {SOURCES}", ours, [[*there, report] for report in LISTS], 0.5)]


def time_of(commands: list[list[str]]) -> float:
    """Return the seconds that processes take, one after the other."""
    quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    start = time.perf_counter()
    for command in commands:
        process = os.posix_spawn(command[0], command, os.environ, file_actions=quiet)
        status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
        if status != 0:
            raise SystemExit(f"{' '.join(command)} ended with {status}")
    return time.perf_counter() - start


def measure(case: Case, rounds: int) -> list[str]:
    """Run a case in rounds, print it, and return its row for the docs."""
    taken: dict[str, list[float]] = {"ours": [], "chronyc": []}
    for who in turns(sorted(taken), rounds):
        taken[who].append(time_of([case.ours] if who == "ours" else case.chronycs))
    ours, chronyc = (Spread.of(taken[who]).median * 1e3 for who in ("ours", "chronyc"))
    ratio = Spread.ratio(taken["ours"], taken["chronyc"])
    word = "" if case.limit is None else verdict(ratio.median, case.limit)
    limit = "" if case.limit is None else f"{case.limit:g}"
    row = [case.name, f"{ours:.2f}", f"{chronyc:.2f}", str(ratio), limit, word]
    print("  ".join(row).rstrip(), flush=True)
    return row


def memory(case: Case) -> list[str]:
    """Return a row with the peak memory of chrony-report, once it has printed and waits for its next read."""
    with subprocess.Popen([*case.ours, "--every", "1h"], stdout=subprocess.PIPE) as process:
        if process.stdout is None:
            raise SystemExit("no pipe")
        output = process.stdout.fileno()
        while os.read(output, 65536) and select.select([output], [], [], 0.5)[0]:
            pass
        status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
        process.terminate()
    peak = next(line for line in status.splitlines() if line.startswith("VmHWM"))
    kib = int(peak.split()[1])
    row = [case.name, f"{kib:,}", f"{MEMORY:,}", verdict(kib, MEMORY)]
    print("  ".join(row), "KiB", flush=True)
    return row


def install() -> None:
    """Build the program, and copy it as an installation does.

    A linker writes a file in small pieces, which stay separate in the page cache, so the program starts 10 % slower.
    """
    bed.cargo("--profile=command", "--locked", "--package=chrony-report")
    bed.cargo("--package=testbed")
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    PROGRAM.unlink(missing_ok=True)
    shutil.copy(bed.TARGET / "command" / PROGRAM.name, PROGRAM)


def add_options(_parser: argparse.ArgumentParser) -> None:
    """Add no option."""


def run(options: argparse.Namespace) -> None:
    """Build, start, measure, print."""
    install()
    with bed.chronyds({SOURCES}) as chronyds:
        chosen = cases(chronyds)
        times = [measure(case, options.rounds) for case in chosen]
        memories = [memory(case) for case in chosen]
    size = PROGRAM.stat().st_size
    print(f"{size:,} bytes without symbols")
    if options.write_docs:
        section = SECTION.format(
            rounds=options.rounds,
            times=markdown.table(["", "ms", "chronyc, ms", "of chronyc", "limit", ""], times),
            memory=markdown.table(["", "KiB", "limit", ""], memories),
            size=size,
        )
        markdown.write_section("command", section)
