"""Any values from the scripted chronyd, over the wire: read as they were sent, or refused with the name of the field.

The expected values are computed here independently, from chrony's protocol and the documentation of the fields.
"""

from __future__ import annotations

import socket
from collections.abc import Callable
from dataclasses import fields
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.support.reports import Field, Report, each_report

from pychrony import ChronyDataError

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start

pytestmark = pytest.mark.blocking_only("takes long, and both kinds of calls convert values with the same code")

#: The sent value and the expected one, or None if it has to be refused.
Case: TypeAlias = tuple[Any, Any]
Cases: TypeAlias = st.SearchStrategy[Case]


def integers(bits: int, highest: int | None = None) -> Cases:
    """Numbers with the given bits. At least half of them are valid: not above the highest."""
    limit = 2**bits - 1 if highest is None else highest
    numbers = st.one_of(st.integers(0, limit), st.integers(0, 2**bits - 1))
    return numbers.map(lambda number: (number, number if number <= limit else None))


def decode(raw: int) -> float:
    """Decode chrony's float: 7 bits of exponent and 25 bits of coefficient, both in two's complement."""
    exponent, coefficient = raw >> 25, raw & 0x1FFFFFF
    exponent -= 128 if exponent >= 64 else 0
    coefficient -= 2**25 if coefficient >= 2**24 else 0
    return coefficient * 2.0 ** (exponent - 25)


def offset(raw: int) -> Case:
    """Return the case of a float of either sign."""
    return {"raw": raw}, decode(raw)


def measure(raw: int) -> Case:
    """Return the case of a float that must not be negative."""
    return {"raw": raw}, decode(raw) if decode(raw) >= 0 else None


def time(high: int, low: int, nsec: int) -> Case:
    """Return the case of a time. The upper half of its seconds may be marked as missing."""
    seconds = low if high == 0x7FFFFFFF else (high << 32) + low
    good = seconds < 2**63 and nsec < 10**9
    return {"high": high, "low": low, "nsec": nsec}, seconds + nsec / 1e9 if good else None


def name(reference_id: int) -> str:
    """Return the name of a reference clock."""
    text = reference_id.to_bytes(4, "big").rstrip(b"\0")
    return (
        text.decode()
        if all(0x20 <= byte < 0x7F for byte in text)
        else socket.inet_ntop(socket.AF_INET, reference_id.to_bytes(4, "big"))
    )


WORD = st.integers(0, 2**32 - 1)
OFFSETS = WORD.map(offset)
#: At least half of them are not negative.
MEASURES = st.one_of(WORD, WORD.map(lambda raw: raw & ~0x1000000)).map(measure)
TIMES = st.builds(
    time,
    st.one_of(st.sampled_from([0, 1, 0x7FFFFFFF, 0x80000000]), WORD),
    WORD,
    st.one_of(st.integers(0, 10**9 - 1), st.integers(10**9 - 1, 2**32 - 1)),
)
#: Polls of a reference clock. Other sources have narrower bounds.
POLLS = st.one_of(st.integers(-7, 24), st.integers(-32, 32), st.integers(-(2**15), 2**15 - 1)).map(
    lambda poll: (poll, poll if -32 <= poll <= 32 else None)
)
ADDRESSES = st.one_of(
    st.just((None, "")),
    st.binary(min_size=4, max_size=4).map(lambda ip: (socket.inet_ntop(socket.AF_INET, ip),) * 2),
    st.binary(min_size=16, max_size=16).map(lambda ip: (socket.inet_ntop(socket.AF_INET6, ip),) * 2),
    WORD.map(lambda number: ({"id": number}, f"ID#{number:010}")),
    st.integers(4, 2**16 - 1).map(lambda family: ({"family": family}, "")),
)

CONTENTS: dict[str, Callable[[Field], Cases]] = {
    "offset": lambda _: OFFSETS,
    "measure": lambda _: MEASURES,
    "time": lambda _: TIMES,
    "address": lambda _: ADDRESSES,
    "bool": lambda _: st.integers(0, 255).map(lambda number: (number, number != 0)),
    "i8": lambda _: st.integers(-(2**7), 2**7 - 1).map(lambda number: (number, number)),
    "i16": lambda _: POLLS,
    "u8": lambda field: integers(8, field.highest),
    "u16": lambda field: integers(16, field.highest),
    "u32": lambda field: integers(32, field.highest),
    "u64": lambda field: integers(64, field.highest),
}


@st.composite
def records(draw: st.DrawFn, report: Report) -> tuple[dict[str, Any], dict[str, Any]]:
    """Draw a record as it is sent and as it has to be read. Some fields keep their valid defaults."""
    table = [
        (name, field.ours, CONTENTS[field.content](field))
        for name, field in report.fields.items()
        if draw(st.integers(0, 3))
    ]
    # If more than one field had any value, nearly every record would be refused.
    bad = draw(st.sampled_from([None, None, *(ours for _, ours, _ in table)]))
    drawn = {
        field: (ours, draw(values if ours == bad else values.filter(lambda case: case[1] is not None)))
        for field, ours, values in table
    }
    sent = {field: case[0] for field, (_, case) in drawn.items()}
    read = {ours: case[1] for ours, case in drawn.values()}
    if report.name == "sources" and sent.get("mode") == 2:
        # A reference clock has a reference ID in place of an address.
        sent.pop("address", None)
        sent["reference ID"] = draw(WORD)
        read["address"] = name(sent["reference ID"])
    elif report.name == "sources" and not -7 <= sent.get("poll", 0) <= 24:
        read["poll"] = None
    if report.name == "tracking" and {"reference_id", "reference_ip"} <= read.keys():
        read["reference_id_name"] = read["reference_ip"] or name(read["reference_id"])
    return sent, read


@pytest.fixture(scope="module")
def scripted(start_shared: Start) -> Daemon:
    """A scripted chronyd for all tests of this module; each gives it its own values."""
    return start_shared("scripted")


@each_report
def test_every_field_is_generated(report: Report) -> None:
    ours = {field.ours for field in report.fields.values()} | report.derived.keys()
    assert {field.name for field in fields(report.record)} == ours


@each_report
@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_values_are_read_as_sent_or_refused_by_name(report: Report, data: st.DataObject, scripted: Daemon) -> None:
    drawn = data.draw(st.lists(records(report), min_size=1, max_size=3 if report.is_list else 1))
    scripted.say(report.values(*(sent for sent, _ in drawn)))

    wrong = {ours for _, read in drawn for ours, value in read.items() if value is None}
    if wrong:
        with pytest.raises(ChronyDataError) as caught:
            report.function(scripted.socket)
        assert caught.value.error_code == -4
        assert caught.value.message.split(":")[0] in {f"Invalid {ours}" for ours in wrong}
        return
    found = report.function(scripted.socket)
    for record, (_, read) in zip(found if report.is_list else [found], drawn, strict=True):
        assert {ours: getattr(record, ours) for ours in read} == read
