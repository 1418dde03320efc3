"""Comparing what pychrony reads with what chronyc prints about the same daemon.

chronyc rounds, and some values move between two reads. So each comparison reads chronyc before and after pychrony; a
value has to lie between both, widened by what the last printed digit is worth.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from tests.support.daemon import Daemon
from tests.support.reports import BY_NAME, REPORTS, Report

from pychrony import Source, SourceStats, TrackingStatus

Texts = Sequence[str]

LEAP = ["Normal", "Insert second", "Delete second", "Not synchronised"]
MODES = "^=#"
STATES = "*?x~+-"


def number(text: str) -> tuple[float, float]:
    """A printed number, and half of what its last digit is worth."""
    decimals = len(text.partition(".")[2])
    return float(text), 0.5 * 10.0**-decimals if decimals else 0.0


def assert_between(what: str, value: float, before: str, after: str) -> None:
    """Fail unless the value lies between the two that chronyc printed."""
    (first, width), (second, _) = number(before), number(after)
    slack = width + 1e-6 * max(abs(first), abs(second))
    low, high = min(first, second) - slack, max(first, second) + slack
    assert low <= value <= high, f"{what}: {value} is not between chronyc's {before} and {after}"


def compare_tracking(tracking: TrackingStatus, before: Texts, after: Texts) -> None:
    """Compare all fields with those of `chronyc -c tracking`."""
    assert before[:3] == after[:3], "a source was selected in between; the test should prevent that"
    assert f"{tracking.reference_id:08X}" == before[0]
    assert tracking.reference_ip == before[1]
    assert tracking.stratum == int(before[2])
    assert LEAP[tracking.leap_status] == before[13] == after[13]
    moving = {
        "ref_time": 3,
        "offset": 4,
        "last_offset": 5,
        "rms_offset": 6,
        "frequency": 7,
        "residual_freq": 8,
        "skew": 9,
        "root_delay": 10,
        "root_dispersion": 11,
        "update_interval": 12,
    }
    for field, column in moving.items():
        assert_between(field, getattr(tracking, field), before[column], after[column])


def compare_source(source: Source, before: Texts, after: Texts) -> None:
    """Compare all fields with those of a line of `chronyc -c sources`."""
    assert (MODES[source.mode], source.address) == (before[0], before[2])
    assert STATES[source.state] in {before[1], after[1]}
    assert (source.stratum, source.poll) == (int(before[3]), int(before[4]))
    assert source.reachability in {int(before[5], 8), int(after[5], 8)}
    assert source.flags == 0
    for field, column in {
        "last_sample_ago": 6,
        "latest_meas": 7,
        "orig_latest_meas": 8,
        "latest_meas_err": 9,
    }.items():
        assert_between(field, getattr(source, field), before[column], after[column])


def compare_stats(stats: SourceStats, before: Texts, after: Texts) -> None:
    """Compare the fields that a line of `chronyc -c sourcestats` has."""
    name = stats.address or stats.reference_id.to_bytes(4, "big").rstrip(b"\0").decode()
    assert name == before[0]
    for field, column in {
        "samples": 1,
        "runs": 2,
        "span": 3,
        "resid_freq": 4,
        "skew": 5,
        "offset": 6,
        "std_dev": 7,
    }.items():
        assert_between(field, getattr(stats, field), before[column], after[column])
    assert stats.offset_err >= 0


def compare_columns(report: Report) -> Callable[[Any, Texts, Texts], None]:
    """Compare the numbers of a record with the columns that the report names."""

    def compare_one(record: object, before: Texts, after: Texts) -> None:
        for field, column in (report.columns or {}).items():
            assert_between(field, getattr(record, field), before[column], after[column])

    return compare_one


#: For each report that is compared, how a record is compared with its line of chronyc.
COMPARISONS: dict[str, Callable[[Any, Texts, Texts], None]] = {
    "tracking": compare_tracking,
    "sources": compare_source,
    "sourcestats": compare_stats,
    **{report.name: compare_columns(report) for report in REPORTS if report.columns},
}


def compare(daemon: Daemon, address: str | None = None) -> dict[str, Any]:
    """Read those reports at an address, and compare every field with the daemon's chronyc; return them by name."""
    address = daemon.socket if address is None else address
    names = [name for name in COMPARISONS if BY_NAME[name].is_open or address == daemon.socket]
    before = {name: daemon.rows(name) for name in names}
    found = {name: BY_NAME[name].function(address) for name in names}
    after = {name: daemon.rows(name) for name in names}
    for name in names:
        # zip() checks that there are as many, in the same order.
        for record, *texts in zip(BY_NAME[name].records(found[name]), before[name], after[name], strict=True):
            COMPARISONS[name](record, *texts)
    return found
