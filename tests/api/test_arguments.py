"""Timeouts and paths, right and wrong. Wrong ones are refused before anything is opened, so no daemon is needed."""

from __future__ import annotations

import datetime
import math
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from tests.support.reports import REPORTS

from pychrony import ChronyConnection, ChronyConnectionError, aio

FUNCTIONS = [report.function for report in REPORTS]
Function = Callable[..., object]

each_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
each_taker_of_a_timeout = pytest.mark.parametrize(
    "function", [*FUNCTIONS, ChronyConnection], ids=lambda function: function.__name__
)


class Failing:
    """An object whose conversion to a number or a path raises an error that is not about types."""

    def __float__(self) -> float:
        """Fail."""
        raise LookupError("from inside")

    def __fspath__(self) -> str:
        """Fail."""
        raise LookupError("from inside")


@each_taker_of_a_timeout
@pytest.mark.parametrize(
    "timeout",
    [
        *(0, 0.0, -0.0, -1, -1e-9, -1e300, math.nan, math.inf, -math.inf, False, 10**400, -(10**400)),
        *(datetime.timedelta(0), datetime.timedelta(days=-1), Decimal("sNaN")),
    ],
    ids=lambda timeout: repr(timeout)[:12],
)
def test_a_wrong_timeout_is_named_and_a_value_error(function: Function, timeout: Any) -> None:  # noqa: ANN401
    words = "timeout must be a finite number of seconds greater than 0, not "
    with pytest.raises(ValueError, match=f"^{words}") as caught:
        function("127.0.0.1:1", timeout=timeout)
    shown = str(caught.value).removeprefix(words)
    assert shown == (repr(timeout) if len(repr(timeout)) < 80 else repr(timeout)[:80] + "…")


@each_taker_of_a_timeout
@pytest.mark.parametrize(
    "timeout", [None, "5", "", b"1", [1], 1j, object(), int], ids=lambda timeout: repr(timeout)[:12]
)
def test_what_is_no_time_is_a_type_error(function: Function, timeout: Any) -> None:  # noqa: ANN401
    found = type(timeout).__name__
    with pytest.raises(TypeError, match=f"^timeout must be a number of seconds or a timedelta, not {found}$"):
        function("127.0.0.1:1", timeout=timeout)


@each_taker_of_a_timeout
def test_what_a_number_or_a_path_raises_of_its_own_is_passed_on(function: Function) -> None:
    for arguments, options in (((), {"timeout": Failing()}), ((Failing(),), {})):
        with pytest.raises(LookupError, match="from inside"):
            function(*arguments, **options)


@each_function
@pytest.mark.parametrize(
    "timeout",
    [1, 0.5, True, 1e-3, 1e10, 1e18, 1e300, 10**300, Decimal("0.5"), Fraction(1, 3), datetime.timedelta(seconds=1)],
)
def test_any_positive_number_of_seconds_will_do(function: Function, timeout: float) -> None:
    """The path is missing, which is an error with any timeout."""
    with pytest.raises(ChronyConnectionError):
        function("/nonexistent/chronyd.sock", timeout=timeout)


class Bytes:
    """A path in bytes."""

    def __fspath__(self) -> bytes:
        """Return bytes."""
        return b"/run/chrony/chronyd.sock"


@each_function
@pytest.mark.parametrize(
    "path", [b"/run/chrony/chronyd.sock", 323, 1.5, [], object(), True, Bytes(), Path], ids=lambda path: repr(path)[:16]
)
def test_a_socket_path_that_is_no_text_is_a_type_error(function: Function, path: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match=r"^socket_path must be a str, an os\.PathLike\[str\] or None, not "):
        function(path)


@each_function
def test_a_path_may_be_an_object(function: Function) -> None:
    with pytest.raises(ChronyConnectionError) as expected:
        function("/nonexistent/chronyd.sock")
    with pytest.raises(ChronyConnectionError) as caught:
        function(Path("/nonexistent/chronyd.sock"))
    assert str(caught.value) == str(expected.value)


@each_function
def test_timeout_is_given_by_name_only(function: Function) -> None:
    with pytest.raises(TypeError, match="positional"):
        function("/nonexistent/chronyd.sock", 1.0)
    with pytest.raises(TypeError, match="unexpected keyword"):
        function(address="/nonexistent/chronyd.sock")
    with pytest.raises(ChronyConnectionError):
        function(socket_path="/nonexistent/chronyd.sock")


@each_function
def test_a_tiny_timeout_ends_the_call(function: Function, timed: Callable[..., Any]) -> None:
    """The timeout is too short for an answer, and nothing listens on the port: the call fails at once in either way."""

    def call() -> None:
        with pytest.raises(ChronyConnectionError):
            function("127.0.0.1:1", timeout=1e-9)

    timed(call, 0)


@pytest.mark.parametrize("take", [ChronyConnection, aio.ChronyConnection])
def test_a_number_that_does_not_print_is_refused_without_a_word_elsewhere(
    take: Function, capfd: pytest.CaptureFixture[str]
) -> None:
    """Python refuses to print a number with that many digits, and prints errors that it cannot raise to stderr."""
    with pytest.raises(ValueError, match=r"^parallel must be at least 1, not "):
        take(parallel=-(10**5000))
    with pytest.raises(ValueError, match=r"^parallel is too large: "):
        take(parallel=10**5000)
    assert capfd.readouterr().err == ""
    with pytest.raises(TypeError, match=r"^parallel must be an int, not float$"):
        take(parallel=1.5)
