"""One call: that it ends in time, and that what comes of it is right or explained."""

from __future__ import annotations

import json
import math
import random
import re
import sys
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from soak.bed import Bed
from soak.records import Described
from tests.support.reports import BY_CALL, CALLS

from pychrony import ChronyConnection, ChronyError

#: The number of kinds of calls and errors that are told apart.
KINDS = 200
#: Later calls are noted, for `judge` to see whether the machine was as late.
NOTED = 0.05
#: The reports to read, sources more often than the rest.
REPORTS = (*CALLS, "get_sources")

#: The share of reads by name.
BY_NAME = 0.1

Report = Callable[[], Any]


@dataclass
class Late:
    """A call that ended after its deadline."""

    what: str
    due: float
    ended: float


@dataclass
class Tally:
    """The results of a reader; of constant size, however long it reads."""

    calls: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    records: int = 0
    #: The seconds between the deadline and the end of the latest call; negative if none was late.
    worst: float = -math.inf
    worst_call: str = ""
    late: deque[Late] = field(default_factory=lambda: deque(maxlen=1000))

    def count(self, counter: Counter[str], key: str, number: int = 1) -> None:
        """Count, under another name once there are too many."""
        # Hundreds of threads have the same keys.
        counter[sys.intern(key) if key in counter or len(counter) < KINDS else "others"] += number

    def violation(self, what: str) -> None:
        """Note what must not happen."""
        self.count(self.violations, what)

    def add(self, other: Tally) -> None:
        """Add what another has seen."""
        for mine, theirs in (
            (self.calls, other.calls),
            (self.errors, other.errors),
            (self.violations, other.violations),
        ):
            for key, number in theirs.items():
                self.count(mine, key, number)
        self.wrong += other.wrong
        self.records += other.records
        self.late.extend(other.late)
        if other.worst > self.worst:
            self.worst, self.worst_call = other.worst, other.worst_call

    def to_json(self) -> bytes:
        """For the parent of a child."""
        late = [vars(call) for call in self.late]
        return json.dumps({**vars(self), "late": late}).encode()

    @classmethod
    def from_json(cls, told: bytes) -> Tally:
        """Return the results that a child has sent."""
        values = json.loads(told)
        for name in ("calls", "errors", "violations"):
            values[name] = Counter(values[name])
        values["late"] = deque((Late(**call) for call in values["late"]), maxlen=1000)
        return cls(**values)


def head(error: BaseException) -> str:
    """The class of an error and its message without what differs from call to call."""
    message = re.sub(r"/\S*|\[::1\]:\d+|127\.\d+\.\d+\.\d+(:\d+)?", "ADDRESS", str(error))
    message = re.sub(r"\b\d+(\.\d+)?(e-\d+)? ?(ms|µs|ns|s)\b", "N s", message).split(". ")[0]
    message = re.sub(r"\d+ of \d+ records|\d+ records", "N records", message)
    return f"{type(error).__name__}: {re.sub(r'[0-9]+ (times|requests?)', 'N requests', message)[:130]}"


UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
SPAN = r"([\d.]+)(s|ms|µs|ns)\b"


def is_busy(error: ChronyError) -> bool:
    """Return True if the call never had its turn on the connection, or to open a socket."""
    return any(words in error.message for words in ("kept the connection to chronyd busy", "kept opening sockets"))


def time_left(error: ChronyError, timeout: float) -> float | None:
    """The time that chronyd had to answer, of a call for which the time was too short; None of any other."""
    if answered := re.search(f" within {SPAN}", error.message):
        return float(answered[1]) * UNITS[answered[2]]
    if asleep := re.search(f"did not run for {SPAN} of the {SPAN}", error.message):
        return float(asleep[3]) * UNITS[asleep[4]] - float(asleep[1]) * UNITS[asleep[2]]
    return timeout if is_busy(error) or "timed out" in error.message else None


