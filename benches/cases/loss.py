"""Long lists over UDP from a chronyd whose answers, or the requests for them, are lost now and then.

    tools/run python benches/loss.py                              0, 0.1, 0.5 and 1 % of the answers
    tools/run python benches/loss.py --unheard --percent 1        1 % of the requests
    tools/run python benches/loss.py --lanes 1 --lists 20

The chronyd is a scripted one, which loses by a seed: the same each time. It measures the pychrony that is installed:
`make build` has installed one without optimisation, `make bench` the optimised one.
"""

from __future__ import annotations

import argparse
import contextlib
import statistics
import time

import bed

from pychrony import ChronyConnection, ChronyError


def parse_arguments() -> argparse.Namespace:
    """The options of the command."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--percent", type=float, nargs="+", default=[0, 0.1, 0.5, 1], help="how many are lost")
    parser.add_argument("--unheard", action="store_true", help="lose requests in place of answers")
    parser.add_argument("--seed", type=int, default=1, help="decides which are lost")
    parser.add_argument("--sources", type=int, default=950)
    parser.add_argument("--lists", type=int, default=100, help="how many lists are read")
    parser.add_argument("--lanes", type=int, default=8)
    parser.add_argument("--timeout", type=float, default=5.0)
    return parser.parse_args()


def read(connection: ChronyConnection, options: argparse.Namespace) -> tuple[list[float], list[str]]:
    """The time that each list took, and the words of those that failed."""
    seconds, errors = [], []
    for _ in range(options.lists):
        start = time.perf_counter()
        try:
            if len(connection.get_sources()) != options.sources:
                errors.append("a list that is not whole")
        except ChronyError as error:
            errors.append(str(error))
        seconds.append(time.perf_counter() - start)
    return seconds, errors


def main() -> None:
    """Read and print."""
    options = parse_arguments()
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


if __name__ == "__main__":
    main()
