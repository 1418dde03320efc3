"""Many threads on one connection, which take turns by arrival: none starves.

While one waits, each of the others has its turn once. A thread that has to wait for Python meanwhile can miss more, but
not many: of those that read the same, all have about as many turns.
"""

from __future__ import annotations

import itertools
import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from soak.calls import REPORTS, Connected, Tally, is_busy, read
from tests.support import reports

from pychrony import ChronyError

THREADS = 128
#: The reports that they read, each in as many threads.
ALONE = [report.call for report in reports.REPORTS if report.unavailable is None]
KINDS: tuple[tuple[str, ...], ...] = (*((call,) for call in ALONE), REPORTS)
TIMEOUT = 5.0
#: The most turns of others that one may wait for, and its least share of the turns of another that reads the same.
MOST_PASSED = 4 * THREADS
LEAST_SHARE = 0.8


@dataclass
class Member:
    """One of the threads."""

    kind: tuple[str, ...]
    calls: int = 0
    #: The number of calls of others that ended during its last call, and the most.
    passed: int = 0
    most_passed: int = 0


@dataclass
class Crowd:
    """All of them, with their connection."""

    connected: Connected
    members: list[Member] = field(default_factory=lambda: [Member(KINDS[i % len(KINDS)]) for i in range(THREADS)])
    #: Counts the begins and the ends of all calls.
    ticks: itertools.count[int] = field(default_factory=itertools.count)
    together: threading.Barrier = field(default_factory=lambda: threading.Barrier(THREADS))

    def read(self, member: Member, stop: threading.Event, tally: Tally, rng: random.Random) -> None:
        """Read in one of the threads."""
        connected, bed, ticks = self.connected, self.connected.bed, self.ticks
        self.together.wait()
        while not stop.is_set():
            name = rng.choice(member.kind)
            method = getattr(connected.connection, name)

            def timed(method: Callable[[], object] = method) -> object:
                begin = next(ticks)
                try:
                    return method()
                finally:
                    # Each of the other threads has begun a call, too.
                    member.passed = (next(ticks) - begin) // 2

            def excuse(error: ChronyError) -> bool:
                # The queue moved, and was longer than the timeout.
                return is_busy(error) and 0 < member.passed < THREADS

            way = f"crowd {connected.way}"
            before = bed.now()
            read(tally, bed, name, TIMEOUT, way=way, function=timed, excuse=excuse)
            # Without chronyd all turns together take less time than a thread may wait for Python.
            if not bed.was_away(before, bed.now()):
                member.calls += 1
                member.most_passed = max(member.most_passed, member.passed)

    def judge(self, tally: Tally) -> list[str]:
        """Note who starved, and tell how the turns were shared."""
        lines = []
        for kind in KINDS:
            calls = [member.calls for member in self.members if member.kind == kind]
            lines.append(f"{min(calls)} to {max(calls)} calls of {'any' if kind == REPORTS else kind[0]}")
            if min(calls) < LEAST_SHARE * max(calls) - 3:
                tally.violation(f"a thread starved: {lines[-1]}")
        passed = max(member.most_passed for member in self.members)
        if passed > MOST_PASSED:
            tally.violation(f"a thread starved: {passed} calls of others ended during one of its own")
        return [*lines, f"at most {passed} calls of others during one"]
