"""The names of `pychrony.aio`: those of the package, to be awaited, with the same results, errors and words."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import CALLS, NOTHING, REPORTS, Report, defaults

import pychrony
from pychrony import ChronyConnection, ChronyDataError, ChronyError, Transport, aio

if TYPE_CHECKING:
    from tests.aio.conftest import Held, Run
    from tests.support.daemon import Daemon
    from tests.support.programs import Python

TRANSPORTS = ["socket", "udp"]


def outcome_of(call: Callable[[], object]) -> object:
    """What a call returns; or its exception, with all causes."""
    try:
        return call()
    except Exception as error:  # noqa: BLE001
        chain: list[object] = []
        cause: BaseException | None = error
        while cause is not None:
            chain += [type(cause), str(cause), getattr(cause, "error_code", None), getattr(cause, "errno", None)]
            cause = cause.__cause__
        return chain


def test_every_name_is_the_packages() -> None:
    beyond = {"Descriptors", "Fleet", "Round"}
    assert set(aio.__all__) == {"ChronyConnection", *CALLS, *beyond}
    for name in CALLS:
        function, blocking = getattr(aio, name), getattr(pychrony, name)
        assert inspect.iscoroutinefunction(function)
        assert inspect.signature(function) == inspect.signature(blocking)
        method, blocking = getattr(aio.ChronyConnection, name), getattr(ChronyConnection, name)
        assert inspect.iscoroutinefunction(method)
        assert inspect.signature(method) == inspect.signature(blocking)
    assert inspect.signature(aio.ChronyConnection) == inspect.signature(ChronyConnection)


