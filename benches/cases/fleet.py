"""Measure thousands of chronyds read by one thread: the crate's fleet, next to raw libchrony, asyncio and 64 threads.

    tools/run python -m benches fleet                         everything, in a minute and a half
    tools/run python -m benches fleet --only rate memory      the time of a read, and the memory of an open session
    tools/run python -m benches fleet --only silent loss      silent daemons, and lost answers
    tools/run python -m benches fleet --only turnover         100 rounds with daemons that come and go
    tools/run python -m benches fleet --only rate --daemons 5000 --json

One thread of the test bed plays the daemons. In each round both contestants read all daemons once. The fleet and raw
libchrony share a process if the limit on open files allows that. In the case loss, each time is from the start of the
round to the result of an address.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import statistics
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

from benches import bed, markdown
from benches.cases import fleet_page
from benches.contestants import RUNNER
from benches.measure import Spread, turns

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterator
    from pathlib import Path

    Figures = dict[str, Any]

ROUNDS = 15
#: The number of descriptors to reserve for everything but the sessions, which need two each.
RESERVE = 48
PLOTTED = (100, 300, 3000)


class Contestants(bed.Answering):
    """A process with one or more contestants, each of which reads all daemons in a round."""

    def round(self, who: str) -> Figures:
        """Run a round of one contestant."""
        answer = self.tell(who)
        if "unsupported" in answer:
            raise bed.ProcessError(f"{who}: {answer}")
        return answer


class Daemons:
    """The daemons of a test bed, and the processes that read them. All end together."""

    def __init__(self, stack: contextlib.ExitStack, count: int, options: argparse.Namespace) -> None:
        """Start the daemons."""
        self.stack, self.count, self.options = stack, count, options
        self.bed = bed.Bed("fleet", f"--count={count}", program=bed.build_released())
        stack.callback(self.bed.close)

    def tell(self, command: str) -> None:
        """Send a command to the daemons."""
        self.bed.tell(command)

    def contestants(self, timeout: float, count: int | None = None) -> Contestants:
        """Start a process for the fleet and raw libchrony, which reads all daemons or the first COUNT."""
        where = self._where(count or self.count)
        return self._start(RUNNER, "fleet", *where, str(self.options.in_flight), str(timeout))

    def asyncio(self) -> Contestants:
        """Start a process for `pychrony.aio.Fleet`, with the pychrony that is installed."""
        script = str(bed.BENCHES / "processes" / "aio_fleet.py")
        return self._start(sys.executable, script, *self._where(self.count), str(self.options.in_flight), "5")

    def pool(self, folder: Path) -> Contestants:
        """Start a process for a pool of threads that uses the pychrony in a folder."""
        script = str(bed.BENCHES / "processes" / "pool.py")
        return self._start(sys.executable, "-I", "-S", script, str(folder), *self._where(self.count))

    def _start(self, *command: str) -> Contestants:
        contestants = Contestants(*command)
        self.stack.callback(contestants.close)
        return contestants

    def _where(self, count: int) -> tuple[str, str, str]:
        return self.bed.description["first"], str(self.bed.description["command_port"]), str(count)


def each(figures: Figures, of: str) -> float:
    """Return the microseconds of a read."""
    return float(figures[of]) / len(figures["times"]) / 1000


def quantiles(nanoseconds: list[int]) -> Figures:
    """Return the distribution of some times, in milliseconds."""
    hundredths = statistics.quantiles(nanoseconds, n=100, method="inclusive")
    names = {"p50_ms": hundredths[49], "p90_ms": hundredths[89], "p99_ms": hundredths[98], "max_ms": max(nanoseconds)}
    return {name: value / 1e6 for name, value in names.items()}


def sizes(options: argparse.Namespace) -> list[int]:
    """Return the numbers of daemons to measure, including those for the plot."""
    return sorted({*options.daemons, *PLOTTED}) if options.write_docs else options.daemons


def rate(options: argparse.Namespace) -> Iterator[Figures]:
    """Measure the time of a read, next to each of the other contestants."""
    for count in sizes(options):
        for opponent in ("raw", "asyncio", "pool of 2.0.3"):
            with contextlib.ExitStack() as stack:
                # The pool takes much longer.
                rounds = max(3, options.rounds // 5) if opponent == "pool of 2.0.3" else options.rounds
                yield from duel(Daemons(stack, count, options), opponent, rounds)


def duel(daemons: Daemons, opponent: str, rounds: int) -> Iterator[Figures]:
    """Measure the fleet and one other in turns. More than two at once would need more UDP ports than a machine has."""
    fleet = daemons.contestants(timeout=5)
    runs = {"fleet": partial(fleet.round, "crate")}
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    is_together = opponent == "raw" and 4 * daemons.count + RESERVE <= most
    if opponent == "raw":
        runs[opponent] = partial((fleet if is_together else daemons.contestants(timeout=5)).round, "raw")
    elif opponent == "asyncio":
        runs[opponent] = partial(daemons.asyncio().round, "asyncio")
    else:
        runs[opponent] = partial(daemons.pool(bed.PEER).round, "pool")
    first = {name: run() for name, run in runs.items()}
    seen: dict[str, list[Figures]] = {name: [] for name in runs}
    for name in turns([*runs], rounds):
        seen[name].append(runs[name]())
    for name, results in seen.items():
        walls, cpus = ([each(figures, of) for figures in results] for of in ("wall", "cpu"))
        figures = {
            "case": "rate",
            "daemons": daemons.count,
            "who": name,
            "next_to": opponent if name == "fleet" else "fleet",
            "read": len(results[0]["times"]),
            "wrong": sum(figures["wrong"] for figures in results),
            "failed": sum(len(figures["failed"]) for figures in results),
            "first_us": each(first[name], "wall"),
            "us": statistics.median(walls),
            "cpu_us": statistics.median(cpus),
            "a_second": 1e6 / statistics.median(walls),
        }
        if name == "fleet":
            for of in ("cpu", "wall"):
                ours, theirs = ([each(figures, of) for figures in seen[who]] for who in (name, opponent))
                figures[f"{of}_of_the_other"] = str(Spread.ratio(ours, theirs))
            figures["in_one_process"] = is_together
        yield figures


def memory(options: argparse.Namespace) -> Iterator[Figures]:
    """Measure the memory of an open session, after a few rounds."""
    for count in sizes(options):
        with contextlib.ExitStack() as stack:
            daemons = Daemons(stack, count, options)
            kib = {}
            for number in (1, count):
                process = daemons.contestants(5, number)
                kib[number] = [process.round("crate") for _ in range(3)][-1]["kib"]
            yield {
                "case": "memory",
                "daemons": count,
                "kib": kib[count],
                "kib_of_one": kib[1],
                "kib_each": (kib[count] - kib[1]) / count,
            }


def silent(options: argparse.Namespace) -> Iterator[Figures]:
    """Measure rounds in which one daemon of ten is silent: their duration, and how many other daemons are late."""
    for count in options.daemons:
        with contextlib.ExitStack() as stack:
            daemons = Daemons(stack, count, options)
            away = set(range(0, count, 10))
            fleet = daemons.contestants(options.timeout)
            daemons.tell(f"leave {','.join(map(str, sorted(away)))}")
            for sessions in ("new", "kept"):
                if sessions == "kept":
                    daemons.tell("come all")
                    fleet.round("crate")
                    daemons.tell(f"leave {','.join(map(str, sorted(away)))}")
                figures = fleet.round("crate")
                yield {
                    "case": "silent",
                    "sessions": sessions,
                    "daemons": count,
                    "silent": len(away),
                    "timeout_s": options.timeout,
                    "round_s": figures["wall"] / 1e9,
                    "last_answer_s": max(figures["times"]) / 1e9,
                    "late": len(set(figures["failed"]) - away),
                    "wrong": figures["wrong"],
                    "cpu_s": figures["cpu"] / 1e9,
                }


def loss(options: argparse.Namespace) -> Iterator[Figures]:
    """Measure rounds in which answers are lost at random."""
    for count in options.daemons:
        with contextlib.ExitStack() as stack:
            daemons = Daemons(stack, count, options)
            fleet = daemons.contestants(timeout=5)
            fleet.round("crate")
            for percent in (0, 1, 10):
                daemons.tell(f"loss {percent} 1")
                rounds = [fleet.round("crate") for _ in range(5)]
                yield {
                    "case": "loss",
                    "daemons": count,
                    "percent": percent,
                    "reads": sum(len(figures["times"]) for figures in rounds),
                    "wrong": sum(figures["wrong"] for figures in rounds),
                    "failed": sum(len(figures["failed"]) for figures in rounds),
                    **quantiles([nanoseconds for figures in rounds for nanoseconds in figures["times"]]),
                }


def turnover(options: argparse.Namespace) -> Iterator[Figures]:
    """Measure a hundred rounds, in each of which a different tenth of the daemons is away."""
    count = min(options.daemons)
    with contextlib.ExitStack() as stack:
        daemons = Daemons(stack, count, options)
        fleet = daemons.contestants(timeout=0.25)
        tenth, late, wrong, seen = count // 10, 0, 0, []
        for number in range(100):
            away = range(number % 10 * tenth, (number % 10 + 1) * tenth)
            daemons.tell("come all")
            daemons.tell(f"leave {away[0]}-{away[-1]}")
            figures = fleet.round("crate")
            late += len(set(figures["failed"]) - set(away))
            wrong += figures["wrong"]
            seen.append((figures["kib"], figures["descriptors"]))
        for rounds in ((10, 20), (90, 100)):
            part = seen[slice(*rounds)]
            yield {
                "case": "turnover",
                "daemons": count,
                "away": tenth,
                "rounds": f"{rounds[0] + 1}-{rounds[1]}",
                "kib": max(kib for kib, _ in part),
                "descriptors": max(descriptors for _, descriptors in part),
                "late": late,
                "wrong": wrong,
            }


CASES = {"rate": rate, "memory": memory, "silent": silent, "loss": loss, "turnover": turnover}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this case."""
    parser.add_argument("--only", choices=CASES, nargs="+", help="measure only these")
    parser.add_argument("--daemons", type=int, nargs="+", metavar="N", help="numbers of daemons")
    parser.add_argument("--in-flight", type=int, default=256, metavar="N", help="requests in flight at once")
    parser.add_argument("--timeout", type=float, default=2.0, metavar="SECONDS", help="timeout of an address (silent)")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each row")


def run(options: argparse.Namespace) -> None:
    """Build, measure, print."""
    if options.only and options.write_docs:
        raise SystemExit("--write-docs needs all cases")
    options.daemons = options.daemons or ([100] if options.quick else [1000, 10_000])
    bed.build()
    rows = []
    for case in options.only or CASES:
        for figures in CASES[case](options):
            rows.append(figures)
            print(json.dumps(figures) if options.json else markdown.line(figures), flush=True)
    if options.write_docs:
        fleet_page.write_docs(rows, options.in_flight, len(os.sched_getaffinity(0)))
