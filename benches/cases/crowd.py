"""Measure many callers at once: threads on a shared connection, one-shot calls, and processes over UDP.

    tools/run python -m benches crowd --only shared                 64 and 128 threads on one connection
    tools/run python -m benches crowd --only one-shot               1 to 128 threads, and the same number of processes
    tools/run python -m benches crowd --only udp                    1 to 128 processes, with 1 lane and with 8
    tools/run python -m benches crowd --only shared --address /run/chrony/chronyd.sock --callers 32 --seconds 2

Without --address, a private chronyd is started.
"""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import re
import resource
import statistics
import threading
import time
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar

import pychrony
from benches import bed, markdown
from pychrony import ChronyConnection, ChronyError

if TYPE_CHECKING:
    import argparse
    from collections.abc import Callable, Iterator

    Figures = dict[str, Any]

Seen = TypeVar("Seen")

SOURCES = 950
ROUNDS = 3
LANES = (1, 8)
#: A barrier that takes more than this many seconds means that a process has failed.
PATIENCE = 120
#: Forked processes have the package loaded, so that none still starts up while others measure.
FORK = multiprocessing.get_context("fork")


@dataclass
class Tally:
    """The calls of one caller."""

    seconds: list[float] = field(default_factory=list)
    """The time that each call took, including failed ones."""
    passed: list[int] = field(default_factory=list)
    """The number of other callers' calls that ended during each call."""
    errors: list[str] = field(default_factory=list)

    @property
    def calls(self) -> int:
        """The number of calls that succeeded."""
        return len(self.seconds) - len(self.errors)

    def time(self, call: Callable[[], object], ended: list[None]) -> None:
        """Make a call, and note its duration and its error."""
        before, start = len(ended), time.perf_counter()
        try:
            call()
        except ChronyError as error:
            # Without what differs between calls, such as addresses and durations.
            self.errors.append(re.sub(r"/\S+|\d[\d.:]*\S*", "…", str(error)))
        self.seconds.append(time.perf_counter() - start)
        self.passed.append(len(ended) - before)
        ended.append(None)


def errors_of(tallies: list[Tally]) -> Figures:
    """Return the number of calls that failed, and their messages."""
    words = Counter(error for tally in tallies for error in tally.errors)
    return {"errors": words.total(), "words": dict(words.most_common(5))}


def in_threads(callers: int, seconds: float, call: Callable[[], object]) -> tuple[list[Tally], float]:
    """Call from several threads for some seconds; return their tallies, and the actual duration."""
    tallies = [Tally() for _ in range(callers)]
    ended: list[None] = []
    ready = threading.Barrier(callers + 1)

    def work(tally: Tally) -> None:
        ready.wait()
        end = time.perf_counter() + seconds
        while time.perf_counter() < end:
            tally.time(call, ended)

    threads = [threading.Thread(target=work, args=(tally,)) for tally in tallies]
    for thread in threads:
        thread.start()
    ready.wait()
    start = time.perf_counter()
    for thread in threads:
        thread.join()
    return tallies, time.perf_counter() - start


def in_processes(callers: int, work: Callable[[Callable[[], object]], Seen]) -> list[Seen]:
    """Do some work in several processes, and return their results. The work gets a function that waits for all."""
    together = FORK.Barrier(callers)
    pipes = [FORK.Pipe(duplex=False) for _ in range(callers)]

    def run(sender: Any) -> None:  # noqa: ANN401
        sender.send(work(lambda: together.wait(PATIENCE)))

    processes = [FORK.Process(target=run, args=(sender,)) for _, sender in pipes]
    for process in processes:
        process.start()
    for _, sender in pipes:
        # Otherwise `recv` would wait for ever for a process that failed.
        sender.close()
    seen = [receiver.recv() for receiver, _ in pipes]
    for process in processes:
        process.join()
    return seen


def shared(address: str, options: argparse.Namespace) -> Iterator[Figures]:
    """Measure threads that share a connection and read without a pause."""
    for callers in options.callers or (64, 128):
        with ChronyConnection(address, timeout=options.timeout, parallel=options.lanes) as connection:
            connection.get_sources()
            tallies, elapsed = in_threads(callers, options.seconds, connection.get_sources)
        calls = [tally.calls for tally in tallies]
        fair = callers * elapsed / max(1, sum(calls))
        longest = max(max(tally.seconds) for tally in tallies)
        yield {
            "callers": callers,
            "fair_wait": fair,
            "longest_wait": longest,
            "ratio": longest / fair,
            "most_passed": max(max(tally.passed) for tally in tallies),
            "least_calls": min(calls),
            "most_calls": max(calls),
            **errors_of(tallies),
        }


