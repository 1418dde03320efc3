"""Compares what pychrony reads with what chronyc prints about the same daemon.

chronyc rounds, and some values change between two reads. So chronyc runs before and after pychrony reads. Each value
must lie between the two that chronyc printed, plus or minus the rounding error.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any

from tests.support.daemon import Daemon
from tests.support.reports import REPORTS, Report
from tests.support.waiting import wait_until

from pychrony import (
    AuthData,
    NTPData,
    NTPFlag,
    NTPMode,
    SelectData,
    Smoothing,
    SmoothingFlag,
    Source,
    SourceStats,
    Timestamping,
    TrackingStatus,
)

Texts = Sequence[str]

LEAP = ["Normal", "Insert second", "Delete second", "Not synchronised"]
NTP_MODES: dict[int, str] = {
    NTPMode.ACTIVE_SYMMETRIC: "Symmetric active",
    NTPMode.PASSIVE_SYMMETRIC: "Symmetric passive",
    NTPMode.SERVER: "Server",
}
NTP_TESTS = {
    23: (NTPFlag.TEST_1, NTPFlag.TEST_2, NTPFlag.TEST_3),
    24: (NTPFlag.TEST_5, NTPFlag.TEST_6, NTPFlag.TEST_7),
    25: (NTPFlag.TEST_A, NTPFlag.TEST_B, NTPFlag.TEST_C, NTPFlag.TEST_D),
}
TIMESTAMPING: dict[int, str] = {
    Timestamping.DAEMON: "Daemon",
    Timestamping.KERNEL: "Kernel",
    Timestamping.HARDWARE: "Hardware",
}
MODES = "^=#"
STATES = "*?x~+-"


def number(text: str) -> tuple[float, float]:
    """Return a printed number, and its rounding error: half a unit of its last decimal, or 0 for an integer."""
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
    """Compare all fields with those of a line of `chronyc -c sourcestats`, which lacks the error of the offset."""
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


def compare_selection(selection: SelectData, before: Texts, after: Texts) -> None:
    """Compare the words of a line of `chronyc -c selectdata`."""
    name = selection.address or selection.reference_id.to_bytes(4, "big").rstrip(b"\0").decode()
    assert name == before[1]
    assert chr(selection.state) in {before[0], after[0]}
    assert "NY"[selection.authentication] == before[2]
    for options, column in ((selection.configured_options, 3), (selection.effective_options, 8)):
        shown = [letter if options & 1 << bit else "-" for bit, letter in enumerate("NPTR")]
        assert [*shown, "-"] == list(before[column : column + 5])
    assert LEAP[selection.leap_status] in {before[17], after[17]}


def compare_authentication(authentication: AuthData, before: Texts, _after: Texts) -> None:
    """Compare the words of a line of `chronyc -c authdata`."""
    assert ["-", "SK", "NTS"][authentication.mode] == before[1]


def compare_measurement(data: NTPData, before: Texts, after: Texts) -> None:
    """Compare the words of a line of `chronyc -c ntpdata`."""
    flags = NTPFlag(data.flags)
    words = {
        0: data.remote_address,
        3: data.local_address or "[UNSPEC]",
        5: LEAP[data.leap_status],
        7: NTP_MODES.get(data.mode, "Invalid"),
        15: f"{data.reference_id:08X}",
        **{column: "".join(str(int(test in flags)) for test in group) for column, group in NTP_TESTS.items()},
        26: "Yes" if NTPFlag.INTERLEAVED in flags else "No",
        27: "Yes" if NTPFlag.AUTHENTICATED in flags else "No",
        28: TIMESTAMPING.get(data.transmit_timestamping, "Invalid"),
        29: TIMESTAMPING.get(data.receive_timestamping, "Invalid"),
    }
    assert words == {column: before[column] for column in words}
    assert words == {column: after[column] for column in words}


def compare_smoothing(smoothing: Smoothing, before: Texts, after: Texts) -> None:
    """Compare the words of `chronyc -c smoothing`."""
    flags = SmoothingFlag(smoothing.flags)
    assert ("Yes" if SmoothingFlag.ACTIVE in flags else "No") in {before[0], after[0]}
    assert ("(leap second only)" if SmoothingFlag.LEAPONLY in flags else "") == before[1]


def compare_columns(report: Report, record: object, before: Texts, after: Texts) -> None:
    """Compare the numbers of a record with the columns that the report names."""
    optional = {field.ours for field in report.fields.values() if field.is_optional}
    for field, column in (report.columns or {}).items():
        value = getattr(record, field)
        if value is None:
            assert field in optional, f"{field} is None"
            assert len(before) <= column, f"{field} is None, and chronyc says {before[column]}"
        else:
            assert_between(field, value, before[column], after[column])


#: Reports with values that can reverse within seconds. A value read at the reversal may lie outside the two that
#: chronyc printed.
REVERSING = {"smoothing"}

#: The comparison of a record with a line from chronyc, in addition to the columns that the report names.
COMPARISONS: dict[str, Callable[[Any, Texts, Texts], None]] = {
    "tracking": compare_tracking,
    "sources": compare_source,
    "sourcestats": compare_stats,
    "selectdata": compare_selection,
    "authdata": compare_authentication,
    "ntpdata": compare_measurement,
    "smoothing": compare_smoothing,
}


def is_compared(report: Report, daemon: Daemon, address: str, also: Collection[str]) -> bool:
    """Return True if chronyc shows the report, and chronyd serves it at the address or `also` names it."""
    is_shown = report.name in COMPARISONS or report.columns is not None
    is_served = report.unavailable is None and (report.is_open or address == daemon.socket)
    return is_shown and (is_served or report.name in also)


def rows(daemon: Daemon, report: Report) -> list[list[str]]:
    """Return chronyc's lines for a report. Only ntpdata leaves out sources without an address."""
    return daemon.rows(f"{report.name} -a" if report.is_list and report.name != "ntpdata" else report.name)


