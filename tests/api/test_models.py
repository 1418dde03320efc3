"""The records alone: helper methods, names and immutability. The tests do not need a daemon or libchrony."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
import pickle
from typing import Any

import pytest
from tests.support.reports import Report, each_report

from pychrony import (
    AuthMode,
    KeyType,
    LeapStatus,
    NTPFlag,
    NTPMode,
    RTCData,
    SelectOption,
    SelectState,
    SmoothingFlag,
    Source,
    SourceMode,
    SourceState,
    SourceStats,
    Timestamping,
    TrackingStatus,
)

pytestmark = pytest.mark.blocking_only("the package itself: its records")

TRACKING = TrackingStatus(
    reference_id=0x7F000001,
    reference_id_name="127.0.0.1",
    stratum=2,
    leap_status=LeapStatus.NORMAL,
    offset=1e-6,
    last_offset=-2e-6,
    rms_offset=3e-6,
    frequency=-1.5,
    residual_freq=0.01,
    skew=0.05,
    root_delay=0.001,
    root_dispersion=0.002,
    update_interval=64.5,
    reference_ip="127.0.0.1",
    ref_time=1700000000.5,
)
SOURCE = Source(
    address="192.0.2.1",
    poll=6,
    stratum=1,
    state=SourceState.SELECTED,
    mode=SourceMode.CLIENT,
    flags=0,
    reachability=255,
    last_sample_ago=12,
    orig_latest_meas=1e-6,
    latest_meas=-1e-6,
    latest_meas_err=2e-6,
)
STATS = SourceStats(
    reference_id=0xC0000201,
    address="192.0.2.1",
    samples=8,
    runs=4,
    span=448,
    std_dev=1e-6,
    resid_freq=0.001,
    skew=0.05,
    offset=-1e-6,
    offset_err=1e-6,
)
RTC = RTCData(ref_time=1700000000.5, samples=10, runs=5, span=600, offset=0.25, freq_offset=-2.5)
RECORDS = [TRACKING, SOURCE, STATS, RTC]


@pytest.mark.parametrize(
    ("reference_id", "stratum", "synchronized"),
    [
        (0x7F000001, 1, True),
        (0x7F000001, 15, True),
        (0x7F000001, 16, False),
        (0, 2, False),
        (0, 0, False),
        (1, 0, True),
    ],
)
def test_synchronized_takes_a_reference_and_a_stratum(
    reference_id: int,
    stratum: int,
    synchronized: bool,  # noqa: FBT001
) -> None:
    tracking = dataclasses.replace(TRACKING, reference_id=reference_id, stratum=stratum)
    assert tracking.is_synchronized() is synchronized


@pytest.mark.parametrize(
    ("status", "pending", "name"),
    [
        (0, False, "normal"),
        (1, True, "insert second"),
        (2, True, "delete second"),
        (3, False, "not synchronized"),
        (4, False, "unknown(4)"),
        (-1, False, "unknown(-1)"),
        (10**30, False, f"unknown({10**30})"),
    ],
)
def test_leap_status_has_a_name_and_may_be_pending(status: int, pending: bool, name: str) -> None:  # noqa: FBT001
    tracking = dataclasses.replace(TRACKING, leap_status=status)
    assert tracking.is_leap_pending() is pending
    assert tracking.leap_status_name == name
    if status in set(LeapStatus):
        tracking = dataclasses.replace(TRACKING, leap_status=LeapStatus(status))
        assert tracking.is_leap_pending() is pending
        assert tracking.leap_status_name == name


def test_the_error_bound_is_the_manuals_formula_and_grows_as_chronyds_does() -> None:
    tracking = dataclasses.replace(
        TRACKING, offset=-0.25, root_dispersion=0.5, root_delay=0.125, skew=1.5, residual_freq=-0.5, ref_time=1000.0
    )
    # The clock is 0.25 s fast, and ref_time is in chronyd's estimate of true time.
    assert tracking.clock_error_bound() == tracking.clock_error_bound(at=1000.25) == 0.8125
    # 1.5 ppm of skew, 0.5 ppm of residual frequency, and chronyd's own 1 ppm.
    assert tracking.clock_error_bound(at=1000.25 + 1e5) == pytest.approx(0.8125 + 0.3, abs=1e-12)
    assert tracking.clock_error_bound(at=1000.25 - 1e5) == tracking.clock_error_bound(at=1000.25 + 1e5)


@pytest.mark.parametrize("at", [math.nan, math.inf, -math.inf, 10**400, -(10**400)], ids=lambda at: str(at)[:4])
@pytest.mark.parametrize("stratum", [1, 16])
def test_no_error_bound_is_given_for_a_moment_that_is_not_finite(at: float, stratum: int) -> None:
    tracking = dataclasses.replace(TRACKING, stratum=stratum)
    with pytest.raises(ValueError, match=f"^at must be a finite number of seconds since the epoch, not {at}$"):
        tracking.clock_error_bound(at=at)


def test_the_error_bound_takes_numbers_only() -> None:
    moment: Any
    for moment in ("0", b"0", [0], object()):
        with pytest.raises(TypeError):
            TRACKING.clock_error_bound(at=moment)


@pytest.mark.parametrize(
    ("changes", "local", "known"),
    [
        ({}, False, True),
        ({"leap_status": LeapStatus.INSERT}, False, True),
        ({"leap_status": LeapStatus.UNSYNC}, False, False),
        ({"stratum": 16}, False, False),
        ({"reference_id": 0, "reference_ip": ""}, False, False),
        ({"reference_id": 0x7F7F0101, "reference_ip": ""}, True, False),
        # A server may have this address.
        ({"reference_id": 0x7F7F0101, "reference_ip": "127.127.1.1"}, False, True),
    ],
)
def test_no_error_bound_is_known_of_a_clock_that_follows_nothing(
    changes: dict[str, Any],
    local: bool,  # noqa: FBT001
    known: bool,  # noqa: FBT001
) -> None:
    tracking = dataclasses.replace(TRACKING, **changes)
    assert tracking.is_local() is local
    for at in (None, 1700000001):
        assert (tracking.clock_error_bound(at=at) is not None) is known


@pytest.mark.parametrize(("ago", "sampled"), [(0, True), (12, True), (2**32 - 2, True), (2**32 - 1, False)])
def test_a_source_without_a_sample_is_told(ago: int, sampled: bool) -> None:  # noqa: FBT001
    assert dataclasses.replace(SOURCE, last_sample_ago=ago).has_sample() is sampled


@pytest.mark.parametrize(
    ("poll", "seconds"), [(6, 64.0), (0, 1.0), (-4, 0.0625), (1023, 2.0**1023), (32767, math.inf), (-32768, 0.0)]
)
def test_polls_have_an_interval_in_seconds(poll: int, seconds: float) -> None:
    assert dataclasses.replace(SOURCE, poll=poll).poll_interval == seconds


STATES = ["selected", "nonselectable", "falseticker", "jittery", "unselected", "selectable", "unknown(6)"]
MODES = ["client", "peer", "reference clock", "unknown(3)"]


@pytest.mark.parametrize(("state", "name"), list(enumerate(STATES)))
def test_every_state_has_a_name_and_only_the_first_is_selected(state: int, name: str) -> None:
    source = dataclasses.replace(SOURCE, state=state)
    assert source.state_name == name
    assert source.is_selected() is (state == 0)


@pytest.mark.parametrize("number", [-1, 255, 256, 2**32, 2**64, -(2**64), 10**30])
def test_an_impossible_number_has_a_name_that_says_so(number: int) -> None:
    """Nothing checks a record that is made by hand."""
    source = dataclasses.replace(SOURCE, state=number, mode=number)
    assert source.state_name == source.mode_name == f"unknown({number})"


@pytest.mark.parametrize(("mode", "name"), list(enumerate(MODES)))
def test_every_mode_has_a_name(mode: int, name: str) -> None:
    assert dataclasses.replace(SOURCE, mode=mode).mode_name == name


@pytest.mark.parametrize(("reachability", "reachable"), [(0, False), (1, True), (0o200, True), (255, True)])
def test_reachable_is_any_bit_of_the_register(reachability: int, reachable: bool) -> None:  # noqa: FBT001
    assert dataclasses.replace(SOURCE, reachability=reachability).is_reachable() is reachable


def test_four_samples_are_sufficient_unless_told_otherwise() -> None:
    assert not dataclasses.replace(STATS, samples=3).has_sufficient_samples()
    assert dataclasses.replace(STATS, samples=4).has_sufficient_samples()
    assert dataclasses.replace(STATS, samples=3).has_sufficient_samples(3)
    assert not STATS.has_sufficient_samples(minimum=9)
    assert dataclasses.replace(STATS, samples=0).has_sufficient_samples(0)


def test_any_sample_calibrates_the_rtc() -> None:
    assert RTC.is_calibrated()
    assert not dataclasses.replace(RTC, samples=0).is_calibrated()


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_no_field_can_be_changed_removed_or_added(record: Any) -> None:  # noqa: ANN401
    before = copy.copy(record)
    for field in dataclasses.fields(record):
        with pytest.raises(dataclasses.FrozenInstanceError):
            setattr(record, field.name, 0)
        with pytest.raises(dataclasses.FrozenInstanceError):
            delattr(record, field.name)
    with pytest.raises(dataclasses.FrozenInstanceError):
        record.something_else = 1
    assert record == before


@pytest.mark.parametrize("record", RECORDS, ids=lambda record: type(record).__name__)
def test_records_are_values(record: Any) -> None:  # noqa: ANN401
    for twin in (copy.copy(record), copy.deepcopy(record), type(record)(**dataclasses.asdict(record))):
        assert twin == record
        assert hash(twin) == hash(record)
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        assert pickle.loads(pickle.dumps(record, protocol)) == record
    first = dataclasses.fields(record)[0].name
    assert dataclasses.replace(record, **{first: 99}) != record
    assert f"{first}=" in repr(record)


@each_report
def test_records_print_and_compare_as_any_dataclass(report: Report) -> None:
    """`pychrony.models` defines these methods itself, once for all records."""
    fields = dataclasses.fields(report.record)
    plain = dataclasses.make_dataclass(
        report.record.__name__, [(field.name, field.type) for field in fields], frozen=True
    )
    values: dict[str, Any] = {field.name: number for number, field in enumerate(fields)}
    record, twin, other = report.record(**values), report.record(**values), plain(**values)
    assert repr(record) == repr(other)
    assert hash(record) == hash(twin) == hash(other)
    assert record == twin
    assert record != other
    assert other != record
    assert record.__eq__(other) is NotImplemented
    for field in fields:
        changed = dataclasses.replace(record, **{field.name: -1})
        assert changed != record
        assert repr(changed) != repr(record)
        assert hash(changed) != hash(record)


def test_the_two_fields_that_the_contract_lacks_may_be_left_out() -> None:
    fields = dataclasses.asdict(TRACKING)
    del fields["reference_ip"], fields["ref_time"]
    assert TrackingStatus(**fields) == dataclasses.replace(TRACKING, reference_ip="", ref_time=0.0)


OPEN: list[Any] = [LeapStatus, SourceState, SourceMode, AuthMode, KeyType, NTPMode, SelectState, Timestamping]


@pytest.mark.parametrize("constants", OPEN)
def test_a_number_without_a_name_is_a_member(constants: Any) -> None:  # noqa: ANN401
    named = list(constants)
    for number in (9, 200):
        if number in {int(member) for member in named}:
            continue
        member = constants(number)
        assert isinstance(member, constants)
        assert member == number
        assert hash(member) == hash(number)
        assert member is constants(number)
        assert (member.name, member.words) == (f"UNKNOWN_{number}", f"unknown({number})")
        assert repr(member) == f"<{constants.__name__}.UNKNOWN_{number}: {number}>"
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            assert pickle.loads(pickle.dumps(member, protocol)) is member
        assert copy.deepcopy(member) is member
        assert json.dumps([member]) == f"[{number}]"
    assert list(constants) == named
    for wrong in (-1, "normal", 0.5, None):
        with pytest.raises(ValueError, match="is not a valid"):
            constants(wrong)


@pytest.mark.parametrize("constants", OPEN)
def test_only_bytes_without_a_name_are_kept(constants: Any) -> None:  # noqa: ANN401
    for number in range(255, 2000):
        member = constants(number)
        assert (type(member), member, member.name) == (constants, number, f"UNKNOWN_{number}")
        assert pickle.loads(pickle.dumps(member)) == copy.deepcopy(member) == constants(number)
    assert constants(255) is constants(255)
    assert len(constants._value2member_map_) <= 256


@pytest.mark.parametrize("constants", [*OPEN, SelectOption, NTPFlag, SmoothingFlag])
def test_constants_print_as_the_numbers_that_they_are(constants: Any) -> None:  # noqa: ANN401
    for member in [*constants, constants(3), constants(99)]:
        assert str(member) == f"{member}" == str(int(member))
        assert f"{member:5d}" == f"{int(member):5d}"
        assert constants.__name__ in repr(member)
