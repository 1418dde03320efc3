"""Many threads on one connection, which take turns in order of arrival, so that none starves.

While a thread waits, each of the others gets one turn. A thread that also has to wait for the GIL can miss a few more,
but threads that read the same report get about the same number of turns.
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
#: Each of these reports is read by the same number of threads, and so is a random mixture of all.
ALONE = [report.call for report in reports.REPORTS if report.unavailable is None]
KINDS: tuple[tuple[str, ...], ...] = (*((call,) for call in ALONE), REPORTS)
TIMEOUT = 5.0
#: The maximum number of turns of others during one call, and the smallest ratio of turns between any two threads that
#: read the same report.
MOST_PASSED = 4 * THREADS
LEAST_SHARE = 0.8


@dataclass
class Member:
    """A thread of the crowd."""

    kind: tuple[str, ...]
    calls: int = 0
    #: The number of other threads' calls that ended during its last call, and the maximum of all its calls.
    passed: int = 0
    most_passed: int = 0


@dataclass
class Crowd:
    """The threads and their connection."""

    connected: Connected
    members: list[Member] = field(default_factory=lambda: [Member(KINDS[i % len(KINDS)]) for i in range(THREADS)])
    #: Counts each beginning and each end of a call.
    ticks: itertools.count[int] = field(default_factory=itertools.count)
    together: threading.Barrier = field(default_factory=lambda: threading.Barrier(THREADS))

    def read(self, member: Member, stop: threading.Event, tally: Tally, rng: random.Random) -> None:
        """Read until stopped, as one of the threads."""
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
                    # A thread begins its next call after each end, so half of the ticks are ends.
                    member.passed = (next(ticks) - begin) // 2

            def excuse(error: ChronyError) -> bool:
                # The queue moved, but too slowly for the timeout.
                return is_busy(error) and 0 < member.passed < THREADS

            via = f"crowd {connected.via}"
            before = bed.now()
            read(tally, bed, name, TIMEOUT, via=via, function=timed, excuse=excuse)
            # While chronyd is away, calls fail so fast that many turns fit into one wait for the GIL.
            if not bed.was_away(before, bed.now()):
                member.calls += 1
                member.most_passed = max(member.most_passed, member.passed)

    def judge(self, tally: Tally) -> list[str]:
        """Note a violation for each thread that starved, and return the distribution of the turns."""
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
