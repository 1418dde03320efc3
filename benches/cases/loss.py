"""Measure long lists over UDP when some answers or requests are lost.

    tools/run python -m benches loss                              0, 0.1, 0.5 and 1 % of the answers
    tools/run python -m benches loss --unheard --percent 1        1 % of the requests
    tools/run python -m benches loss --lanes 1 --lists 20

The chronyd is scripted, and its seed determines the datagrams that are lost.
"""

from __future__ import annotations

import contextlib
import statistics
import time
from typing import TYPE_CHECKING

from benches import bed
from pychrony import ChronyConnection, ChronyError

if TYPE_CHECKING:
    import argparse

ROUNDS = None


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this case."""
    parser.add_argument("--percent", type=float, nargs="+", default=[0, 0.1, 0.5, 1], help="percentages to lose")
    parser.add_argument("--unheard", action="store_true", help="lose requests instead of answers")
    parser.add_argument("--seed", type=int, default=1, help="seed of the losses")
    parser.add_argument("--sources", type=int, default=950, help="length of the lists")
    parser.add_argument("--lists", type=int, metavar="N", help="number of lists (100; 10 if quick)")
    parser.add_argument("--lanes", type=int, default=8, help="number of lanes of the connection")
    parser.add_argument("--timeout", type=float, default=5.0, help="timeout of a list in seconds")


def read(connection: ChronyConnection, options: argparse.Namespace) -> tuple[list[float], list[str]]:
    """Return the time that each list took, and the messages of the failures."""
    seconds, errors = [], []
    for _ in range(options.lists):
        start = time.perf_counter()
        try:
            if len(connection.get_sources()) != options.sources:
                errors.append("the list is incomplete")
        except ChronyError as error:
            errors.append(str(error))
        seconds.append(time.perf_counter() - start)
    return seconds, errors


def run(options: argparse.Namespace) -> None:
    """Read and print."""
    options.lists = options.lists or (10 if options.quick else 100)
    with contextlib.closing(bed.Bed("scripted", program=bed.build_released())) as scripted:
        scripted.tell(f'values {{"sources": {options.sources}}}')
        for percent in options.percent:
            with ChronyConnection(
                scripted.addresses["udp"], timeout=options.timeout, parallel=options.lanes
            ) as connection:
                connection.get_sources()
                for fault in (f"loss {percent}", f"seed {options.seed}", *(["unheard"] if options.unheard else [])):
                    scripted.tell(f"fault {fault}")
                seconds, errors = read(connection, options)
                scripted.tell("clear")
            p99 = statistics.quantiles(seconds, n=100, method="inclusive")[98]
            print(
                f"loss {percent} %  lists {len(seconds)}  failures {len(errors)}"
                f"  p50 {statistics.median(seconds):.3f} s  p99 {p99:.3f} s  longest {max(seconds):.3f} s",
                *sorted(set(errors))[:3],
                sep="\n    ",
                flush=True,
            )
