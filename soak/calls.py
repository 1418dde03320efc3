"""The check of one call: it ends in time, and its result is right or its error has an explanation."""

from __future__ import annotations

import itertools
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

from soak import log
from soak.bed import Bed
from soak.records import Described
from tests.support.reports import BY_CALL, CALLS

from pychrony import ChronyConnection, ChronyError

#: The maximum number of keys of a counter, such as kinds of errors.
KINDS = 200
#: A call that ends more than this many seconds after its deadline is compared with the machine (`Lateness`).
NOTED = 0.05
#: The number of unexplained errors and wrong records to log in full.
LOGGED = 50
_logged = itertools.count()
#: The reports to read. Sources occur twice, so that they are read more often.
REPORTS = (*CALLS, "get_sources")

#: The share of reads that use `get_report`.
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
    """The results of a reader. Its size is bounded, however long the run."""

    calls: Counter[str] = field(default_factory=Counter)
    errors: Counter[str] = field(default_factory=Counter)
    violations: Counter[str] = field(default_factory=Counter)
    wrong: int = 0
    records: int = 0
    #: The largest number of seconds by which a call ended after its deadline; negative if all ended before.
    worst: float = -math.inf
    worst_call: str = ""
    late: deque[Late] = field(default_factory=lambda: deque(maxlen=1000))

    def count(self, counter: Counter[str], key: str, number: int = 1) -> None:
        """Count a key, or "others" once there are too many keys."""
        # Interned, because hundreds of threads have the same keys.
        counter[sys.intern(key) if key in counter or len(counter) < KINDS else "others"] += number

    def violation(self, what: str) -> None:
        """Note something that must not happen."""
        self.count(self.violations, what)

    def add(self, other: Tally) -> None:
        """Add the results of another reader."""
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
        """Return the results as JSON, for the parent process."""
        late = [vars(call) for call in self.late]
        return json.dumps({**vars(self), "late": late}).encode()

    @classmethod
    def from_json(cls, text: bytes) -> Tally:
        """Parse the results of a child process."""
        values = json.loads(text)
        for name in ("calls", "errors", "violations"):
            values[name] = Counter(values[name])
        values["late"] = deque((Late(**call) for call in values["late"]), maxlen=1000)
        return cls(**values)


def kind_of(error: BaseException) -> str:
    """Return the class of an error and its message, without the parts that differ between calls."""
    message = re.sub(r"/\S*|\[::1\]:\d+|127\.\d+\.\d+\.\d+(:\d+)?", "ADDRESS", str(error))
    message = re.sub(r"\b\d+(\.\d+)?(e-\d+)? ?(ms|µs|ns|s)\b", "N s", message).split(". ")[0]
    message = re.sub(r"\d+ of \d+ records|\d+ records", "N records", message)
    return f"{type(error).__name__}: {re.sub(r'[0-9]+ (times|requests?)', 'N requests', message)[:130]}"


UNITS = {"s": 1.0, "ms": 1e-3, "µs": 1e-6, "ns": 1e-9}
SPAN = r"([\d.]+)(s|ms|µs|ns)\b"


def is_busy(error: ChronyError) -> bool:
    """Return True if the call never got its turn on the connection, or its turn to open a socket."""
    return any(words in error.message for words in ("kept the connection to chronyd busy", "kept opening sockets"))


def time_left(error: ChronyError, timeout: float) -> float | None:
    """Return the seconds that chronyd had to answer a call that ran out of time; None for any other error."""
    if answered := re.search(f" within {SPAN}", error.message):
        return float(answered[1]) * UNITS[answered[2]]
    if asleep := re.search(f"did not run for {SPAN} of the {SPAN}", error.message):
        return float(asleep[3]) * UNITS[asleep[4]] - float(asleep[1]) * UNITS[asleep[2]]
    return timeout if is_busy(error) or "timed out" in error.message else None


