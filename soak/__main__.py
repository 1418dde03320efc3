"""Reads from several chronyds for minutes, while everything that goes wrong in years goes wrong; then tells what held.

    tools/run python -m soak --minutes 10

Threads share connections, own connections and call the functions, over Unix sockets and UDP, with short and long
timeouts; 128 of them share one connection. Tasks of event loops read likewise, are cancelled, and read fleets.
Meanwhile the chronyds are killed, restarted, suspended and given other sources, answers come late, twice, or never,
signals rain on the readers, and the process forks: parent and child both go on, and the child ends by `os._exit`. The
seed decides what happens, if not when. Every record is checked; what each call may say depends on what happened to its
chronyd meanwhile.

The program ends with status 1 if anything was wrong, late or left over. It is no pytest file: it is run by itself.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable

from soak.judge import Resources, left_running, steady_memory
from soak.run import Beds
from soak.soak import Soak

#: The number of faults that are shown.
SHOWN = 20


def table(title: str, counter: Counter[str]) -> None:
    """Print what was counted, the most frequent first."""
    print(f"{title}: {sum(counter.values())}")
    for name, number in counter.most_common():
        print(f"  {number:>9}  {name}")


def soak(options: argparse.Namespace, seed: int, log: Callable[[str], None]) -> list[str]:
    """Run it, print the report, and return what was wrong."""
    total = options.minutes * 60
    warm_up = min(max(total / 4, 3.0), 60.0)
    rng = random.Random(seed)
    with contextlib.ExitStack() as stack:
        beds = Beds.start(stack, rng)
        soak = Soak(beds, rng, options.slack, log)
        # All threads run, so that their stacks and all that is made once are there before the baseline is taken.
        soak.run(warm_up)
        before = Resources.of(beds)
        log(f"warm: {before}")
        soak.run(max(total - warm_up, 0.0))
        after = Resources.of(beds)
        log(f"end: {after}")
    pids = set().union(*(bed.pids for bed in beds))
    left = left_running(pids)
    folders = [*before.folders, *after.folders]
    folders += [str(path) for bed in beds for path in bed.folders if path.exists()]

    tally = soak.tally
    print(f"Soak of {options.minutes} min, {warm_up:.0f} s of which to warm up; seed {seed}")
    table("Calls", tally.calls)
    table("Errors of calls", tally.errors)
    table("Events", soak.events)
    print(f"Records read: {tally.records}")
    print(f"Wrong records: {tally.wrong}")
    print(f"Turns in the crowd: {'; '.join(soak.turns)}")
    wrong = [*soak.broken, *(f"{number} x {what}" for what, number in tally.violations.items())]
    wrong += before.compare(after)
    print(f"Folders left: {len(folders)}")
    print(f"Processes left: {len(left)} of {len(pids)} chronyds and test beds and {soak.events['fork']} children")
    print(
        f"Worst call: {tally.worst:+.3f} s from its deadline ({tally.worst_call}); "
        f"a plain sleep was up to {soak.lateness.worst:.3f} s late"
    )
    wrong += [f"left: {folder}" for folder in folders]
    wrong += [f"left: process {process}" for process in left]
    return wrong


def main() -> int:
    """Parse the arguments, and end with status 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="how long it takes (default: 10)")
    parser.add_argument("--seed", type=int, default=None, help="what the choices depend on (default: any)")
    parser.add_argument(
        "--slack", type=float, default=0.2, help="by how many seconds a call may miss its deadline (default: 0.2)"
    )
    parser.add_argument("--log", action="store_true", help="tell on stderr what happens")
    options = parser.parse_args()
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed

    begin = time.monotonic()

    def log(what: str) -> None:
        if options.log:
            os.write(2, f"{time.monotonic() - begin:9.3f} {what}\n".encode())

    steady_memory()
    signal.signal(signal.SIGUSR1, lambda _number, _frame: None)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    wrong = soak(options, seed, log)
    for what in wrong[:SHOWN]:
        print(f"WRONG: {what}")
    print("Failed" if wrong else "Passed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
