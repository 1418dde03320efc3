"""Scripted chronyds on bad paths: delays, losses, junk, duplicates, and sources that come and go during a read.

What one tells and does wrong for a while is its weather. All values are known, and no address is ever used twice, so a
list shows which weathers it is of. The weather changes on the Unix socket without the loss of an answer, since such a
socket loses none; over UDP an epoch ends with the loss of all answers that are on their way.
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

#: The number of times that a list is read when it changes during the read.
TRIES = 4
#: After how many requests for a source nothing changes any more.
NEVER = 4_000_000_000
DEFAULT_POLL = 6
EPOCH_TIME = 1_700_000_000
DELAYS = (0.0, 0.0, 0.0, 0.0, 0.002, 0.01, 0.05, 0.2, 0.5, 1.5)
LOSSES = (0.0, 0.1, 0.3, 1.0, 1.0)
ALL = 100.0
ROUGH_LOSSES = (3.0, 10.0, ALL)
LENGTHS = (0, 1, 2, 3, 4, 4, 40, 40, 200, 200)
#: The lengths of lists in an epoch: a call that waits for a long one may take any time.
LONGEST = (4, 4, 40, 200)
#: The time that an answer waits to be overtaken.
REORDERED = 0.05
#: The most time that a request takes, besides the known delays.
EACH = 0.01
#: The mark of a source that came during a read; its address is the next in a range of its own.
NEW = "new"


@dataclass(frozen=True, slots=True)
class Weather:
    """The values of a scripted chronyd, and its faults."""

    epoch: int = 0
    number: int = 0
    length: int = 3
    #: The index of the source that goes during a read, and how many come.
    remove: int = 0
    add: int = 0
    delay: float = 0.0
    #: The answers or requests that are lost, in percent.
    loss: float = 0.0
    #: The first moment at which it may be in force, and the first at which it certainly is.
    begun: float = 0.0
    sure: float = math.inf

    def address_of(self, index: int) -> str:
        """The address of a source."""
        return f"127.{16 + self.number // 256}.{self.number % 256}.{index + 1}"

    def values(self) -> str:
        """Return the values as a command to the test bed."""
        addresses = [self.address_of(index) for index in range(self.length)]
        sources = [{"address": address, "poll": index % 11} for index, address in enumerate(addresses)]
        return json.dumps({"sources": sources, "tracking": {"reference time": EPOCH_TIME + self.number}})

    def lists(self) -> list[tuple[str, ...]]:
        """The addresses before and after a source goes and others come."""
        before = tuple(self.address_of(index) for index in range(self.length))
        return [before, before[: self.remove] + before[self.remove + 1 :] + (NEW,) * self.add]


class Moment(NamedTuple):
    """A moment: the numbers of the first and the last weather that may be then."""

    first: int
    last: int
    time: float


class Scripted(Bed[Moment]):
    """A scripted chronyd that is read over one transport."""

    where = " on a bad path"

    def __init__(self, daemon: Daemon, transport: str, rng: random.Random) -> None:
        super().__init__(daemon, {transport: daemon.udp if transport == "udp" else daemon.socket})
        self.transport = transport
        self._rng = rng
        self._epoch = 0
        self._flags: list[str] = []
        self._rough: float | None = None
        self._longest = LONGEST[0]
        #: The latest weathers, more than there are during a call; and the number of the first that may be now.
        self._weathers = deque([Weather()], maxlen=300)
        self._first = 0
        daemon.say(f"values {self._weathers[0].values()}")
        address = self.addresses[transport]
        # Each later record has to be like these, but for the address, the polling interval, and the reference time.
        self._tracking = pychrony.get_tracking(address)
        self._source = pychrony.get_sources(address)[0]
        self._stats = pychrony.get_source_stats(address)[0]

    # --- The weather -----------------------------------------------------------------------------------------------

    def begin_epoch(self, *, calm: bool) -> str:
        """Lose what is on its way, and begin other faults; nothing grave if calm."""
        rng, udp = self._rng, self.transport == "udp"
        kinds = ["duplicate", "older", *(["reorder", "unheard"] if udp else [])]
        self._flags = [kind for kind in kinds if rng.random() < 0.3]
        self._rough = rng.choice(ROUGH_LOSSES) if udp and not calm and rng.random() < 0.4 else None
        self._longest = rng.choice(LONGEST)
        faults = [*self._flags, f"seed {rng.getrandbits(32)}"]
        if self._rough == ALL:
            faults.append(rng.choice(("silence", "junk-forever")))
        self._epoch += 1
        self._change(["clear"], [f"fault {fault}" for fault in faults], calm=calm)
        return f"from now on {', '.join(faults)}; {self._rough or 0} % lost at least, {self._longest} sources at most"

    def change(self, *, calm: bool) -> str:
        """Another weather of the same epoch; without delays and losses if calm."""
        now = self._change([f"fault churn {NEVER} 0 0"], [], calm=calm)
        return f"{now.length} sources, {now.delay} s late, {now.loss} % lost"

    def _change(self, first: list[str], then: list[str], *, calm: bool) -> Weather:
        rng, last = self._rng, self._weathers[-1]
        length = rng.choice([length for length in LENGTHS if length <= self._longest])
        delay, loss = (0.0, 0.0) if calm else (rng.choice(DELAYS), rng.choice(LOSSES))
        if self.transport == "unix":
            loss = 0.0
        now = Weather(
            epoch=self._epoch,
            number=last.number + 1,
            length=length,
            remove=rng.randint(0, length),
            add=rng.choice((0, 1, 1, 2, 3)),
            delay=delay + (REORDERED if "reorder" in self._flags else 0.0),
            loss=loss if self._rough is None else self._rough,
            begun=time.monotonic(),
        )
        # This one may be in force now, and the last one until the end of this function.
        self._weathers.append(now)
        for command in (
            *first,
            f"values {now.values()}",
            *then,
            f"fault delay {delay}",
            # Another fault loses all datagrams.
            f"fault loss {now.loss % ALL}",
            f"fault junk-before {rng.choice((0, 0, 1, 7))}",
            f"fault churn {rng.randint(0, length + 2)} {now.remove} {now.add}",
        ):
            self.daemon.say(command)
        self._weathers[-1] = replace(now, sure=time.monotonic())
        self._first = now.number
        return now

    @property
    def is_rough(self) -> bool:
        """Return True if calls may fail in this epoch, however much time they have."""
        return self._rough is not None

    # --- What follows from it --------------------------------------------------------------------------------------

    def now(self) -> Moment:
        """The first and the last weather that may be now."""
        return Moment(self._first, self._weathers[-1].number, time.monotonic())

    def _between(self, before: Moment, after: Moment) -> list[Weather]:
        return [weather for weather in tuple(self._weathers) if before.first <= weather.number <= after.last]

    def has(self, report: Report) -> bool:
        """Of what a chronyd need not have, it has one."""
        return super().has(report) or report.record is Smoothing

    def check_tracking(self, record: TrackingStatus, before: Moment, after: Moment) -> None:
        """Fail unless the record is of a weather of the time."""
        times = [float(EPOCH_TIME + weather.number) for weather in self._between(before, after)]
        assert record.ref_time in times, f"reference time {record.ref_time} in place of {times}"
        assert record == replace(self._tracking, ref_time=record.ref_time), f"tracking {record}"

    def check_list(self, records: list[Any], before: Moment, after: Moment) -> None:
        """Fail unless the list is one of the time, or as much of it as another had when chronyd sent the number."""
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
        lists = [one for weather in self._between(before, after) for one in weather.lists()]
        assert any(tuple(found) == one[: len(other)] for one in lists for other in lists), f"{found}"
        assert new == list(range(new[0], new[0] + len(new))) if new else True, f"{new}"

    def keeps_changing(self, before: Moment, after: Moment) -> bool:
        """Each weather changes the list when it comes, and once more."""
        return 2 * len(self._between(before, after)) - 1 >= TRIES

    def was_away(self, *_: object) -> bool:
        """Return False: a scripted chronyd always listens."""
        return False

    def had_time(self, name: str, left: float, before: Moment, after: Moment) -> bool:
        """As much as a list takes that is read record by record, and each loss a second and more."""
        weathers = self._between(before, after)
        loss = max(weather.loss for weather in weathers)
        if loss > 1.0 or weathers[0].epoch != weathers[-1].epoch:
            return False
        # That one request is lost three times is as good as impossible, and four times in a list. After that it is sent
        # after 3 and 7 s.
        requests, again = 1, 3.0
        if name in LISTS:
            longest = max(len(one) for weather in weathers for one in weather.lists())
            # A record that is asked for by address takes two.
            each = 2 if BY_CALL[name].is_optional else 1
            requests, again = each * (longest + 3) * min(2 * len(weathers), TRIES), 7.0
        slowest = max(weather.delay for weather in weathers)
        spent = AMPLE + (again + 2 * requests * loss / 100 * (1.0 + slowest) if loss else 0.0)
        # One request after the other is answered in the rest of the time. The time spent is taken from the best part.
        spans = sorted(self._spans(weathers, after.time - left, after.time))
        for delay, seconds in spans:
            requests -= max(int((seconds - spent) / (delay + EACH)) - 1, 0)
            spent = max(spent - seconds, 0.0)
        return requests <= 0

    def _spans(self, weathers: list[Weather], begin: float, end: float) -> Iterator[tuple[float, float]]:
        """For how many seconds each delay was certain, without those that the one before took to end."""
        earlier = 0.0
        for weather, following in zip_longest(weathers, weathers[1:]):
            until = end if following is None else following.begun
            yield weather.delay, max(until - max(weather.sure, begin) - earlier, 0.0)
            earlier = weather.delay
