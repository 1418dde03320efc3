"""The exceptions alone: message, code, text and copies. The tests of calls show which call raises which exception."""

from __future__ import annotations

import copy
import json
import pickle
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from tests.support.reports import BY_NAME

import pychrony
from pychrony import (
    ChronyAddressError,
    ChronyConnection,
    ChronyConnectionError,
    ChronyDataError,
    ChronyError,
    ChronyLibraryError,
    ChronyNotAvailableError,
    ChronyPermissionError,
    ChronyTimeoutError,
)

if TYPE_CHECKING:
    from tests.support.daemon import Daemon

pytestmark = pytest.mark.blocking_only("the package itself: its exceptions")

CODED = [
    ChronyError,
    ChronyConnectionError,
    ChronyTimeoutError,
    ChronyAddressError,
    ChronyPermissionError,
    ChronyDataError,
    ChronyNotAvailableError,
]


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
        ChronyTimeoutError("too late", -1, "127.0.0.1:323", "sources", None, 0.5),
        ChronyAddressError("no address", -1, "nowhere:nothing"),
        ChronyNotAvailableError("not there", -4, "/run/chrony/chronyd.sock", "rtcdata"),
    ],
    ids=repr,
)
def test_copies_are_whole(error: ChronyError) -> None:
    pickled = [pickle.loads(pickle.dumps(error, protocol)) for protocol in range(pickle.HIGHEST_PROTOCOL + 1)]
    rebuilt = type(error)(*json.loads(json.dumps(error.args)))
    for twin in (copy.copy(error), copy.deepcopy(error), rebuilt, *pickled):
        assert type(twin) is type(error)
        assert described(twin) == described(error)


def described(error: ChronyError) -> tuple[object, ...]:
    """Return all that an exception tells."""
    parts = (error.message, error.error_code, error.address, error.report, error.field, error.timeout)
    return *parts, error.args, str(error), repr(error)


def test_errors_are_distinguished_without_reading(scripted: Daemon) -> None:
    def raised(call: Callable[[], object]) -> ChronyError:
        with pytest.raises(ChronyError) as caught:
            call()
        error = caught.value
        assert error.args[0] == error.message
        assert described(type(error)(*error.args)) == described(error)
        assert described(pickle.loads(pickle.dumps(error))) == described(error)
        return error

    def parts(error: ChronyError) -> tuple[object, ...]:
        return type(error), error.error_code, error.address, error.report, error.field, error.timeout

    for address in (scripted.socket, scripted.udp):
        scripted.say("fault status 6")
        missing = raised(lambda: pychrony.get_rtc_data(address))  # noqa: B023
        scripted.say("clear")
        assert parts(missing) == (ChronyNotAvailableError, -4, address, "rtcdata", None, None)
        with ChronyConnection(address, timeout=0.2) as connection:
            scripted.say("fault silence")
            late = raised(connection.get_sources)
            scripted.say("clear")
        assert parts(late) == (ChronyTimeoutError, -1, address, "sources", None, 0.2)
        assert isinstance(late, ChronyConnectionError)
        assert isinstance(late, TimeoutError)
        assert late.errno is None
        scripted.say("fault status 2")
        refused = raised(lambda: pychrony.get_tracking(address))  # noqa: B023
        scripted.say("clear")
        assert parts(refused) == (ChronyPermissionError, -3, address, "tracking", None, None)
    scripted.say(BY_NAME["tracking"].values({"stratum": 17}))
    wrong = raised(lambda: pychrony.get_tracking(scripted.socket))
    assert parts(wrong) == (ChronyDataError, -4, scripted.socket, "tracking", "stratum", None)
    typo = raised(lambda: ChronyConnection("127.0.0.1:0:0"))
    assert parts(typo) == (ChronyAddressError, -1, "127.0.0.1:0:0", None, None, None)
    assert isinstance(typo, ValueError)
    nowhere = raised(lambda: pychrony.get_tracking("/nowhere/chronyd.sock"))
    assert parts(nowhere) == (ChronyConnectionError, -2, "/nowhere/chronyd.sock", None, None, None)
    unknown = raised(lambda: pychrony.get_report("nonsense", scripted.socket))
    assert parts(unknown) == (ChronyDataError, -4, None, "nonsense", None, None)


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
