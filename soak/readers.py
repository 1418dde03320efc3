"""The threads that read: on shared connections, on their own, with one-shot functions, and where nothing answers."""

from __future__ import annotations

import random
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from soak.bed import AMPLE, Bed
from soak.calls import REPORTS, Connected, Tally, call, is_busy, read, reader
from soak.crowd import Member
from soak.run import Run

import pychrony
from pychrony import ChronyAddressError, ChronyConnectionError

TIMEOUTS = (0.05, 0.3, 1.0, AMPLE, 5.0)
#: For scripted chronyds, so that some calls have time for several losses.
LONG_TIMEOUTS = (0.05, 0.3, 1.0, 5.0, 10.0, 20.0, 20.0, 20.0)


def share(shared: Sequence[Connected], run: Run, tally: Tally, rng: random.Random) -> None:
    """Read on shared connections."""
    while not run.stop.is_set():
        rng.choice(shared).read(tally, rng)


def own(beds: Sequence[Bed[Any]], timeouts: Sequence[float], run: Run, tally: Tally, rng: random.Random) -> None:
    """Read on connections that are opened, used for a while, and closed."""
    while not run.stop.is_set():
        bed = rng.choice(beds)
        connected = Connected(bed, rng.choice([*bed.addresses]), rng.choice(timeouts), rng.choice((1, 2, 8)))
        if connected.enter(tally):
            for _ in range(rng.randint(1, 50)):
                connected.read(tally, rng)
                if run.stop.is_set():
                    break
            connected.leave()


def call_functions(
    beds: Sequence[Bed[Any]], timeouts: Sequence[float], run: Run, tally: Tally, rng: random.Random
) -> None:
    """Read with one-shot functions, each of which opens and closes a connection."""
    while not run.stop.is_set():
        call_function(rng.choice(beds), rng.choice(timeouts), tally, rng)


def call_function(bed: Bed[Any], timeout: float, tally: Tally, rng: random.Random) -> None:
    """Read one random report with its function."""
    transport, name = rng.choice([*bed.addresses]), rng.choice(REPORTS)
    one_shot = partial(reader(pychrony, name, rng), bed.addresses[transport], timeout=timeout)
    read(tally, bed, name, timeout, via=f"function {transport}{bed.suffix}", function=one_shot)


def take_turns(member: Member, run: Run, tally: Tally, rng: random.Random) -> None:
    """Read on the crowd's connection."""
    run.crowd.read(member, run.stop, tally, rng)


def fail(run: Run, tally: Tally, rng: random.Random) -> None:
    """Make calls that always fail, and check the error of each."""
    folder = run.beds.real[0].daemon.folder
    known = (
        (str(folder / "nothing.sock"), ChronyConnectionError, -2),
        (str(folder / "chrony.conf"), ChronyConnectionError, -1),
        ("127.0.0.1:1", ChronyConnectionError, -1),
        ("[::1]:99999", ChronyAddressError, -1),
    )
    while not run.stop.is_set():
        address, kind, code = rng.choice(known)
        name, timeout = rng.choice(REPORTS), rng.choice(TIMEOUTS)
        function = partial(getattr(pychrony, name), address, timeout=timeout)
        _, failure = call(tally, f"{name} nowhere", timeout, function)
        is_known = type(failure) is kind and failure.error_code == code
        if not is_known and not (failure and is_busy(failure)):
            tally.violation(f"at {address}: {failure!r}")
        time.sleep(0.01)
