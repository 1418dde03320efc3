"""The model of a chronyd that is read: the records that it can send, and the errors that its state explains.

`real` and `scripted` have the models of the two kinds of chronyds.
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

#: The calls that read lists.
LISTS = {report.call for report in reports.LISTS}
#: An undisturbed chronyd answers within this many seconds, even on a busy machine.
AMPLE = 4.0

Snapshot = TypeVar("Snapshot")


class Bed(ABC, Generic[Snapshot]):
    """A private chronyd and a model of its state, which changes over time."""

    #: Added to the labels of calls.
    suffix = ""

    def __init__(self, daemon: Daemon, addresses: dict[str, str]) -> None:
        """`addresses` has the addresses to read from, by transport."""
        self.daemon = daemon
        self.addresses = addresses
        self.name = daemon.folder.name
        #: All of its processes so far, including those that have ended.
        self.pids = {daemon.process.pid}

    @property
    def folders(self) -> list[Path]:
        """The folders that are removed when it is closed."""
        return [self.daemon.folder]

    @abstractmethod
    def now(self) -> Snapshot:
        """Return the current state."""

    def check(self, name: str, result: Any, before: Snapshot, after: Snapshot) -> int:  # noqa: ANN401
        """Return the number of records in a result, and fail if chronyd cannot have sent it between two states."""
        if name == "enter":
            return 0
        report = reports.BY_CALL[name]
        assert self.has(report), f"a result of {name}, for which chronyd has no data: {result}"
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

    def explains(self, name: str, error: ChronyError, left: float | None, before: Snapshot, after: Snapshot) -> bool:
        """Return True if the events between two states explain an error.

        `left` is the number of seconds that chronyd had to answer, or None if the call did not run out of time.
        """
        report = reports.BY_CALL.get(name)
        if report is not None and not self.has(report) and error.message.startswith(report.unavailable or ""):
            return isinstance(error, ChronyDataError)
        if isinstance(error, ChronyPermissionError):
            # chronyd serves these reports over the Unix socket only.
            return report is not None and not report.is_open and "chronyd at /" not in error.message
        if isinstance(error, ChronyDataError):
            return name in LISTS and self.keeps_changing(before, after)
        if not isinstance(error, ChronyConnectionError):
            return False
        return self.was_away(before, after) or (left is not None and not self.had_time(name, left, before, after))

    def has(self, report: reports.Report) -> bool:
        """Return True if this chronyd has data for the report."""
        return report.unavailable is None

    @abstractmethod
    def check_tracking(self, record: TrackingStatus, before: Snapshot, after: Snapshot) -> None:
        """Fail unless chronyd can have sent this record between the two states."""

    @abstractmethod
    def check_list(self, records: list[Any], before: Snapshot, after: Snapshot) -> None:
        """Fail unless chronyd can have sent this list between the two states."""

    @abstractmethod
    def keeps_changing(self, before: Snapshot, after: Snapshot) -> bool:
        """Return True if the list may have changed during every attempt to read it."""

    @abstractmethod
    def was_away(self, before: Snapshot, after: Snapshot) -> bool:
        """Return True if chronyd was suspended or not running at any time between the two states."""

    @abstractmethod
    def had_time(self, name: str, left: float, before: Snapshot, after: Snapshot) -> bool:
        """Return True if the last `left` seconds before the second state were enough for chronyd to answer."""
