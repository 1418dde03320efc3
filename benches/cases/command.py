"""What the command chrony-report costs as a whole process, beside chronyc: time, memory, and the size of its file.

    tools/run python benches/command.py              all of it
    tools/run python benches/command.py --rounds 9   in fewer rounds
    tools/run python benches/command.py --write-docs writes the section of docs/performance.md, too

In every round each contestant runs once, in another order each time; ratios are medians of those within a round. The
chronyds are private ones, started for this. What they print is thrown away.
"""

from __future__ import annotations

import argparse
import os
import random
import select
import shutil
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import bed
from measure import Spread
from report import COMMAND, markdown

PROGRAM = bed.BUILT / "bin" / "chrony-report"
SOURCES = 950
LISTS = ("sources", "sourcestats", "selectdata")
#: The most that it may have in memory, in KiB.
MEMORY = 8192

SECTION = """\
{title}
Written by `tools/run python benches/command.py --write-docs`; `make bench` does that, too. Not to be edited.

Whole processes, from their start to their end, beside as many of chronyc as there are reports. In each of {rounds}
rounds every one runs once, in a new order; times are medians over the rounds, ratios medians of the ratios within a
round, with quartiles. Both write for people, and what they write is thrown away.

{times}
Both use the same time over UDP. Over the Unix socket libchrony needs 40 us more than over UDP, for folders and links
that it makes and removes beside chronyd's socket; chronyc makes a socket only. Half of the time of either is the start
of any process.

The most that a process has in memory at once, with pages that it shares with others, such as those of the C library:

{memory}
The file has {size:,} bytes without symbols.
"""


@dataclass(frozen=True)
class Case:
    """Commands that are compared: ours, and those of chronyc that read the same."""

    name: str
    ours: list[str]
    chronycs: list[list[str]]
    limit: float | None


def cases(chronyds: dict[int, bed.Chronyd]) -> list[Case]:
    """All of them."""
    chronyc = shutil.which("chronyc") or "chronyc"
    found = []
    for transport, limit in (("unix", 1.0), ("udp", None)):
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


def run(commands: list[list[str]]) -> float:
    """Seconds that processes take, one after the other."""
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
    order = random.Random(0)
    for _ in range(rounds):
        for who in order.sample(sorted(taken), 2):
            taken[who].append(run([case.ours] if who == "ours" else case.chronycs))
    ours, chronyc = (Spread.of(taken[who]).median * 1e3 for who in ("ours", "chronyc"))
    ratio = Spread.of(mine / theirs for mine, theirs in zip(taken["ours"], taken["chronyc"], strict=True))
    verdict = "" if case.limit is None else "met" if ratio.median <= case.limit else "not met"
    spread = f"{ratio.median:.2f} ({ratio.low:.2f}-{ratio.high:.2f})"
    limit = "" if case.limit is None else f"{case.limit:g}"
    row = [case.name, f"{ours:.2f}", f"{chronyc:.2f}", spread, limit, verdict]
    print("  ".join(row).rstrip(), flush=True)
    return row


def memory(case: Case) -> list[str]:
    """The most memory of our process of a case: of one that has printed, and waits."""
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
    verdict = "met" if kib <= MEMORY else "not met"
    print(f"{case.name}: {kib} KiB at most, limit {MEMORY}, {verdict}")
    return [case.name, f"{kib:,}", f"{MEMORY:,}", verdict]


def install() -> None:
    """Build the program, and copy it as an installation does.

    A file that a linker has written lies in small pieces in the kernel's memory, and takes a tenth longer to start.
    """
    build = ["cargo", "build", "--profile=command", "--locked", "--quiet", "--package=chrony-report"]
    subprocess.run(build, cwd=bed.ROOT, check=True)
    subprocess.run(["cargo", "build", "--quiet", "--package", "testbed"], cwd=bed.ROOT, check=True)
    PROGRAM.parent.mkdir(parents=True, exist_ok=True)
    PROGRAM.unlink(missing_ok=True)
    shutil.copy(bed.TARGET / "command" / PROGRAM.name, PROGRAM)


def main() -> None:
    """Build, start, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=101, metavar="N", help="alternating runs of each contestant")
    parser.add_argument("--write-docs", action="store_true", help="write the section of docs/performance.md")
    options = parser.parse_args()
    install()
    with bed.chronyds({SOURCES}) as chronyds:
        chosen = cases(chronyds)
        times = [measure(case, options.rounds) for case in chosen]
        memories = [memory(case) for case in chosen]
    size = PROGRAM.stat().st_size
    print(f"{size:,} bytes without symbols")
    if options.write_docs:
        page = bed.ROOT / "docs" / "performance.md"
        head = ["", "ms", "chronyc, ms", "of chronyc", "limit", ""]
        section = SECTION.format(
            title=COMMAND,
            rounds=options.rounds,
            times=markdown(head, times),
            memory=markdown(["", "KiB", "limit", ""], memories),
            size=size,
        )
        page.write_text(page.read_text(encoding="utf-8").partition(COMMAND)[0] + section, encoding="utf-8")


if __name__ == "__main__":
    main()
