"""Calls leak nothing: no reference, no reference cycle with an exception, no memory."""

from __future__ import annotations

import contextlib
import gc
import re
import sys
import weakref
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import BY_NAME, LISTS, NOTHING, REPORTS, Report, defaults, each_report

import pychrony
import pychrony.models
from pychrony import (
    ChronyConnection,
    ChronyConnectionError,
    ChronyDataError,
    ChronyError,
    ChronyPermissionError,
    LeapStatus,
    SmoothingFlag,
    SourceMode,
    SourceState,
    Transport,
)

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start

pytestmark = pytest.mark.blocking_only("tests/aio/test_memory.py has what the loops keep")

LENGTH = 20
#: Objects that every call uses, or that every record refers to. Their references are counted.
RECORDS = tuple(report.record for report in REPORTS)
CLASSES = (*RECORDS, ChronyConnection, Transport)
ERRORS = (ChronyError, ChronyConnectionError, ChronyDataError, ChronyPermissionError, OSError, RuntimeError)
MEMBERS = (*LeapStatus, *SourceState, *SourceMode, *Transport)
NAMES = tuple(sys.intern(name) for name in {field for kind in RECORDS for field in kind.__annotations__})
#: The most references to one object that other parts of the process may add or drop meanwhile.
STRAY = 5
#: The most freed objects that CPython keeps for reuse. A leak in each call would be more.
FREE_LISTS = 150
MEBIBYTE = 1024 * 1024


@pytest.fixture(scope="module")
def chronyd(start_shared: Start) -> Daemon:
    """A scripted chronyd with more records than one lane reads."""
    daemon = start_shared("scripted")
    daemon.say(defaults(LENGTH))
    daemon.say(NOTHING)
    return daemon


@pytest.fixture
def faults(chronyd: Daemon) -> Iterator[Callable[[str], object]]:
    """Set faults of the scripted chronyd until the test ends."""
    yield lambda fault: chronyd.say(f"fault {fault}")
    chronyd.say("clear")


def counted() -> dict[str, int]:
    """Return the reference counts of the objects that calls share."""
    gc.collect()
    objects = [*CLASSES, *ERRORS, *MEMBERS, *NAMES, None, True, False, 0, "", pychrony.models.__dict__]
    return {f"{thing!r:.60}": sys.getrefcount(thing) for thing in objects}


def resident() -> int:
    """Return the resident memory of this process, in bytes."""
    gc.collect()
    found = re.search(r"^Rss:\s+(\d+) kB", Path("/proc/self/smaps_rollup").read_text(), re.MULTILINE)
    assert found is not None
    return int(found[1]) * 1024


def assert_keeps_nothing(call: Callable[[], object], times: int) -> None:
    """Call this many times, and count references, objects and blocks of memory before and after."""
    for _ in range(20):
        call()
    # The first count creates objects itself.
    counted()
    references, objects, blocks = counted(), len(gc.get_objects()), sys.getallocatedblocks()
    for _ in range(times):
        call()
    gc.collect()
    assert len(gc.get_objects()) - objects < times / 10
    assert sys.getallocatedblocks() - blocks < FREE_LISTS + times / 10
    for name, count in counted().items():
        assert abs(count - references[name]) <= STRAY + times / 10, f"{name}: {references[name]} before, {count} after"


def failing(call: Callable[[], object], kind: type[Exception]) -> Callable[[], None]:
    """Return a function that makes the call, and fails unless that raises an exception of this kind."""

    def fail() -> None:
        with contextlib.suppress(kind):
            raise AssertionError(f"no {kind.__name__}: {call()}")

    return fail


def read(function: Callable[..., object], *arguments: object) -> Callable[[], None]:
    """Return a function that makes the call, and ignores the error of a report that chronyd does not have."""

    def call() -> None:
        with contextlib.suppress(ChronyDataError):
            function(*arguments)

    return call


@pytest.mark.parametrize("transport", ["socket", "udp"])
@each_report
def test_functions_keep_nothing(report: Report, transport: str, chronyd: Daemon) -> None:
    address = getattr(chronyd, transport)
    assert_keeps_nothing(read(report.function, address), 200)


@pytest.mark.parametrize("transport", ["socket", "udp"])
@pytest.mark.parametrize("lanes", [1, 8])
def test_connections_keep_nothing(lanes: int, transport: str, chronyd: Daemon) -> None:
    address = getattr(chronyd, transport)
    with ChronyConnection(address, parallel=lanes) as connection:
        for report in REPORTS:
            assert_keeps_nothing(read(report.of(connection)), 200)
        assert_keeps_nothing(lambda: (connection.address, connection.transport, repr(connection)), 1000)

    def enter_and_leave() -> None:
        with ChronyConnection(address, parallel=lanes) as connection:
            connection.get_sources()

    assert_keeps_nothing(enter_and_leave, 200)


