"""Measure asyncio: `pychrony.aio`, blocking calls, and blocking calls in threads, all in one process."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import uvloop

import pychrony
from benches import bed, markdown
from benches.measure import Spread, turns
from pychrony import ChronyConnection, aio

if TYPE_CHECKING:
    import argparse
    from collections.abc import Awaitable, Callable

ROUNDS = 15
SOURCES = 950

SECTION = """\
This compares `pychrony.aio` with blocking calls, and with one-shot calls in `asyncio.to_thread`, all in one process and
on the same chronyds. In each of {rounds} rounds each of them runs once, in a new order. Times are medians over the
rounds. Ratios are medians of the ratios to the blocking call within a round, with quartiles. The ratio of open tracking
differs between runs. Of seven runs on two processors, five had ratios of 1.3 to 2.2 in all four cases. Two had 2.8 over
the Unix socket with asyncio.

{table}"""


@dataclass(frozen=True)
class Case:
    """The calls to compare, the blocking one first, and limits for the ratios of the others to it."""

    name: str
    calls: dict[str, Callable[[], Awaitable[object]]]
    times: int
    bars: dict[str, float]


async def blocking(call: Callable[[], object]) -> object:
    """Make a blocking call in the loop's own thread."""
    return call()


async def measure(case: Case, rounds: int) -> dict[str, list[float]]:
    """Return the seconds that a call of each contestant took, round by round."""
    taken: dict[str, list[float]] = {name: [] for name in case.calls}
    for name in turns(sorted(case.calls), rounds):
        call = case.calls[name]
        await call()
        start = time.perf_counter()
        for _ in range(case.times):
            await call()
        taken[name].append((time.perf_counter() - start) / case.times)
    return taken


async def compare(loop: str, rounds: int, chronyds: dict[int, bed.Chronyd]) -> list[list[str]]:
    """Run all cases on the running loop, print them, and return their rows for the docs."""
    rows = []
    for transport in ("unix", "udp"):
        few, many = (chronyds[length].addresses[transport] for length in (0, SOURCES))
        with ChronyConnection(few) as short, ChronyConnection(many) as long:
            async with aio.ChronyConnection(few) as a_short, aio.ChronyConnection(many) as a_long:
                cases = [
                    Case(
                        f"open tracking, {transport}",
                        {"blocking": partial(blocking, short.get_tracking), "aio": a_short.get_tracking},
                        200,
                        {"aio": 2.5},
                    ),
                    Case(
                        f"open sources {SOURCES}, {transport}",
                        {"blocking": partial(blocking, long.get_sources), "aio": a_long.get_sources},
                        2,
                        {"aio": 1.3},
                    ),
                    Case(
                        f"one-shot tracking, {transport}",
                        {
                            "blocking": partial(blocking, partial(pychrony.get_tracking, few)),
                            "aio": partial(aio.get_tracking, few),
                            "to_thread": partial(asyncio.to_thread, pychrony.get_tracking, few),
                        },
                        30,
                        {},
                    ),
                ]
                for case in cases:
                    rows += report(loop, case, await measure(case, rounds))
    return rows


def report(loop: str, case: Case, taken: dict[str, list[float]]) -> list[list[str]]:
    """Print a case, and return its rows for the docs."""
    print(f"\n{case.name}, {loop}")
    rows = []
    for name, seconds in taken.items():
        spread = str(Spread.ratio(seconds, taken["blocking"]))
        median, bar = Spread.of(seconds).median * 1e6, f"{case.bars[name]:.1f}" if name in case.bars else ""
        print(f"  {name:10} {median:10.1f} µs   {spread}{bar and f'   bar {bar}'}", flush=True)
        rows.append([f"{case.name}, {loop}: {name}", f"{median:,.1f}", spread if name != "blocking" else "", bar])
    return rows


def add_options(_parser: argparse.ArgumentParser) -> None:
    """Add no option."""


def run(options: argparse.Namespace) -> None:
    """Build, start, measure, print."""
    bed.build()
    rows = []
    with bed.chronyds({SOURCES}) as chronyds:
        for loop, run_loop in (("asyncio", asyncio.run), ("uvloop", uvloop.run)):
            rows += run_loop(compare(loop, options.rounds, chronyds))
    if options.write_docs:
        table = markdown.table(["", "us a call", "of blocking", "limit"], rows)
        markdown.write_section("aio", SECTION.format(rounds=options.rounds, table=table))
