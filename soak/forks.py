"""Forks: parent and child both continue to read, and the child ends with `os._exit`."""

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

#: A child that runs for longer than this many seconds hangs, and is killed.
CHILD_PATIENCE = 60


def fork(run: Run, tally: Tally, rng: random.Random) -> None:
    """Fork repeatedly, and read while the child runs."""
    own = Connected(run.beds.real[-1], "unix", 5.0, 8)
    mine = [*run.shared, own] if own.enter(tally) else run.shared
    while not run.stop.is_set():
        seed = rng.getrandbits(64)
        reader, writer = os.pipe()
        child = os.fork()
        if child == 0:
            # No scripted chronyds: the state of their models is in the parent's memory.
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
    """Make a few calls, on inherited connections and with functions, and end without any cleanup by Python.

    The child leaves the connections itself, because it opened sockets of its own on them.
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
    text = os.read(reader, mmap.PAGESIZE * 16) if status == 0 else b""
    os.close(reader)
    if status:
        tally.violation(f"a child ended with status {status}")
    else:
        theirs = Tally.from_json(text)
        theirs.calls = Counter({f"{name}, in a child": number for name, number in theirs.calls.items()})
        tally.add(theirs)
