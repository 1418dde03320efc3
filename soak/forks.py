"""Forks: parent and child both continue to read, and the child ends by `os._exit`."""

from __future__ import annotations

import mmap
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Sequence
from typing import NoReturn

from soak.calls import Connected, Tally
from soak.readers import TIMEOUTS, call_function
from soak.run import Run

#: A child that has not ended by then hangs.
CHILD_PATIENCE = 60


def fork(run: Run, tally: Tally, rng: random.Random) -> None:
    """Fork again and again, and read meanwhile."""
    own = Connected(run.beds.real[-1], "unix", 5.0, 8)
    mine = [*run.shared, own] if own.enter(tally) else run.shared
    while not run.stop.is_set():
        seed = rng.getrandbits(64)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            # Only the parent knows the state of scripted chronyds.
            _child([*mine, run.crowd.connected], writer, run, random.Random(seed))
        os.close(writer)
        run.events["fork"] += 1
        for _ in range(rng.randint(1, 10)):
            rng.choice(mine).read(tally, rng)
        _reap(child, reader, tally)
        time.sleep(rng.uniform(0.0, 0.2))
    if own in mine:
        own.leave()


def _child(inherited: Sequence[Connected], writer: int, run: Run, rng: random.Random) -> NoReturn:
    """A few calls, on the parent's connections and by functions; then the end, without any clean-up of Python's.

    What the child has opened itself it has to close itself, hence the `leave`.
    """
    status = 1
    try:
        signal.alarm(CHILD_PATIENCE)
        tally = Tally()
        for _ in range(rng.randint(1, 10)):
            if rng.random() < 0.7:
                rng.choice(inherited).read(tally, rng)
            else:
                call_function(rng.choice(run.beds.real), rng.choice(TIMEOUTS), tally, rng)
        for connected in inherited:
            connected.leave()
        os.write(writer, tally.to_json())
        status = 0
    finally:
        os._exit(status)


def _reap(child: int, reader: int, tally: Tally) -> None:
    status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    os.set_blocking(reader, False)
    told = os.read(reader, mmap.PAGESIZE * 16) if status == 0 else b""
    os.close(reader)
    if status:
        tally.violation(f"a child ended with status {status}")
    else:
        theirs = Tally.from_json(told)
        theirs.calls = Counter({f"{name}, in a child": number for name, number in theirs.calls.items()})
        tally.add(theirs)
