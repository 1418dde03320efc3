"""Disturbances: chronyds are killed, restarted, suspended and changed, datagrams are lost, and signals arrive."""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from collections.abc import Callable, Sequence

from soak import log
from soak.calls import Tally
from soak.real import Real, Resized
from soak.run import Run
from soak.scripted import Scripted

Act = Callable[[Real, random.Random], str]


def disturb(bed: Real, run: Run, _: Tally, rng: random.Random) -> None:
    """Disturb a real chronyd at random times."""
    acts: list[Act] = [kill, restart, suspend]
    longest = 2.5
    if isinstance(bed, Resized):
        # Long enough for every thread of the crowd to get a turn between two disturbances.
        acts, longest = [*acts, *[resize] * 6], 5.0
    elif bed.changeable:
        acts, longest = [*acts, *[change] * 12], 1.0
    while not run.calm.wait(rng.uniform(0.05, longest)):
        act = rng.choice(acts)
        begin = time.monotonic()
        what = act(bed, rng)
        run.events[act.__name__] += 1
        state = bed.now()
        log.write(f"{bed.name}: {what}, since {begin:.3f}; outages={state.outages}, changes={state.changes}")


def kill(bed: Real, rng: random.Random) -> str:
    """Kill or terminate chronyd, and start it again after up to half a second."""
    seconds = rng.uniform(0.0, 0.5)
    with bed.away(), bed.changing():
        bed.daemon.say("kill" if rng.random() < 0.7 else "terminate")
        time.sleep(seconds)
        bed.pids.add(int(bed.daemon.say("restart")["pid"]))
    return f"killed or terminated for {seconds:.3f} s"


def restart(bed: Real, _: random.Random) -> str:
    """Restart chronyd without a pause."""
    with bed.away(), bed.changing():
        bed.pids.add(int(bed.daemon.say("restart")["pid"]))
    return "restarted"


def suspend(bed: Real, rng: random.Random) -> str:
    """Suspend chronyd for up to two seconds."""
    seconds = rng.choice((0.01, 0.1, 0.5, 2.0))
    with bed.away():
        bed.daemon.say("suspend")
        time.sleep(seconds)
        bed.daemon.say("resume")
    return f"suspended for {seconds} s"


def change(bed: Real, rng: random.Random) -> str:
    """Add or remove one to five sources, one after the other."""
    return "; ".join(bed.toggle(rng.choice(bed.all)) for _ in range(rng.randint(1, 5)))


def resize(bed: Real, rng: random.Random) -> str:
    """Replace the list of sources by a long or a short one."""
    assert isinstance(bed, Resized)
    length = rng.choice((bed.LONG, bed.SHORT))
    bed.resize(length)
    return f"{length} sources"


def begin_phases(bed: Scripted, run: Run, _: Tally, rng: random.Random) -> None:
    """Begin new phases and epochs of a scripted chronyd."""

    def note(what: str) -> None:
        run.events["phase"] += 1
        log.write(f"{bed.name}: {what}")

    epoch = time.monotonic() + rng.uniform(20.0, 40.0)
    while not run.calm.wait(rng.choice((0.1, 0.3, 1.0, 3.0))):
        if bed.transport == "udp" and time.monotonic() > epoch:
            note(bed.begin_epoch(calm=False))
            epoch = time.monotonic() + (rng.uniform(3.0, 8.0) if bed.is_rough else rng.uniform(30.0, 60.0))
        else:
            note(bed.begin_phase(calm=False))
    # Without faults, the last calls end before their timeouts.
    note(bed.begin_epoch(calm=True) if bed.is_rough else bed.begin_phase(calm=True))


def send_signals(readers: Sequence[threading.Thread], run: Run, _tally: Tally, rng: random.Random) -> None:
    """Send bursts of signals to random readers and to the process."""
    while not run.calm.wait(rng.uniform(0.0, 0.5)):
        for _ in range(rng.randint(1, 200)):
            target = rng.choice(readers)
            if target.ident is not None and target.is_alive() and rng.random() < 0.8:
                signal.pthread_kill(target.ident, signal.SIGUSR1)
            else:
                os.kill(os.getpid(), signal.SIGUSR1)
            run.events["signal"] += 1
            time.sleep(0.0005)
