"""The exceptions alone: message, code, text and copies. The tests of calls show which call raises which exception."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

import pychrony
from pychrony import (
    ChronyConnectionError,
    ChronyDataError,
    ChronyError,
    ChronyLibraryError,
    ChronyPermissionError,
)

if TYPE_CHECKING:
    from tests.support.daemon import Daemon

pytestmark = pytest.mark.blocking_only("the package itself: its exceptions")

CODED = [ChronyError, ChronyConnectionError, ChronyPermissionError, ChronyDataError]


@pytest.mark.parametrize("kind", CODED)
def test_message_and_code_are_attributes_and_text(kind: type[ChronyError]) -> None:
    error = kind("It did not work", -4)
    assert (error.message, error.error_code) == ("It did not work", -4)
    assert str(error) == "It did not work (error code: -4)"
    assert str(kind("Zero is a code too", error_code=0)) == "Zero is a code too (error code: 0)"
    bare = kind(message="No number")
    assert (bare.message, bare.error_code, str(bare)) == ("No number", None, "No number")


def test_a_library_error_has_no_code() -> None:
    error = ChronyLibraryError("libchrony bindings not available")
    assert (error.message, error.error_code) == ("libchrony bindings not available", None)
    assert str(error) == "libchrony bindings not available"
    with pytest.raises(TypeError):
        ChronyLibraryError("with a code", -1)  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        ChronyLibraryError("with a code", error_code=None)  # type: ignore[call-arg]


def test_all_can_be_caught_as_the_base_and_not_as_each_other() -> None:
    kinds = [ChronyConnectionError, ChronyPermissionError, ChronyDataError, ChronyLibraryError]
    assert ChronyError.__bases__ == (Exception,)
    for kind in kinds:
        assert kind.__bases__ == (ChronyError,)
        with pytest.raises(ChronyError, match=r"^caught$"):
            raise kind("caught")


@pytest.mark.parametrize(
    "error",
    [
        ChronyError("plain"),
        ChronyError("coded", 7),
        ChronyConnectionError("not there", -2),
        ChronyPermissionError("not allowed", -3),
        ChronyDataError("not right", -5),
        ChronyLibraryError("not installed"),
    ],
    ids=repr,
)
def test_copies_are_whole(error: ChronyError) -> None:
    pickled = [pickle.loads(pickle.dumps(error, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    for twin in (copy.copy(error), copy.deepcopy(error), *pickled):
        assert type(twin) is type(error)
        assert (twin.message, twin.error_code, str(twin)) == (error.message, error.error_code, str(error))


RAISING: dict[str, Callable[[str], object]] = {
    "a function without a cause": lambda address: pychrony.get_report("nonsense", address),
    "a function with a cause": lambda _: pychrony.get_tracking("/nowhere/chronyd.sock"),
    "a connection": lambda _: pychrony.ChronyConnection("127.0.0.1:0:0"),
}


@pytest.mark.parametrize("call", RAISING.values(), ids=RAISING.keys())
def test_the_exception_that_is_being_handled_is_told(call: Callable[[str], object], scripted: Daemon) -> None:
    """As usual in Python, a traceback shows it unless there is a cause."""
    handled = LookupError("handled")
    try:
        raise handled
    except LookupError:
        with pytest.raises(ChronyError) as caught:
            call(scripted.socket)
    assert caught.value.__context__ is handled
    assert handled.__context__ is None
    assert caught.value.__suppress_context__ == (caught.value.__cause__ is not None)
    with pytest.raises(ChronyError) as alone:
        call(scripted.socket)
    assert alone.value.__context__ is None
