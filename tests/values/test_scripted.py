"""Unusual values from the scripted chronyd, over the wire: refused with the name of the field, or read as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import BY_NAME, Report, defaults, each_report

import pychrony
from pychrony import ChronyDataError, LeapStatus, SourceMode, SourceState

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start

#: The lowest and the highest float of the protocol: a coefficient of 25 bits times 2 to the power of 38.
LOWEST, HIGHEST = {"raw": 0x7F000000}, {"raw": 0x7EFFFFFF}


@pytest.fixture(scope="module")
def scripted(start_shared: Start) -> Daemon:
    """A scripted chronyd for all tests of this module; each gives it its own values."""
    return start_shared("scripted")


def tell(scripted: Daemon, report: str, record: dict[str, Any], *more: dict[str, Any]) -> None:
    """Make the scripted chronyd send these records. Missing fields have defaults."""
    scripted.say(defaults(1))
    scripted.say(BY_NAME[report].values(record, *more))


OUT_OF_RANGE: list[tuple[str, str, Any, str, str]] = [
    ("tracking", "stratum", 17, "stratum", "17"),
    ("tracking", "stratum", 65535, "stratum", "65535"),
    ("tracking", "leap status", 4, "leap_status", "4"),
    ("tracking", "leap status", 65535, "leap_status", "65535"),
    ("tracking", "RMS offset", -0.5, "rms_offset", "-0.5"),
    ("tracking", "skew", -0.25, "skew", "-0.25"),
    ("tracking", "root delay", -2, "root_delay", "-2"),
    ("tracking", "root dispersion", -0.125, "root_dispersion", "-0.125"),
    ("tracking", "last update interval", -64, "update_interval", "-64"),
    ("tracking", "reference time", {"sec": 1, "nsec": 1000000000}, "ref_time", "1 s and 1000000000 ns"),
    ("tracking", "reference time", {"high": 0x80000000, "low": 0, "nsec": 0}, "ref_time", "-9223372036854775808 s"),
    ("sources", "stratum", 16, "stratum", "16"),
    ("sources", "poll", -8, "poll", "-8"),
    ("sources", "poll", 25, "poll", "25"),
    ("sources", "state", 6, "state", "6"),
    ("sources", "state", 65535, "state", "65535"),
    ("sources", "mode", 3, "mode", "3"),
    ("sources", "reachability", 256, "reachability", "256"),
    ("sources", "reachability", 65535, "reachability", "65535"),
    ("sources", "last sample error", -0.5, "latest_meas_err", "-0.5"),
    ("sourcestats", "standard deviation", -0.5, "std_dev", "-0.5"),
    ("sourcestats", "skew", -0.5, "skew", "-0.5"),
    ("sourcestats", "offset error", -0.5, "offset_err", "-0.5"),
    ("rtcdata", "reference time", {"sec": 1, "nsec": 4294967295}, "ref_time", "1 s and 4294967295 ns"),
]


@pytest.mark.parametrize("case", OUT_OF_RANGE, ids=lambda case: f"{case[3]}={case[4]}")
def test_a_value_out_of_range_is_refused_by_name(case: tuple[str, str, Any, str, str], scripted: Daemon) -> None:
    report, field, sent, name, shown = case
    tell(scripted, report, {field: sent})
    for address in (scripted.socket, scripted.udp):
        with pytest.raises(ChronyDataError) as caught:
            BY_NAME[report].function(address)
        assert caught.value.message.startswith(f"Invalid {name}: {shown}")
        assert caught.value.error_code == -4
        assert f"{report} report" in caught.value.message
        assert str(caught.value.__cause__).startswith(f"Invalid {name}: {shown}")


def test_one_bad_record_refuses_the_list(scripted: Daemon) -> None:
    tell(scripted, "sources", {}, {"address": "127.0.0.2", "stratum": 16}, {"address": "127.0.0.3"})
    with pytest.raises(ChronyDataError, match=r"^Invalid stratum: 16 "):
        pychrony.get_sources(scripted.socket)


IN_RANGE: list[tuple[str, str, Any, str, object]] = [
    ("tracking", "reference ID", 0xFFFFFFFF, "reference_id", 0xFFFFFFFF),
    ("tracking", "reference ID", 0, "reference_id", 0),
    ("tracking", "stratum", 15, "stratum", 15),
    ("tracking", "leap status", 3, "leap_status", LeapStatus.UNSYNC),
    ("tracking", "leap status", 1, "leap_status", LeapStatus.INSERT),
    ("tracking", "leap status", 2, "leap_status", LeapStatus.DELETE),
    ("tracking", "current correction", -0.75, "offset", -0.75),
    ("tracking", "last offset", 1024, "last_offset", 1024.0),
    ("tracking", "RMS offset", 0, "rms_offset", 0.0),
    ("tracking", "frequency offset", LOWEST, "frequency", -(2.0**24) * 2.0**38),
    ("tracking", "residual frequency", HIGHEST, "residual_freq", (2.0**24 - 1) * 2.0**38),
    ("tracking", "reference time", {"sec": 1700000000, "nsec": 250000000}, "ref_time", 1700000000.25),
    # A chronyd with 32-bit times marks the upper half as missing.
    (
        "tracking",
        "reference time",
        {"high": 0x7FFFFFFF, "low": 1700000000, "nsec": 500000000},
        "ref_time",
        1700000000.5,
    ),
    ("tracking", "reference time", {"high": 0x7FFFFFFF, "low": 0xFFFFFFFF, "nsec": 0}, "ref_time", 4294967295.0),
    # This time is after 2106.
    ("tracking", "reference time", {"high": 1, "low": 0, "nsec": 0}, "ref_time", 4294967296.0),
    ("tracking", "reference time", 0, "ref_time", 0.0),
    ("sources", "stratum", 15, "stratum", 15),
    ("sources", "poll", -2, "poll", -2),
    ("sources", "poll", -7, "poll", -7),
    ("sources", "poll", 24, "poll", 24),
    ("sources", "flags", 65535, "flags", 65535),
    ("sources", "reachability", 255, "reachability", 255),
    ("sources", "reachability", 0, "reachability", 0),
    ("sources", "last sample ago", 0xFFFFFFFF, "last_sample_ago", 0xFFFFFFFF),
    ("sources", "original last sample offset", -0.5, "orig_latest_meas", -0.5),
    ("sources", "adjusted last sample offset", 0.25, "latest_meas", 0.25),
    ("sourcestats", "samples", 0xFFFFFFFF, "samples", 0xFFFFFFFF),
    ("sourcestats", "runs", 77, "runs", 77),
    ("sourcestats", "span", 0xFFFFFFFF, "span", 0xFFFFFFFF),
    ("sourcestats", "residual frequency", -8, "resid_freq", -8.0),
    ("sourcestats", "offset", -0.5, "offset", -0.5),
    ("rtcdata", "samples", 65535, "samples", 65535),
    ("rtcdata", "runs", 65535, "runs", 65535),
    ("rtcdata", "span", 0xFFFFFFFF, "span", 0xFFFFFFFF),
    ("rtcdata", "offset", -0.25, "offset", -0.25),
    ("rtcdata", "frequency offset", -2.5, "freq_offset", -2.5),
    ("rtcdata", "reference time", {"high": 0x7FFFFFFF, "low": 1700000000, "nsec": 0}, "ref_time", 1700000000.0),
]


@pytest.mark.parametrize("case", IN_RANGE, ids=lambda case: f"{case[3]}={case[4]}")
def test_a_value_at_the_border_is_read_as_it_is(case: tuple[str, str, Any, str, object], scripted: Daemon) -> None:
    report, field, sent, name, expected = case
    tell(scripted, report, {field: sent})
    found = BY_NAME[report].function(scripted.socket)
    value = getattr(found[0] if isinstance(found, list) else found, name)
    assert value == expected
    assert type(value) is type(expected)


def test_every_state_and_mode_is_a_member(scripted: Daemon) -> None:
    records = [{"state": state, "mode": mode} for state in range(6) for mode in range(3)]
    tell(scripted, "sources", *records)
    found = pychrony.get_sources(scripted.socket)
    assert [(source.state, source.mode) for source in found] == [
        (state, mode) for state in SourceState for mode in SourceMode
    ]
    assert all(type(source.state) is SourceState and type(source.mode) is SourceMode for source in found)


@each_report
def test_every_field_is_read_as_it_was_sent(report: Report, scripted: Daemon) -> None:
    command, expected = report.sample()
    scripted.say(defaults())
    scripted.say(command)
    for address in (scripted.socket, scripted.udp, scripted.udp6):
        found = report.function(address)
        assert found == expected
        for record in report.records(found):
            assert {one.ours: type(getattr(record, one.ours)) for one in report.fields.values()} == {
                one.ours: type(one.read) for one in report.fields.values()
            }


ADDRESSES: list[tuple[Any, str]] = [
    ("192.0.2.1", "192.0.2.1"),
    ("2001:db8::1", "2001:db8::1"),
    ("::1", "::1"),
    ({"id": 7}, "ID#0000000007"),
    ({"id": 4294967295}, "ID#4294967295"),
    (None, ""),
    ({"family": 9}, ""),
]


@pytest.mark.parametrize(("sent", "expected"), ADDRESSES)
def test_addresses_of_every_family(sent: object, expected: str, scripted: Daemon) -> None:
    tell(scripted, "sources", {"address": sent})
    assert pychrony.get_sources(scripted.socket)[0].address == expected
    tell(scripted, "sourcestats", {"address": sent})
    assert pychrony.get_source_stats(scripted.socket)[0].address == expected
    tell(scripted, "tracking", {"address": sent, "reference ID": 0x47505300})
    tracking = pychrony.get_tracking(scripted.socket)
    assert tracking.reference_ip == expected
    assert tracking.reference_id_name == (expected or "GPS")


@pytest.mark.parametrize(
    ("reference_id", "name"),
    [
        (0x47505300, "GPS"),
        (0x50505330, "PPS0"),
        (0x64403221, "d@2!"),
        (0x7F7F0101, "127.127.1.1"),
        (0x00000001, "0.0.0.1"),
        (0x0A505331, "10.80.83.49"),
        (0xE9000000, "233.0.0.0"),
        (0, ""),
    ],
)
def test_names_of_references_without_an_address(reference_id: int, name: str, scripted: Daemon) -> None:
    tell(scripted, "tracking", {"address": None, "reference ID": reference_id})
    tracking = pychrony.get_tracking(scripted.socket)
    assert (tracking.reference_id, tracking.reference_id_name) == (reference_id, name)
    assert tracking.is_synchronized() is (reference_id != 0)
    tell(scripted, "sources", {"reference ID": reference_id})
    (source,) = pychrony.get_sources(scripted.socket)
    assert (source.address, source.mode) == (name, SourceMode.REFCLOCK)
    tell(scripted, "sourcestats", {"address": None, "reference ID": reference_id})
    (stats,) = pychrony.get_source_stats(scripted.socket)
    assert (stats.reference_id, stats.address) == (reference_id, "")


def test_an_address_whose_bytes_are_printable_stays_an_address(scripted: Daemon) -> None:
    tell(scripted, "tracking", {"address": "100.64.50.33", "reference ID": 0x64403221})
    assert pychrony.get_tracking(scripted.socket).reference_id_name == "100.64.50.33"


def test_a_thousand_sources_of_each_kind_keep_their_order(scripted: Daemon) -> None:
    records = [
        {"address": f"2001:db8::{index:x}"} if index % 2 else {"address": f"127.9.{index // 250}.{index % 250}"}
        for index in range(1000)
    ]
    tell(scripted, "sources", *records)
    assert [source.address for source in pychrony.get_sources(scripted.socket)] == [
        record["address"].replace("::0", "::") for record in records
    ]
