"""Thousands of chronyds in one thread: the crate's fleet beside libchrony's own functions, asyncio and 64 threads.

    tools/run python benches/fleet.py                  everything, in a minute and a half
    tools/run python benches/fleet.py rate memory      what a read costs, and a session that is kept
    tools/run python benches/fleet.py silent loss      rounds with silent daemons; lost answers
    tools/run python benches/fleet.py turnover         100 rounds, with daemons that come and go
    tools/run python benches/fleet.py rate --daemons 5000 --json

The daemons are played by one thread of the test bed. Times are medians over the rounds, ratios medians of the ratios
within a round, with quartiles; in each round both contestants read all daemons once, in a new order. The fleet and
libchrony's own functions are in one process if the limit on open files allows that, or in two. "loss" has the times
from the beginning of a round to the result of each address.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import random
import resource
import statistics
import subprocess
import sys
from functools import partial
from typing import TYPE_CHECKING, Any

import bed
import fleet_report
from contestants import RUNNER
from measure import Spread

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    Figures = dict[str, Any]

#: What a process has open beside its sessions, which cost two descriptors each.
RESERVE = 48
PLOTTED = (100, 300, 3000)


class Contestants:
    """A process with one or more contestants, each of which reads all daemons in a round."""

    def __init__(self, *command: str) -> None:
        """Start it; ends with `close`."""
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def round(self, who: str) -> Figures:
        """Have one of them make a round."""
        if self.process.stdin is None or self.process.stdout is None:
            raise RuntimeError("the process has no pipes")
        self.process.stdin.write(who + "\n")
        self.process.stdin.flush()
        answer: Figures = json.loads(self.process.stdout.readline())
        if "error" in answer or "unsupported" in answer:
            raise RuntimeError(f"{who}: {answer}")
        return answer

    def close(self) -> None:
        """End it."""
        self.process.communicate()


class Daemons:
    """The daemons of a test bed, and the processes that read them; all end together."""

    def __init__(self, stack: contextlib.ExitStack, count: int, options: argparse.Namespace) -> None:
        """Start them."""
        self.stack, self.count, self.options = stack, count, options
        self.bed = bed.Bed("fleet", f"--count={count}", program=bed.build_released())
        stack.callback(self.bed.close)

    def tell(self, command: str) -> None:
        """Have the daemons do something."""
        self.bed.tell(command)

    def contestants(self, timeout: float, count: int | None = None) -> Contestants:
        """A new process for the fleet and libchrony's own functions, which reads all daemons or so many."""
        where = self._where(count or self.count)
        return self._start(RUNNER, "fleet", *where, str(self.options.in_flight), str(timeout))

    def asyncio(self) -> Contestants:
        """A new process for `pychrony.aio.Fleet`, of the pychrony that is installed."""
        script = str(bed.BENCHES / "aio_fleet.py")
        return self._start(sys.executable, script, *self._where(self.count), str(self.options.in_flight), "5")

    def pool(self, folder: Path) -> Contestants:
        """A new process for a pool of threads that uses the pychrony in a folder."""
        script = str(bed.BENCHES / "pool.py")
        return self._start(sys.executable, "-I", "-S", script, str(folder), *self._where(self.count))

    def _start(self, *command: str) -> Contestants:
        contestants = Contestants(*command)
        self.stack.callback(contestants.close)
        return contestants

    def _where(self, count: int) -> tuple[str, str, str]:
        return self.bed.description["first"], str(self.bed.description["command_port"]), str(count)


def each(figures: Figures, of: str) -> float:
    """Microseconds of a read."""
    return float(figures[of]) / len(figures["times"]) / 1000


def quantiles(nanoseconds: list[int]) -> Figures:
    """The distribution of some times, in milliseconds."""
    hundredths = statistics.quantiles(nanoseconds, n=100, method="inclusive")
    names = {"p50_ms": hundredths[49], "p90_ms": hundredths[89], "p99_ms": hundredths[98], "max_ms": max(nanoseconds)}
    return {name: value / 1e6 for name, value in names.items()}


def sizes(options: argparse.Namespace) -> list[int]:
    """The numbers of daemons for what the plot shows."""
    return sorted({*options.daemons, *PLOTTED}) if options.write_docs else options.daemons


def rate(options: argparse.Namespace) -> Iterator[Figures]:
    """What a read costs, and how much memory a daemon whose session is kept."""
    for count in sizes(options):
        for opponent in ("raw", "asyncio", "pool of 2.0.3"):
            with contextlib.ExitStack() as stack:
                # The pool takes much longer.
                rounds = max(3, options.rounds // 5) if opponent == "pool of 2.0.3" else options.rounds
                yield from duel(Daemons(stack, count, options), opponent, rounds)


def duel(daemons: Daemons, opponent: str, rounds: int) -> Iterator[Figures]:
    """The fleet and one other, in turns. More at once would need more UDP ports than a machine has."""
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
    order = random.Random(0)
    for _ in range(rounds):
        for name in order.sample([*runs], len(runs)):
            seen[name].append(runs[name]())
    for name, results in seen.items():
        walls, cpus = ([each(figures, of) for figures in results] for of in ("wall", "cpu"))
        figures = {
            "case": "rate",
            "daemons": daemons.count,
            "who": name,
            "beside": opponent if name == "fleet" else "fleet",
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
                pairs = zip(results, seen[opponent], strict=True)
                ratios = Spread.of(each(ours, of) / each(theirs, of) for ours, theirs in pairs)
                figures[f"{of}_of_the_other"] = [ratios.median, ratios.low, ratios.high]
            figures["in_one_process"] = is_together
        yield figures


def memory(options: argparse.Namespace) -> Iterator[Figures]:
    """How much memory a daemon takes whose session is kept, after a few rounds."""
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
    """One of ten is silent: the round ends at one timeout, and the others come in time."""
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
    """Answers are lost at random."""
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
    """In each of a hundred rounds another tenth of the daemons is away."""
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


def parse_arguments() -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("cases", nargs="*", metavar="CASE", help=f"{', '.join(CASES)}; all by default")
    parser.add_argument("--daemons", type=int, nargs="+", default=[1000, 10_000], metavar="N")
    parser.add_argument("--in-flight", type=int, default=256, metavar="N", help="how many are asked at once")
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="of each contestant (rate)")
    parser.add_argument("--timeout", type=float, default=2.0, metavar="SECONDS", help="of an address (silent)")
    parser.add_argument("--json", action="store_true", help="a line of JSON for each row")
    parser.add_argument(
        "--write-docs", action="store_true", help="write the section of docs/performance.md and its plot"
    )
    options = parser.parse_args()
    if options.cases and options.write_docs:
        parser.error("--write-docs needs all cases")
    if unknown := set(options.cases) - set(CASES):
        parser.error(f"no such case: {', '.join(sorted(unknown))}")
    return options


def show(figures: Figures) -> str:
    """A line to read."""

    def word(value: object) -> str:
        if isinstance(value, float):
            return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
        if isinstance(value, list):
            return "-".join(map(word, value))
        return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)

    return "  ".join(f"{name} {word(value)}" for name, value in figures.items())


def main() -> None:
    """Build, measure, print."""
    options = parse_arguments()
    bed.build()
    rows = []
    for case in options.cases or CASES:
        for figures in CASES[case](options):
            rows.append(figures)
            print(json.dumps(figures) if options.json else show(figures), flush=True)
    if options.write_docs:
        processors = len(os.sched_getaffinity(0))
        fleet_report.write_docs(bed.ROOT / "docs", rows, options.in_flight, processors)


if __name__ == "__main__":
    main()
