"""Start and end the threads that read, and those that disturb them."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from collections.abc import Callable
from functools import partial

from soak import disturbances, forks, log, readers, tasks
from soak.calls import Tally
from soak.judge import Lateness
from soak.run import Beds, Run

Body = Callable[[Run, Tally, random.Random], object]


class Soak:
    """Reads the chronyds, and collects the findings."""

    def __init__(self, beds: Beds, rng: random.Random, slack: float) -> None:
        self.tally = Tally()
        self.events: Counter[str] = Counter()
        self.lateness = Lateness(slack, self.events)
        self.broken: list[str] = []
        self.turns: list[str] = []
        self._beds = beds
        self._rng = rng
        self._tallies: list[Tally] = []

    def run(self, seconds: float) -> None:
        """Read and disturb for some time, and end all threads."""
        for bed in self._beds.scripted:
            log.write(f"{bed.name}: {bed.begin_epoch(calm=True)}")
        run = Run.of(self._beds, self.events, self.lateness.slack, self._rng)
        setup, mine = self._new(), self._new()
        for connected in run.connections:
            if not connected.enter(setup):
                self.broken.append("a shared connection could not be opened before the disturbances began")
        reading = [self._thread(run, name, body) for name, body in self._readers(run).items()]
        disturbing = [self._thread(run, name, body) for name, body in self._disturbers(reading).items()]
        watch = threading.Thread(target=self.lateness.watch, args=(run.stop,))
        for one in (watch, *reading, *disturbing):
            one.start()
        try:
            self._read_until(time.monotonic() + seconds, run, mine)
        finally:
            # After an interrupt, too, or the threads would run on. Signals may only go to threads that still run, so
            # the disturbing threads end first.
            run.calm.set()
            for one in disturbing:
                one.join()
            run.stop.set()
            for one in (*reading, watch):
                one.join()
        for connected in run.connections:
            connected.leave()
        self.lateness.judge(self._tallies, time.monotonic())
        self.turns = run.crowd.judge(setup)
        for tally in self._tallies:
            self.tally.add(tally)
        self._tallies.clear()

    def _read_until(self, end: float, run: Run, tally: Tally) -> None:
        """Read in the main thread, which also runs Python's signal handlers."""
        rng = random.Random(self._rng.getrandbits(64))
        judged = time.monotonic()
        while time.monotonic() < end:
            rng.choice(run.shared).read(tally, rng)
            if time.monotonic() > judged + 1.0:
                judged = time.monotonic()
                self.lateness.judge(self._tallies, judged - 0.5)

    def _readers(self, run: Run) -> dict[str, Body]:
        bodies: dict[str, Body] = {
            **{f"sharer {i}": partial(readers.share, run.shared) for i in range(3)},
            **{f"owner {i}": partial(readers.own, run.beds.real, readers.TIMEOUTS) for i in range(3)},
            **{f"caller {i}": partial(readers.call_functions, run.beds.real, readers.TIMEOUTS) for i in range(2)},
            **{f"tasks of {kind}": partial(tasks.read_in_loop, kind) for kind in tasks.LOOPS},
            "failing": readers.fail,
            "forking": forks.fork,
            **{f"crowd {i}": partial(readers.take_turns, member) for i, member in enumerate(run.crowd.members)},
        }
        for bed, connected in zip(run.beds.scripted, run.bad_paths, strict=True):
            where = f"on a bad path, {bed.transport}"
            bodies |= {f"sharer {i} {where}": partial(readers.share, [connected]) for i in range(2)}
            bodies |= {f"owner {i} {where}": partial(readers.own, [bed], readers.LONG_TIMEOUTS) for i in range(3)}
            bodies[f"caller {where}"] = partial(readers.call_functions, [bed], readers.LONG_TIMEOUTS)
        return bodies

    def _disturbers(self, reading: list[threading.Thread]) -> dict[str, Body]:
        return {
            **{f"disturber of {bed.name}": partial(disturbances.disturb, bed) for bed in self._beds.disturbed},
            **{f"phases of {bed.name}": partial(disturbances.begin_phases, bed) for bed in self._beds.scripted},
            "signals": partial(disturbances.send_signals, reading),
        }

    def _new(self) -> Tally:
        tally = Tally()
        self._tallies.append(tally)
        return tally

    def _thread(self, run: Run, name: str, body: Body) -> threading.Thread:
        tally, rng = self._new(), random.Random(self._rng.getrandbits(64))

        def work() -> None:
            try:
                body(run, tally, rng)
            except Exception as error:  # noqa: BLE001 - any exception is a finding
                self.broken.append(f"the thread {name} ended with {type(error).__name__}: {error}")

        return threading.Thread(target=work, name=name)
