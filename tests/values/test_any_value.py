"""Any values from the scripted chronyd, over the wire: read as they were sent, or refused by the name of a field.

What a value means is worked out here a second time, from chrony's protocol and the documentation of the fields.
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

#: What is sent, and what is to be read: None where that is to be refused.
Case: TypeAlias = tuple[Any, Any]
Cases: TypeAlias = st.SearchStrategy[Case]


def integers(bits: int, highest: int | None = None) -> Cases:
    """A number of so many bits, of which those up to the highest are good ones; these are as frequent as the others."""
    limit = 2**bits - 1 if highest is None else highest
    numbers = st.one_of(st.integers(0, limit), st.integers(0, 2**bits - 1))
    return numbers.map(lambda number: (number, number if number <= limit else None))


def decode(raw: int) -> float:
    """chrony's floating point: 7 bits of exponent and 25 of coefficient, both in two's complement."""
    exponent, coefficient = raw >> 25, raw & 0x1FFFFFF
    exponent -= 128 if exponent >= 64 else 0
    coefficient -= 2**25 if coefficient >= 2**24 else 0
    return coefficient * 2.0 ** (exponent - 25)


def offset(raw: int) -> Case:
    """A number of either sign."""
    return {"raw": raw}, decode(raw)


def measure(raw: int) -> Case:
    """A number that is not negative."""
    return {"raw": raw}, decode(raw) if decode(raw) >= 0 else None


def time(high: int, low: int, nsec: int) -> Case:
    """A time, of which the upper half of the seconds may be a mark that there is none."""
    seconds = low if high == 0x7FFFFFFF else (high << 32) + low
    good = seconds < 2**63 and nsec < 10**9
    return {"high": high, "low": low, "nsec": nsec}, seconds + nsec / 1e9 if good else None


def name(reference_id: int) -> str:
    """The name of a reference clock."""
    text = reference_id.to_bytes(4, "big").rstrip(b"\0")
    return (
        text.decode()
        if all(0x20 <= byte < 0x7F for byte in text)
        else socket.inet_ntop(socket.AF_INET, reference_id.to_bytes(4, "big"))
    )


WORD = st.integers(0, 2**32 - 1)
OFFSETS = WORD.map(offset)
#: Half of them not negative.
MEASURES = st.one_of(WORD, WORD.map(lambda raw: raw & ~0x1000000)).map(measure)
TIMES = st.builds(
    time,
    st.one_of(st.sampled_from([0, 1, 0x7FFFFFFF, 0x80000000]), WORD),
    WORD,
    st.one_of(st.integers(0, 10**9 - 1), st.integers(10**9 - 1, 2**32 - 1)),
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
    "i16": lambda _: st.integers(-(2**15), 2**15 - 1).map(lambda number: (number, number)),
    "u16": lambda field: integers(16, field.highest),
    "u32": lambda field: integers(32, field.highest),