def call(tally: Tally, name: str, timeout: float, function: Report) -> tuple[Any, ChronyError | None]:
    """Make a call and note its end. Return its result or its `ChronyError`; any other exception is raised."""
    result, failure = None, None
    start = time.monotonic()
    try:
        result = function()
    except ChronyError as error:
        # The frames of the traceback would keep records alive.
        failure = error.with_traceback(None)
    note_end(tally, name, timeout, start, failure)
    return result, failure


def note_end(tally: Tally, name: str, timeout: float, start: float, failure: ChronyError | None) -> None:
    """Note the end of a call that has just ended, and its delay after the deadline."""
    end = time.monotonic()
    tally.count(tally.calls, name)
    if failure is not None:
        tally.count(tally.errors, kind_of(failure))
    late = end - start - timeout
    if late > tally.worst:
        tally.worst, tally.worst_call = late, f"{name}, timeout {timeout} s"
    if late > NOTED:
        tally.late.append(Late(f"{name}, timeout {timeout} s, {late:.3f} s late", start + timeout, end))


def reader(source: Any, name: str, rng: random.Random) -> Callable[..., Any]:  # noqa: ANN401
    """Return the function or method that reads a report: mostly its own, at times `get_report`."""
    report = BY_CALL[name]
    if report.unavailable is not None or rng.random() >= BY_NAME:
        function: Callable[..., Any] = getattr(source, name)
        return function
    return lambda *address, **options: Described(source.get_report(report.name, *address, **options))


def no_excuse(_: ChronyError) -> bool:
    """Excuse no error: only events at chronyd explain one."""
    return False


def read(
    tally: Tally,
    bed: Bed[Any],
    name: str,
    timeout: float,
    *,
    via: str,
    function: Report,
    excuse: Callable[[ChronyError], bool] = no_excuse,
) -> None:
    """Read a report, and check its result against the states of chronyd before and after the call."""
    before = bed.now()
    result, failure = call(tally, f"{name} {via}", timeout, function)
    judge(tally, bed, name, timeout, before, via=via, result=result, failure=failure, excuse=excuse)


def judge(
    tally: Tally,
    bed: Bed[Any],
    name: str,
    timeout: float,
    before: Any,  # noqa: ANN401
    *,
    via: str,
    result: object,
    failure: ChronyError | None,
    excuse: Callable[[ChronyError], bool] = no_excuse,
) -> None:
    """Check the result of a call that has just ended, given the state of chronyd before it."""
    after = bed.now()
    left = None if failure is None else time_left(failure, timeout)
    if failure is None:
        try:
            tally.records += bed.check(name, result, before, after)
        except AssertionError as error:
            tally.wrong += 1
            problem = f"wrong record: {name} {via}: {error}"
        else:
            return
    else:
        if excuse(failure) or bed.explains(name, failure, left, before, after):
            return
        problem = f"not explained: {name} {via}, timeout {timeout} s: {kind_of(failure)}"
    tally.violation(problem)
    if next(_logged) < LOGGED:
        states = f"time left {left} s; before: {before}; after: {after}"
        log.write(f"{bed.name}: {problem}; in full: {failure}; timeout {timeout} s, {states}")


class Connected:
    """A connection with its chronyd and its timeout."""

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
        self.via = f"connection {transport}{bed.suffix}"
        self._excuse = excuse

    def enter(self, tally: Tally) -> bool:
        """Enter the connection; return False if that failed."""
        entered = False

        def enter() -> None:
            nonlocal entered
            self.connection.__enter__()
            entered = True

        read(tally, self.bed, "enter", self.timeout, via=self.via, function=enter, excuse=self._excuse)
        return entered

    def read(self, tally: Tally, rng: random.Random) -> None:
        """Read a random report."""
        name = rng.choice(REPORTS)
        function = reader(self.connection, name, rng)
        read(tally, self.bed, name, self.timeout, via=self.via, function=function, excuse=self._excuse)

    def leave(self) -> None:
        """Leave the connection."""
        self.connection.__exit__(None, None, None)
