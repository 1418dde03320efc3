"""Any object as an argument: the only exceptions are TypeError, ValueError, OverflowError and the package's own."""

from __future__ import annotations

import contextlib
import re
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tests.support.reports import REPORTS

from pychrony import ChronyConnection, ChronyError

pytestmark = pytest.mark.blocking_only("takes long, and both kinds of calls convert arguments with the same code")

FUNCTIONS: list[Callable[..., Any]] = [report.function for report in REPORTS]
#: Refused at once, whatever the timeout.
NOWHERE = "/nonexistent/chronyd.sock"
BRIEF = 0.002

any_character = st.characters(exclude_categories=())
pieces = st.lists(
    st.sampled_from(
        ["/", "127.0.0.1", "::1", "[", "]", ":", "0", "323", "65536", "%", ".", "\0", "\ud800", "\udcff", "é"]
    ),
    max_size=8,
).map("".join)


def is_host_name(text: object) -> bool:
    """Return True for a name that may be looked up, which can take time."""
    return (
        isinstance(text, str)
        and re.fullmatch(r"[\w.-]*[a-z_][\w.-]*(:\d+)?", text, re.ASCII | re.IGNORECASE) is not None
    )


texts = st.one_of(
    st.text(any_character),
    st.text(any_character, max_size=150).map("/".__add__),
    st.text(any_character).map(f"{NOWHERE}/".__add__),
    pieces,
)
things = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.binary(),
    st.decimals(),
    st.fractions(),
    st.complex_numbers(),
    st.lists(st.integers()),
    st.just(object()),
    st.just(str),
)
addresses = st.one_of(texts, things).filter(lambda address: not is_host_name(address))
timeouts = st.one_of(
    st.floats(),
    st.integers(),
    st.integers(min_value=10**300),
    st.text(any_character),
    st.sampled_from([Decimal("NaN"), Fraction(1, 3)]),
    things,
)


def call(function: Callable[..., Any], *arguments: object, **options: object) -> None:
    """Call, and let any other exception fail the test."""
    with contextlib.suppress(TypeError, ValueError, OverflowError, ChronyError):
        function(*arguments, **options)


def use(*arguments: object, **options: object) -> None:
    """Open a connection, read from it and print it."""
    make: Callable[..., ChronyConnection] = ChronyConnection
    connection = make(*arguments, **options)
    assert repr(connection)
    with connection:
        connection.get_sources()


@pytest.mark.parametrize("function", [*FUNCTIONS, use], ids=lambda function: function.__name__)
@settings(max_examples=80, deadline=None)
@given(address=addresses)
@example(address="\ud800")
@example(address="/\udcff\ud800")
@example(address="127.0.0.1:\N{ARABIC-INDIC DIGIT THREE}")
@example(address="")
def test_any_address(function: Callable[..., Any], address: object) -> None:
    call(function, address, timeout=BRIEF)


@pytest.mark.parametrize("function", [*FUNCTIONS, use], ids=lambda function: function.__name__)
@settings(max_examples=60, deadline=None)
@given(timeout=timeouts)
@example(timeout=5e-324)
@example(timeout=1.7976931348623157e308)
@example(timeout=float("nan"))
def test_any_timeout(function: Callable[..., Any], timeout: object) -> None:
    call(function, NOWHERE, timeout=timeout)


@settings(max_examples=60, deadline=None)
@given(lanes=st.one_of(st.integers(), things))
def test_any_number_of_lanes(lanes: object) -> None:
    call(use, NOWHERE, parallel=lanes)
