"""Scripted chronyds on bad paths: delays, losses, invalid and duplicate datagrams, and lists that change during a read.

A phase is a period with constant values and faults. All values are known, and the sources of each phase have new
addresses, so a list shows the phases that it is from. No answer is lost when a phase ends, as on a Unix socket. An
epoch is a sequence of phases with some faults in common. When it ends, all answers in flight are lost, so on a Unix
socket an epoch begins only before the readers start.
"""

from __future__ import annotations

import ipaddress
import json
import math
import random
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any, NamedTuple

from soak.bed import AMPLE, LISTS, Bed
from tests.support.daemon import Daemon
from tests.support.reports import BY_CALL, Report

import pychrony
from pychrony import Smoothing, Source, SourceStats, TrackingStatus

#: The number of attempts to read a list that changes during each of them.
TRIES = 4
#: A number of requests for sources that is never reached, so that the list does not change.
NEVER = 4_000_000_000
DEFAULT_POLL = 6
EPOCH_TIME = 1_700_000_000
DELAYS = (0.0, 0.0, 0.0, 0.0, 0.002, 0.01, 0.05, 0.2, 0.5, 1.5)
LOSSES = (0.0, 0.1, 0.3, 1.0, 1.0)
ALL = 100.0
ROUGH_LOSSES = (3.0, 10.0, ALL)
LENGTHS = (0, 1, 2, 3, 4, 4, 40, 40, 200, 200)
#: The maximum lengths of lists, of which each epoch has one. Most are short, because a call that waits for the reads of
#: long lists by others may take any time.
LONGEST = (4, 4, 40, 200)
#: The seconds that an answer waits to be overtaken.
REORDERED = 0.05
#: The maximum seconds that a request takes, in addition to the known delays.
EACH = 0.01
#: Stands for the address of a source that was added during a read. These addresses are consecutive, in another range.
NEW = "new"


@dataclass(frozen=True, slots=True)
class Phase:
    """The values and faults of a scripted chronyd during a phase."""

    epoch: int = 0
    number: int = 0
    length: int = 3
    #: The index of the source that is removed during a read.
    remove: int = 0
    #: The number of sources that are added at the same time.
    add: int = 0
    delay: float = 0.0
    #: The percentage of answers or requests that are lost.
    loss: float = 0.0
    #: The earliest time at which the phase may have begun.
    begun: float = 0.0
    #: The time by which it has certainly begun.
    sure: float = math.inf

    def address_of(self, index: int) -> str:
        """Return the address of a source."""
        return f"127.{16 + self.number // 256}.{self.number % 256}.{index + 1}"

    @property
    def described(self) -> str:
        """A line about the phase for the log."""
        churn = f"source {self.remove} removed and {self.add} added in a read"
        return f"phase {self.number}: {self.length} sources, {churn}, {self.delay} s late, {self.loss} % lost"

    def values(self) -> str:
        """Return the values as a command to the test bed."""
        addresses = [self.address_of(index) for index in range(self.length)]
        sources = [{"address": address, "poll": index % 11} for index, address in enumerate(addresses)]
        return json.dumps({"sources": sources, "tracking": {"reference time": EPOCH_TIME + self.number}})

    def lists(self) -> list[tuple[str, ...]]:
        """Return the addresses of the list before and after it changes during a read."""
        before = tuple(self.address_of(index) for index in range(self.length))
        return [before, before[: self.remove] + before[self.remove + 1 :] + (NEW,) * self.add]


class Moment(NamedTuple):
    """A time, and the numbers of the first and the last phase that may be current then."""

    first: int
    last: int
    time: float