def one_shot(address: str, options: argparse.Namespace) -> Iterator[Figures]:
    """Measure threads and processes that open, read and close in each call."""

    def call() -> object:
        return pychrony.get_tracking(address, timeout=options.timeout)

    def work(wait: Callable[[], object]) -> Tally:
        wait()
        [tally], _ = in_threads(1, options.seconds, call)
        return tally

    for callers in options.callers or (1, 8, 64, 128):
        before = resource.getrusage(resource.RUSAGE_SELF)
        tallies, elapsed = in_threads(callers, options.seconds, call)
        after = resource.getrusage(resource.RUSAGE_SELF)
        calls = sum(tally.calls for tally in tallies)
        cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        processes = in_processes(callers, work) if not options.threads_only else []
        yield {
            "callers": callers,
            "threads_a_second": calls / elapsed,
            "cpu_of_a_call": cpu / max(1, calls),
            "sleeps_of_a_call": (after.ru_nvcsw - before.ru_nvcsw) / max(1, calls),
            "longest_call": max(max(tally.seconds) for tally in tallies),
            "processes_a_second": sum((tally.calls / sum(tally.seconds) for tally in processes), 0.0),
            **errors_of([*tallies, *processes]),
        }


def udp(address: str, options: argparse.Namespace) -> Iterator[Figures]:
    """Measure processes that read long lists at once, alternately with one lane and with several."""

    def work(wait: Callable[[], object]) -> dict[int, Tally]:
        tallies = {lanes: Tally() for lanes in LANES}
        with contextlib.ExitStack() as stack:
            connections = {
                lanes: stack.enter_context(ChronyConnection(address, timeout=options.timeout, parallel=lanes))
                for lanes in LANES
            }
            for number in range(2 * options.rounds):
                lanes = LANES[(number + number // 2) % 2]
                wait()
                for _ in range(options.lists):
                    tallies[lanes].time(connections[lanes].get_sources, [])
        return tallies

    for callers in options.callers or (1, 8, 32, 128):
        tallies = in_processes(callers, work)
        for lanes in LANES:
            seconds = [second for tally in tallies for second in tally[lanes].seconds]
            yield {
                "callers": callers,
                "lanes": lanes,
                "p50": statistics.median(seconds),
                "p99": statistics.quantiles(seconds, n=100, method="inclusive")[98],
                "calls": len(seconds),
                **errors_of([tally[lanes] for tally in tallies]),
            }


CASES = {"shared": (shared, SOURCES, "unix"), "one-shot": (one_shot, 0, "unix"), "udp": (udp, SOURCES, "udp")}


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this case."""
    parser.add_argument("--only", choices=CASES, nargs="+", default=[*CASES], help="measure only these")
    parser.add_argument("--address", help="read this chronyd instead of a private one")
    parser.add_argument("--callers", type=int, nargs="+", metavar="N", help="number of threads or processes")
    parser.add_argument("--seconds", type=float, help="duration (6; 0.5 if quick; shared, one-shot)")
    parser.add_argument("--timeout", type=float, default=5.0, help="timeout of a call in seconds")
    parser.add_argument("--lanes", type=int, default=8, help="number of lanes of the connection (shared)")
    parser.add_argument("--threads-only", action="store_true", help="do not start processes (one-shot)")
    parser.add_argument("--lists", type=int, default=4, help="lists that a process reads in a round (udp)")
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each number of callers")


def run(options: argparse.Namespace) -> None:
    """Measure and print."""
    options.seconds = options.seconds or (0.5 if options.quick else 6.0)
    if options.quick and not options.callers:
        options.callers = [1, 8]
    for name in options.only:
        case, sources, transport = CASES[name]
        with contextlib.ExitStack() as stack:
            address = options.address
            if address is None:
                address = stack.enter_context(bed.chronyds({sources}))[sources].addresses[transport]
            for figures in case(address, options):
                if options.json:
                    print(json.dumps(figures), flush=True)
                else:
                    words = figures.pop("words")
                    rows = (f"    {number} x {text}" for text, number in words.items())
                    print(markdown.line(figures), *rows, sep="\n", flush=True)
