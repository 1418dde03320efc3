"""What asyncio costs: `pychrony.aio` beside the blocking calls, and beside these in threads, all in one process.

    tools/run python benches/aio.py              asyncio and uvloop
    tools/run python benches/aio.py --rounds 5   in fewer rounds
    tools/run python benches/aio.py --write-docs writes the section of docs/performance.md, too

In every round each contestant runs once, in another order each time; ratios are medians of those within a round. The
chronyds are private ones, started for this. It measures the pychrony that is installed: `make build` has installed one
without optimisation, `make bench` the optimised one.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import time
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, TypeVar

import bed
import uvloop
from measure import Spread
from report import ASYNCIO, FLEETS, markdown

import pychrony
from pychrony import ChronyConnection, aio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")
Call = "Callable[[], Awaitable[object]]"
SOURCES = 950

SECTION = """\
{title}
Written by `tools/run python benches/aio.py --write-docs`; `make bench` does that, too. Not to be edited.

`pychrony.aio` beside the blocking calls, and beside one-shot calls in `asyncio.to_thread`, all in one process and on
the same chronyds. In each of {rounds} rounds every one runs once, in a new order. Times are medians over the rounds,
ratios medians of the ratios within a round to the blocking call, with quartiles. The ratio of open tracking differs
between runs: of seven on two processors, five had 1.3 to 2.2 in all four cases, and two had 2.8 over the Unix socket
with asyncio.

{table}"""


@dataclass(frozen=True)
class Case:
    """What is compared: the blocking call first, and by how much each other one may take longer at most."""

    name: str
    calls: dict[str, Callable[[], Awaitable[object]]]
    times: int
    bars: dict[str, float]


async def blocking(call: Callable[[], object]) -> object:
    """A blocking call in the loop's own thread."""
    return call()


async def measure(case: Case, rounds: int) -> dict[str, list[float]]:
    """Seconds of a call of each contestant, round by round."""
    taken: dict[str, list[float]] = {name: [] for name in case.calls}
    order = random.Random(0)
    for _ in range(rounds):
        for name in order.sample(sorted(case.calls), len(case.calls)):
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
        ratio = Spread.of(mine / first for mine, first in zip(seconds, taken["blocking"], strict=True))
        spread = f"{ratio.median:.2f} ({ratio.low:.2f}-{ratio.high:.2f})"
        median, bar = Spread.of(seconds).median * 1e6, f"{case.bars[name]:.1f}" if name in case.bars else ""
        print(f"  {name:10} {median:10.1f} µs   {spread}{bar and f'   bar {bar}'}", flush=True)
        rows.append([f"{case.name}, {loop}: {name}", f"{median:,.1f}", spread if name != "blocking" else "", bar])
    return rows


def write_docs(rows: list[list[str]], rounds: int) -> None:
    """Write the section, before that of fleet.py."""
    page = bed.ROOT / "docs" / "performance.md"
    text = page.read_text(encoding="utf-8")
    table = markdown(["", "us a call", "of blocking", "limit"], rows)
    section = SECTION.format(title=ASYNCIO, rounds=rounds, table=table)
    before, *fleets = text.partition(FLEETS)
    page.write_text(before.partition(ASYNCIO)[0] + section + "".join(fleets), encoding="utf-8")


def main() -> None:
    """Build, start, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=15, metavar="N", help="alternating runs of each contestant")
    parser.add_argument("--write-docs", action="store_true", help="write the section of docs/performance.md")
    options = parser.parse_args()
    bed.build()
    rows = []
    with bed.chronyds({SOURCES}) as chronyds:
        for loop, run in (("asyncio", asyncio.run), ("uvloop", uvloop.run)):
            rows += run(compare(loop, options.rounds, chronyds))
    if options.write_docs:
        write_docs(rows, options.rounds)


if __name__ == "__main__":
    main()
