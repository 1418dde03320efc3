"""Arguments that no function takes: wrong timeouts and types. Nothing is opened for them, so no daemon is needed."""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from typing import Any

import pytest

import pychrony
from pychrony import ChronyConnectionError

FUNCTIONS = [pychrony.get_tracking, pychrony.get_sources, pychrony.get_source_stats, pychrony.get_rtc_data]
Function = Callable[..., object]

each_function = pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)


@each_function
@pytest.mark.parametrize("timeout", [0, 0.0, -0.0, -1, -1e-9, -1e300, math.nan, math.inf, -math.inf])
def test_a_timeout_that_is_no_positive_number_is_a_value_error(function: Function, timeout: float) -> None:
    with pytest.raises(ValueError, match=r"^timeout must be .* greater than 0"):
        function("127.0.0.1:1", timeout=timeout)


@each_function
@pytest.mark.parametrize("timeout", [None, "1", b"1", [1], 1j, object()], ids=repr)
def test_a_timeout_that_is_no_number_is_a_type_error(function: Function, timeout: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError):
        function("127.0.0.1:1", timeout=timeout)


@each_function
@pytest.mark.parametrize("timeout", [1, 0.5, True, 1e-3, 1e10, 1e18, 1e300, 10**400])
def test_any_positive_number_of_seconds_will_do(function: Function, timeout: float) -> None:
    """The path is missing, which is found out whatever the timeout is."""
    if timeout > sys.float_info.max:
        with pytest.raises(OverflowError):
            function("/nonexistent/chronyd.sock", timeout=timeout)
    else:
        with pytest.raises(ChronyConnectionError):
            function("/nonexistent/chronyd.sock", timeout=timeout)


@each_function
@pytest.mark.parametrize("path", [b"/run/chrony/chronyd.sock", 323, 1.5, [], object(), True], ids=repr)
def test_a_socket_path_that_is_no_text_is_a_type_error(function: Function, path: Any) -> None:  # noqa: ANN401
    with pytest.raises(TypeError, match="socket_path"):
        function(path)


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
    """Too short for the loopback interface, or for a port that nobody listens on: either is an error in no time."""

    def call() -> None:
        with pytest.raises(ChronyConnectionError):
            function("127.0.0.1:1", timeout=1e-9)

    timed(call, 0)