class Scripted(Bed[Moment]):
    """A scripted chronyd, read over one transport."""

    suffix = " on a bad path"

    def __init__(self, daemon: Daemon, transport: str, rng: random.Random) -> None:
        super().__init__(daemon, {transport: daemon.udp if transport == "udp" else daemon.socket})
        self.transport = transport
        self._rng = rng
        self._epoch = 0
        self._flags: list[str] = []
        self._rough: float | None = None
        self._longest = LONGEST[0]
        #: The latest phases: more than there are during a call.
        self._phases = deque([Phase()], maxlen=300)
        #: The number of the earliest phase that may be current.
        self._first = 0
        daemon.say(f"values {self._phases[0].values()}")
        address = self.addresses[transport]
        # Later records differ from these only in the address, the polling interval and the reference time.
        self._tracking = pychrony.get_tracking(address)
        self._source = pychrony.get_sources(address)[0]
        self._stats = pychrony.get_source_stats(address)[0]

    # --- Changing what chronyd does --------------------------------------------------------------------------------

    def begin_epoch(self, *, calm: bool) -> str:
        """Lose all answers in flight, and begin a phase with other faults; if calm, calls still succeed."""
        rng, udp = self._rng, self.transport == "udp"
        kinds = ["duplicate", "older", *(["reorder", "unheard"] if udp else [])]
        self._flags = [kind for kind in kinds if rng.random() < 0.3]
        self._rough = rng.choice(ROUGH_LOSSES) if udp and not calm and rng.random() < 0.4 else None
        self._longest = rng.choice(LONGEST)
        faults = [*self._flags, f"seed {rng.getrandbits(32)}"]
        if self._rough == ALL:
            faults.append(rng.choice(("silence", "junk-forever")))
        self._epoch += 1
        now = self._change(["clear"], [f"fault {fault}" for fault in faults], calm=calm)
        return f"epoch {self._epoch}: {', '.join(faults)}, at most {self._longest} sources; {now.described}"

    def begin_phase(self, *, calm: bool) -> str:
        """Begin another phase of the same epoch, without delays and losses if calm."""
        return self._change([f"fault churn {NEVER} 0 0"], [], calm=calm).described

    def _change(self, first: list[str], then: list[str], *, calm: bool) -> Phase:
        rng, last = self._rng, self._phases[-1]
        length = rng.choice([length for length in LENGTHS if length <= self._longest])
        delay, loss = (0.0, 0.0) if calm else (rng.choice(DELAYS), rng.choice(LOSSES))
        if self.transport == "unix":
            loss = 0.0
        now = Phase(
            epoch=self._epoch,
            number=last.number + 1,
            length=length,
            remove=rng.randint(0, length),
            add=rng.choice((0, 1, 1, 2, 3)),
            delay=delay + (REORDERED if "reorder" in self._flags else 0.0),
            loss=loss if self._rough is None else self._rough,
            begun=time.monotonic(),
        )
        # The new phase may be current already, and the last one may still be until the end of this function.
        self._phases.append(now)
        for command in (
            *first,
            f"values {now.values()}",
            *then,
            f"fault delay {delay}",
            # To lose all datagrams is a fault of the epoch.
            f"fault loss {now.loss % ALL}",
            f"fault junk-before {rng.choice((0, 0, 1, 7))}",
            f"fault churn {rng.randint(0, length + 2)} {now.remove} {now.add}",
        ):
            self.daemon.say(command)
        self._phases[-1] = replace(now, sure=time.monotonic())
        self._first = now.number
        return now

    @property
    def is_rough(self) -> bool:
        """Return True if calls may fail in this epoch, regardless of their timeout."""
        return self._rough is not None

    # --- Judging calls ---------------------------------------------------------------------------------------------

    def now(self) -> Moment:
        """Return the current time, and the phases that may be current."""
        return Moment(self._first, self._phases[-1].number, time.monotonic())

    def _between(self, before: Moment, after: Moment) -> list[Phase]:
        return [phase for phase in tuple(self._phases) if before.first <= phase.number <= after.last]

    def has(self, report: Report) -> bool:
        """Return True for each report that any chronyd has data for, and for smoothing."""
        return super().has(report) or report.record is Smoothing

    def check_tracking(self, record: TrackingStatus, before: Moment, after: Moment) -> None:
        """Fail unless the record is from one of the phases during the call."""
        times = [float(EPOCH_TIME + phase.number) for phase in self._between(before, after)]
        assert record.ref_time in times, f"reference time {record.ref_time} in place of {times}"
        assert record == replace(self._tracking, ref_time=record.ref_time), f"tracking {record}"

    def check_list(self, records: list[Any], before: Moment, after: Moment) -> None:
        """Fail unless the list is from a phase during the call. It may be cut, if its length is from another phase."""
        found, new = [], []
        for record in records:
            address = ipaddress.IPv4Address(record.address)
            is_new = record.address.startswith("127.2.")
            found.append(NEW if is_new else record.address)
            if is_new:
                new.append(int(address))
            if isinstance(record, Source):
                poll = DEFAULT_POLL if is_new else (int(address) % 256 - 1) % 11
                assert record == replace(self._source, address=record.address, poll=poll), f"{record}"
            else:
                assert isinstance(record, SourceStats)
                expected = replace(self._stats, address=record.address, reference_id=int(address))
                assert record == expected, f"{record}"
        lists = [one for phase in self._between(before, after) for one in phase.lists()]
        assert any(tuple(found) == one[: len(other)] for one in lists for other in lists), f"{found}"
        assert new == list(range(new[0], new[0] + len(new))) if new else True, f"{new}"

    def keeps_changing(self, before: Moment, after: Moment) -> bool:
        """Return True if the list may have changed during each attempt: when each phase begins, and once during it."""
        return 2 * len(self._between(before, after)) - 1 >= TRIES

    def was_away(self, *_: object) -> bool:
        """Return False: a scripted chronyd always listens."""
        return False

    def had_time(self, name: str, left: float, before: Moment, after: Moment) -> bool:
        """Return True if the time was enough to read record by record, including the waits after losses."""
        phases = self._between(before, after)
        loss = max(phase.loss for phase in phases)
        if loss > 1.0 or phases[0].epoch != phases[-1].epoch:
            return False
        # A single request is practically never lost three times, and none of a list four times. The third transmission
        # is at most 3 s after the first, and the fourth at most 7 s.
        requests, again = 1, 3.0
        if name in LISTS:
            longest = max(len(one) for phase in phases for one in phase.lists())
            # libchrony sends two requests for a record that it asks for by address.
            each = 2 if BY_CALL[name].is_optional else 1
            requests, again = each * (longest + 3) * min(2 * len(phases), TRIES), 7.0
        slowest = max(phase.delay for phase in phases)
        spent = AMPLE + (again + 2 * requests * loss / 100 * (1.0 + slowest) if loss else 0.0)
        # The rest of the time has to do for all requests, one by one. It excludes the spans with the shortest delays.
        spans = sorted(self._spans(phases, after.time - left, after.time))
        for delay, seconds in spans:
            requests -= max(int((seconds - spent) / (delay + EACH)) - 1, 0)
            spent = max(spent - seconds, 0.0)
        return requests <= 0

    def _spans(self, phases: list[Phase], begin: float, end: float) -> Iterator[tuple[float, float]]:
        """Yield each delay, and the number of seconds for which all answers in flight had it."""
        earlier = 0.0
        for phase, following in zip_longest(phases, phases[1:]):
            until = end if following is None else following.begun
            yield phase.delay, max(until - max(phase.sure, begin) - earlier, 0.0)
            earlier = phase.delay
