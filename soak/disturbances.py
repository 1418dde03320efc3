"""Disturbances: chronyds that are killed, restarted, suspended, and changed; bad paths; signals."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence

from soak.calls import Tally
from soak.real import Real, Resized
from soak.run import Run
from soak.scripted import Scripted

Act = Callable[[Real, random.Random], str]


def disturb(bed: Real, run: Run, _: Tally, rng: random.Random) -> None:
    """Do something to a real chronyd every now and then."""
    acts: list[Act] = [kill, restart, suspend]
    longest = 2.5
    if isinstance(bed, Resized):
        # Between two acts all threads of the crowd have their turns.
        acts, longest = [*acts, *[resize] * 6], 5.0
    elif bed.changeable:
        acts, longest = [*acts, *[change] * 12], 1.0
    while not run.calm.wait(rng.uniform(0.05, longest)):
        act = rng.choice(acts)
        what = act(bed, rng)
        run.events[act.__name__] += 1
        run.log(f"{bed.name}: {what}")


def kill(bed: Real, rng: random.Random) -> str:
    """Kill it or let it exit in order, and start it again after a while."""
    seconds = rng.uniform(0.0, 0.5)
    with bed.away(), bed.changing():
        bed.daemon.say("kill" if rng.random() < 0.7 else "terminate")
        time.sleep(seconds)
        bed.pids.add(int(bed.daemon.say("restart")["pid"]))
    return f"killed for {seconds:.3f} s"


def restart(bed: Real, _: random.Random) -> str:
    """Restart it at once."""
    with bed.away(), bed.changing():
        bed.pids.add(int(bed.daemon.say("restart")["pid"]))
    return "restarted"


def suspend(bed: Real, rng: random.Random) -> str:
    """Suspend it for a while."""
    seconds = rng.choice((0.01, 0.1, 0.5, 2.0))
    with bed.away():
        bed.daemon.say("suspend")
        time.sleep(seconds)
        bed.daemon.say("resume")
    return f"suspended for {seconds} s"


def change(bed: Real, rng: random.Random) -> str:
    """Add or remove up to five sources, one after the other."""
    return "; ".join(bed.change_one(rng.choice(bed.all)) for _ in range(rng.randint(1, 5)))


def resize(bed: Real, rng: random.Random) -> str:
    """Make the list long or short."""
    assert isinstance(bed, Resized)
    length = rng.choice((bed.LONG, bed.SHORT))
    bed.resize(length)
    return f"{length} sources"


def blow(bed: Scripted, run: Run, _: Tally, rng: random.Random) -> None:
    """Change the weather of a scripted chronyd."""

    def told(what: str) -> None:
        run.events["weather"] += 1
        run.log(f"{bed.name}: {what}")

    epoch = time.monotonic() + rng.uniform(20.0, 40.0)
    while not run.calm.wait(rng.choice((0.1, 0.3, 1.0, 3.0))):
        if bed.transport == "udp" and time.monotonic() > epoch:
            told(bed.begin_epoch(calm=False))
            epoch = time.monotonic() + (rng.uniform(3.0, 8.0) if bed.is_rough else rng.uniform(30.0, 60.0))
        else:
            told(bed.change(calm=False))
    # The last calls must not run until their timeouts.
    told(bed.begin_epoch(calm=True) if bed.is_rough else bed.change(calm=True))


def storm(readers: Sequence[threading.Thread], run: Run, _tally: Tally, rng: random.Random) -> None:
    """Signals to every reader and to the process."""
    while not run.calm.wait(rng.uniform(0.0, 0.5)):
        for _ in range(rng.randint(1, 200)):
            target = rng.choice(readers)
            if target.ident is not None and target.is_alive() and rng.random() < 0.8:
                signal.pthread_kill(target.ident, signal.SIGUSR1)
            else:
                os.kill(os.getpid(), signal.SIGUSR1)
            run.events["signal"] += 1
            time.sleep(0.0005)
