"""A chronyd that is read from, and what is known of it: what its records are, and which errors it explains.

Of real ones more is in `real`, of scripted ones in `scripted`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from pathlib import Path
from typing import Any, Generic, TypeVar

from soak.records import Described, check_fields
from tests.support import reports
from tests.support.daemon import Daemon

from pychrony import (
    ChronyConnectionError,
    ChronyDataError,
    ChronyError,
    ChronyPermissionError,
    Source,
    SourceStats,
    TrackingStatus,
)

#: The reports that are lists.
LISTS = {report.call for report in reports.LISTS}
#: A chronyd to which nothing happens answers in this time, however busy the machine is.
AMPLE = 4.0

Moment = TypeVar("Moment")


class Bed(ABC, Generic[Moment]):
    """A private chronyd, and what is known of it from moment to moment."""

    #: A suffix of the names of calls.
    where = ""

    def __init__(self, daemon: Daemon, addresses: dict[str, str]) -> None:
        """`addresses` are those that it is read at, by transport."""
        self.daemon = daemon
        self.addresses = addresses
        self.name = daemon.folder.name
        #: All processes that belonged to it so far.
        self.pids = {daemon.process.pid}

    @property
    def folders(self) -> list[Path]:
        """Everything that is removed when it is closed."""
        return [self.daemon.folder]

    @abstractmethod
    def now(self) -> Moment:
        """Return the present state."""

    def check(self, name: str, result: Any, before: Moment, after: Moment) -> int:  # noqa: ANN401
        """Fail if the result of a call between two moments cannot be right; return how many records it has."""
        if name == "enter":
            return 0
        report = reports.BY_CALL[name]
        assert self.has(report), f"{name} of a chronyd that has no such thing: {result}"
        if isinstance(result, Described):
            return result.check(report)
        records = report.records(result)
        for record in records:
            check_fields(record, report)
        if report.record is TrackingStatus:
            self.check_tracking(result, before, after)
        if report.record in {Source, SourceStats}:
            self.check_list(result, before, after)
        return len(records)

    def explains(self, name: str, error: ChronyError, left: float | None, before: Moment, after: Moment) -> bool:
        """Return True if the events between two moments explain an error.

        `left` is the time that it had to answer; None if it was not for want of time.
        """
        report = reports.BY_CALL.get(name)
        if report is not None and not self.has(report) and error.message.startswith(report.unavailable or ""):
            return isinstance(error, ChronyDataError)
        if isinstance(error, ChronyPermissionError):
            # Only the Unix socket has these.
            return report is not None and not report.is_open and "chronyd at /" not in error.message
        if isinstance(error, ChronyDataError):
            return name in LISTS and self.keeps_changing(before, after)
        if not isinstance(error, ChronyConnectionError):
            return False
        return self.was_away(before, after) or (left is not None and not self.had_time(name, left, before, after))

    def has(self, report: reports.Report) -> bool:
        """Return True if chronyd has what the report is about."""
        return report.unavailable is None

    @abstractmethod
    def check_tracking(self, record: TrackingStatus, before: Moment, after: Moment) -> None:
        """Fail unless it may have told this."""

    @abstractmethod
    def check_list(self, records: list[Any], before: Moment, after: Moment) -> None:
        """Fail unless it may have told this."""

    @abstractmethod
    def keeps_changing(self, before: Moment, after: Moment) -> bool:
        """Return True if the list changed so often that a read of it may be given up."""

    @abstractmethod
    def was_away(self, before: Moment, after: Moment) -> bool:
        """Return True if chronyd was stopped or away."""

    @abstractmethod
    def had_time(self, name: str, left: float, before: Moment, after: Moment) -> bool:
        """Return True if chronyd could answer in the given seconds before the second moment."""