def call(tally: Tally, name: str, timeout: float, function: Report) -> tuple[Any, ChronyError | None]:
    """Call, and see to it that it ends by its deadline and raises nothing but this package's errors."""
    result, failure = None, None
    start = time.monotonic()
    try:
        result = function()
    except ChronyError as error:
        # The traceback is dropped, since its frames would keep records.
        failure = error.with_traceback(None)
    ended(tally, name, timeout, start, failure)
    return result, failure


def ended(tally: Tally, name: str, timeout: float, start: float, failure: ChronyError | None) -> None:
    """Note that a call has ended now, and how late."""
    end = time.monotonic()
    tally.count(tally.calls, name)
    if failure is not None:
        tally.count(tally.errors, head(failure))
    late = end - start - timeout
    if late > tally.worst:
        tally.worst, tally.worst_call = late, f"{name}, timeout {timeout} s"
    if late > NOTED:
        tally.late.append(Late(f"{name}, timeout {timeout} s, {late:.3f} s late", start + timeout, end))


def reader(source: Any, name: str, rng: random.Random) -> Callable[..., Any]:  # noqa: ANN401
    """The function or the method of a report; at times that of any report, with its name."""
    report = BY_CALL[name]
    if report.unavailable is not None or rng.random() >= BY_NAME:
        function: Callable[..., Any] = getattr(source, name)
        return function
    return lambda *address, **options: Described(source.get_report(report.name, *address, **options))


def no_excuse(_: ChronyError) -> bool:
    """Only what happened to chronyd explains an error."""
    return False


def read(
    tally: Tally,
    bed: Bed[Any],
    name: str,
    timeout: float,
    *,
    way: str,
    function: Report,
    excuse: Callable[[ChronyError], bool] = no_excuse,
) -> None:
    """Read a report of a chronyd and check what comes, in view of what happened to the chronyd meanwhile."""
    before = bed.now()
    result, failure = call(tally, f"{name} {way}", timeout, function)
    judge(tally, bed, name, timeout, before, way=way, result=result, failure=failure, excuse=excuse)


def judge(
    tally: Tally,
    bed: Bed[Any],
    name: str,
    timeout: float,
    before: Any,  # noqa: ANN401
    *,
    way: str,
    result: object,
    failure: ChronyError | None,
    excuse: Callable[[ChronyError], bool] = no_excuse,
) -> None:
    """Check what came of a call that began at a moment and has ended now."""
    after = bed.now()
    if failure is None:
        try:
            tally.records += bed.check(name, result, before, after)
        except AssertionError as error:
            tally.wrong += 1
            tally.violation(f"wrong record: {name} {way}: {error}")
        return
    if not excuse(failure) and not bed.explains(name, failure, time_left(failure, timeout), before, after):
        tally.violation(f"not explained: {name} {way}, timeout {timeout} s: {head(failure)}")


class Connected:
    """A connection, where it leads, and its timeout."""

    def __init__(
        self,
        bed: Bed[Any],
        transport: str,
        timeout: float,
        lanes: int,
        excuse: Callable[[ChronyError], bool] = no_excuse,
    ) -> None:
        self.bed = bed
        self.timeout = timeout
        self.connection = ChronyConnection(bed.addresses[transport], timeout=timeout, parallel=lanes)
        self.way = f"connection {transport}{bed.where}"
        self._excuse = excuse

    def enter(self, tally: Tally) -> bool:
        """Enter it; False if that failed."""
        entered = False

        def enter() -> None:
            nonlocal entered
            self.connection.__enter__()
            entered = True

        read(tally, self.bed, "enter", self.timeout, way=self.way, function=enter, excuse=self._excuse)
        return entered

    def read(self, tally: Tally, rng: random.Random) -> None:
        """Read some report."""
        name = rng.choice(REPORTS)
        function = reader(self.connection, name, rng)
        read(tally, self.bed, name, self.timeout, way=self.way, function=function, excuse=self._excuse)

    def leave(self) -> None:
        """Leave it."""
        self.connection.__exit__(None, None, None)
