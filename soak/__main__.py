"""Read several chronyds for minutes amid restarts, losses, signals and forks, and report everything that was wrong.

    tools/run python -m soak --minutes 10

Threads read on shared connections, on their own connections and with the one-shot functions. They use Unix sockets and
UDP, with short and long timeouts, and 128 of them share one connection. Tasks in event loops do the same, are
cancelled, and read fleets. Meanwhile the chronyds are killed, restarted, suspended and given other sources. Answers are
delayed, duplicated and lost, and the readers receive signals. The process also forks: parent and child both continue to
read, and the child ends with `os._exit`.

Every record is checked. An error passes only if something that happened to chronyd during the call explains it. The
seed determines what happens, but not when.

The exit status is 1 if anything was wrong, late or left over. The log has the time of each disturbance. It also has the
first unexplained errors in full, with the state of chronyd before and after the call.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import signal
import sys
from collections import Counter
from pathlib import Path

from soak import log
from soak.judge import Resources, left_running, steady_memory
from soak.run import Beds
from soak.soak import Soak

#: The number of findings to print.
SHOWN = 20


def table(title: str, counter: Counter[str]) -> None:
    """Print the counts, the highest first."""
    print(f"{title}: {sum(counter.values())}")
    for name, number in counter.most_common():
        print(f"  {number:>9}  {name}")


def soak(options: argparse.Namespace, seed: int) -> list[str]:
    """Run, print the report, and return the findings."""
    total = options.minutes * 60
    warm_up = min(max(total / 4, 3.0), 60.0)
    rng = random.Random(seed)
    with contextlib.ExitStack() as stack:
        beds = Beds.start(stack, rng)
        soak = Soak(beds, rng, options.slack)
        # All threads run before the baseline, so that it includes their stacks and everything that is created once.
        soak.run(warm_up)
        before = Resources.of(beds)
        log.write(f"after warm-up: {before}")
        soak.run(max(total - warm_up, 0.0))
        after = Resources.of(beds)
        log.write(f"at the end: {after}")
    pids = set().union(*(bed.pids for bed in beds))
    left = left_running(pids)
    folders = [*before.folders, *after.folders]
    folders += [str(path) for bed in beds for path in bed.folders if path.exists()]

    tally = soak.tally
    print(f"Soak of {options.minutes} min, including {warm_up:.0f} s of warm-up; seed {seed}")
    table("Calls", tally.calls)
    table("Errors of calls", tally.errors)
    table("Events", soak.events)
    print(f"Records read: {tally.records}")
    print(f"Wrong records: {tally.wrong}")
    print(f"Turns in the crowd: {'; '.join(soak.turns)}")
    wrong = [*soak.broken, *(f"{number} x {what}" for what, number in tally.violations.items())]
    wrong += before.compare(after)
    print(f"Folders left: {len(folders)}")
    print(f"Processes left: {len(left)} of {len(pids)} chronyds and test beds, and {soak.events['fork']} children")
    print(
        f"Latest call: {tally.worst:+.3f} s after its deadline ({tally.worst_call}); "
        f"a plain sleep was up to {soak.lateness.worst:.3f} s late"
    )
    wrong += [f"left: {folder}" for folder in folders]
    wrong += [f"left: process {process}" for process in left]
    return wrong


def main() -> int:
    """Run the command line; return 1 if anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m soak", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--minutes", type=float, default=10.0, help="duration, warm-up included (default: 10)")
    parser.add_argument("--seed", type=int, default=None, help="seed of all choices (default: random)")
    parser.add_argument(
        "--slack", type=float, default=0.2, metavar="SECONDS", help="allowed delay after a deadline (default: 0.2)"
    )
    folder = Path(os.environ.get("CARGO_TARGET_DIR", "target"))
    parser.add_argument("--log", type=Path, default=folder / "soak.log", help="file to log to (default: %(default)s)")
    options = parser.parse_args()
    seed = random.SystemRandom().getrandbits(32) if options.seed is None else options.seed

    log.start(options.log)
    steady_memory()
    signal.signal(signal.SIGUSR1, lambda _number, _frame: None)
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(1))
    wrong = soak(options, seed)
    for what in wrong[:SHOWN]:
        print(f"WRONG: {what}")
    print(f"Failed; see {options.log}" if wrong else "Passed")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