def test_refused_arguments_keep_nothing(chronyd: Daemon) -> None:
    wrong: Any = [None, 1, b"bytes", object()]
    closed = ChronyConnection(chronyd.socket)
    closed.close()
    calls: list[tuple[Callable[[], object], type[Exception]]] = [
        (lambda: pychrony.get_tracking(wrong), TypeError),
        (lambda: pychrony.get_tracking(timeout=0.0), ValueError),
        (lambda: pychrony.get_tracking(timeout=wrong), TypeError),
        (lambda: ChronyConnection(parallel=0), ValueError),
        (lambda: ChronyConnection(parallel=-1), ValueError),
        (lambda: ChronyConnection(wrong), TypeError),
        (lambda: pychrony.get_tracking("[::1]:99999"), ChronyConnectionError),
        (lambda: pychrony.get_tracking("\0"), ChronyConnectionError),
        (closed.get_tracking, RuntimeError),
    ]
    for call, kind in calls:
        assert_keeps_nothing(failing(call, kind), 1000)


def test_absent_chronyds_keep_nothing(chronyd: Daemon) -> None:
    for address in (f"{chronyd.socket}.none", str(chronyd.folder), "127.0.0.1:1"):
        assert_keeps_nothing(failing(lambda: pychrony.get_sources(address), ChronyConnectionError), 300)  # noqa: B023
        assert_keeps_nothing(failing(ChronyConnection(address).__enter__, ChronyConnectionError), 300)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        ("status 2", ChronyPermissionError),
        ("status 1", ChronyDataError),
        ("count -1", ChronyDataError),
        ("truncate 40", ChronyDataError),
        ("reply-code 99", ChronyDataError),
    ],
)
def test_failures_keep_nothing(
    fault: str, kind: type[ChronyError], chronyd: Daemon, faults: Callable[[str], object]
) -> None:
    with ChronyConnection(chronyd.socket) as connection:
        faults(fault)
        assert_keeps_nothing(failing(connection.get_sources, kind), 200)
    assert_keeps_nothing(failing(lambda: pychrony.get_source_stats(chronyd.udp), kind), 200)


def test_deadlines_keep_nothing(chronyd: Daemon, faults: Callable[[str], object]) -> None:
    faults("silence")
    for address in (chronyd.socket, chronyd.udp):
        call = failing(lambda: pychrony.get_tracking(address, timeout=0.002), ChronyConnectionError)  # noqa: B023
        assert_keeps_nothing(call, 200)


def test_few_flags_without_a_name_are_kept(scripted: Daemon) -> None:
    """A chronyd on another machine may send different ones in each response."""
    kept = len(SmoothingFlag._value2member_map_)
    for sent in range(0x10000, 0x10100):
        scripted.say(BY_NAME["smoothing"].values({"flags": sent}))
        flags = pychrony.get_smoothing(scripted.socket).flags
        assert (type(flags), int(flags)) == (SmoothingFlag, sent)
    # Only single bits, and what has names for all bits.
    assert len(SmoothingFlag._value2member_map_) - kept <= 32 + 4


def test_records_go_with_their_last_reference(chronyd: Daemon) -> None:
    gc.disable()
    try:
        with ChronyConnection(chronyd.socket) as connection:
            for report in LISTS:
                records = report.records(report.of(connection)())
                watched = [weakref.ref(record) for record in records]
                assert all(watch() is not None for watch in watched)
                del records
                assert all(watch() is None for watch in watched)
            watch = weakref.ref(connection.get_tracking())
            assert watch() is None
        watch_connection = weakref.ref(connection)
        del connection
        assert watch_connection() is None
    finally:
        gc.enable()


def test_an_exception_keeps_no_record_once_it_is_handled(chronyd: Daemon, faults: Callable[[str], object]) -> None:
    """There is no reference cycle. Even without the garbage collector, the objects of a failed call are freed."""

    def read_until_it_fails() -> list[weakref.ref[Any]]:
        # pytest.raises would make a reference cycle.
        watched: list[weakref.ref[Any]] = []
        try:
            with ChronyConnection(chronyd.socket) as connection:
                first = connection.get_sources()[0]
                watched += [weakref.ref(first), weakref.ref(connection)]
                faults("status 2")
                connection.get_sources()
        except ChronyPermissionError as error:
            watched.append(weakref.ref(error))
        return watched

    gc.collect()
    gc.disable()
    try:
        assert [watch() for watch in read_until_it_fails()] == [None] * 3
    finally:
        gc.enable()


def test_resident_memory_is_flat(chronyd: Daemon) -> None:
    def call(times: int) -> None:
        for _ in range(times):
            pychrony.get_tracking(chronyd.socket)
            pychrony.get_tracking(chronyd.udp)

    def read_often(times: int) -> None:
        for _ in range(times):
            connection.get_tracking()
            connection.get_tracking()

    with ChronyConnection(chronyd.socket) as connection:
        call(250)
        read_often(1000)
        before = resident()
        call(2500)
        read_often(10_000)
        assert resident() - before < MEBIBYTE