def records(report: Report, result: Any) -> list[Any]:  # noqa: ANN401
    """Return the records that chronyc shows, which has no option for ntpdata of sources without an address."""
    return [
        record
        for record in report.records(result)
        if not (isinstance(record, NTPData) and record.remote_address.startswith("ID#"))
    ]


def compare_records(report: Report, result: Any, before: Sequence[Texts], after: Sequence[Texts]) -> None:  # noqa: ANN401
    """Compare the records of a report with chronyc's lines."""
    for record, *texts in zip(records(report, result), before, after, strict=True):
        compare_columns(report, record, *texts)
        if report.name in COMPARISONS:
            COMPARISONS[report.name](record, *texts)


def agrees_with_chronyc(report: Report, result: Any, before: Sequence[Texts], after: Sequence[Texts]) -> bool:  # noqa: ANN401
    """Return True if the records of a report agree with chronyc's lines."""
    try:
        compare_records(report, result, before, after)
    except AssertionError:
        return False
    return True


def compare(daemon: Daemon, address: str | None = None, *, also: Collection[str] = ()) -> dict[str, Any]:
    """Read reports at an address, compare every field with chronyc's, and return the results by report name.

    These are the reports that chronyc shows, every chronyd has, and the address serves. `also` names more.
    """
    address = daemon.socket if address is None else address
    reports = [report for report in REPORTS if is_compared(report, daemon, address, also)]
    before = {report.name: rows(daemon, report) for report in reports}
    found = {report.name: report.function(address) for report in reports}
    after = {report.name: rows(daemon, report) for report in reports}
    for report in reports:
        for _ in range(4 if report.name in REVERSING else 0):
            if agrees_with_chronyc(report, found[report.name], before[report.name], after[report.name]):
                break
            # By now, the reversal is probably over.
            before[report.name] = rows(daemon, report)
            found[report.name] = report.function(address)
            after[report.name] = rows(daemon, report)
        compare_records(report, found[report.name], before[report.name], after[report.name])
    return found


def keep_measurements(daemon: Daemon) -> None:
    """Keep a daemon's last measurements unchanged for a while; `offline` would make it forget them."""
    measured = {row[0] for row in daemon.rows("ntpdata") if row[33] != "0"}
    for address in measured:
        daemon.chronyc(f"minpoll {address} 10")

    def is_quiet() -> bool:
        polls = {row[2]: row[4] for row in daemon.rows("sources")}
        return all(polls[address] == "10" for address in measured)

    # A source takes the new interval with its next measurement.
    wait_until(is_quiet, "a long interval between measurements")
