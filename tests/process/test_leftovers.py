"""Connections leave nothing behind, however they end, and do not grow while they are open."""

from __future__ import annotations

import gc
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.reports import REPORTS, SHAPES, defaults

from pychrony import ChronyConnection, ChronyError

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.held import Resources
    from tests.support.programs import Python

TRANSPORTS = ["socket", "udp"]
#: The length of a list that needs all lanes.
LENGTH = 200


@pytest.fixture
def long(scripted: Daemon) -> Daemon:
    """The scripted chronyd with a long list."""
    scripted.say(defaults(LENGTH))
    return scripted


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_lanes_close_with_the_connection(transport: str, long: Daemon, resources: Resources) -> None:
    for lanes in (1, 2, 8):
        sessions = []
        # Over UDP, lanes may open later on a busy machine, but not each time.
        for _ in range(1 if transport == "socket" else 4):
            with ChronyConnection(getattr(long, transport), parallel=lanes) as connection:
                assert resources.sessions() == 1
                assert len(connection.get_sources()) == LENGTH
                sessions.append(resources.sessions())
                # Lanes may share a socket.
                sockets = resources.opened()
                assert 1 <= sockets <= lanes
                assert len(long.leftovers()) - len(resources.folders) == (sockets if transport == "socket" else 0)
            resources.assert_none_left()
        assert max(sessions) == lanes


@pytest.mark.blocking_only("tests/aio/test_loops.py has connections that are never left")
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_lanes_close_with_the_last_reference(transport: str, long: Daemon, resources: Resources) -> None:
    connection = ChronyConnection(getattr(long, transport))
    connection.__enter__()
    assert len(connection.get_sources()) == LENGTH
    assert resources.sessions() == 8 if transport == "socket" else resources.sessions() in range(1, 9)
    del connection
    gc.collect()
    resources.assert_none_left()


@pytest.mark.blocking_only("tests/aio/test_loops.py has connections that are never left")
def test_a_cycle_of_references_is_collected(long: Daemon, resources: Resources) -> None:
    class Holder:
        """A reference cycle with a connection."""

        def __init__(self) -> None:
            """Enter the connection."""
            self.myself = self
            self.connection = ChronyConnection(long.socket).__enter__()

    holder = Holder()
    assert len(holder.connection.get_sources()) == LENGTH
    del holder
    gc.collect()
    resources.assert_none_left()


def test_functions_close_their_lanes(long: Daemon, resources: Resources) -> None:
    for report in REPORTS * 2:
        for transport in TRANSPORTS:
            assert len(report.records(report.function(getattr(long, transport)))) == (LENGTH if report.is_list else 1)
            resources.assert_none_left()


def test_errors_of_all_kinds_leave_nothing(long: Daemon, resources: Resources) -> None:
    long.say(defaults(40))
    waits = ("silence", "drop 30")
    faults = ("status 1", "status 2", "truncate 40", "count -1", "reply-code 99", *waits)
    for transport in TRANSPORTS:
        for report, fault in itertools.product(SHAPES, faults):
            if fault.startswith("count") and not report.is_list:
                continue
            connection = ChronyConnection(getattr(long, transport), timeout=1 if fault in waits else 10)
            connection.__enter__()
            read = report.of(connection)
            before = read()
            long.say(f"fault {fault}")
            with pytest.raises(ChronyError):
                read()
            assert resources.opened() == 0
            long.say("clear")
            assert read() == before
            connection.__exit__(None, None, None)
            resources.assert_none_left()


ENDS = {
    "at the end": "in_the_program",
    "on exit": "on_exit",
    "in a function": "in_a_function",
    "in a module": "in_a_module",
    "in a cycle": "in_a_cycle",
    "in an exception": "in_an_exception",
    "in an ended thread": "in_an_ended_thread",
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
def test_the_interpreters_end_closes_an_open_connection(end: str, long: Daemon, python: Python) -> None:
    before = long.leftovers()
    assert python("leftovers.py", end, long.socket) == f"{LENGTH}\n"
    assert long.leftovers() == before


def test_the_interpreters_end_during_a_call(long: Daemon, python: Python, eventually: Callable[..., None]) -> None:
    """A daemon thread still waits for its turn, and another for chronyd; neither delays the exit."""

    def tracking() -> int:
        return int(long.say("requests")["requests"].get("33", 0))

    with python.running("leftovers.py", "during_a_call", long.socket) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        requests = tracking()
        long.say("fault silence")
        process.stdin.write("\n")
        process.stdin.flush()
        eventually(lambda: tracking() > requests, "a call under way")
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.wait(10) == 0


def resident() -> int:
    """Return this process's resident memory, in bytes."""
    pages = Path("/proc/self/statm").read_text().split()[1]
    return int(pages) * 4096


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_many_reads_leave_descriptors_and_memory_as_they_were(
    transport: str, long: Daemon, resources: Resources
) -> None:
    with ChronyConnection(getattr(long, transport)) as connection:

        def read(times: int) -> None:
            for index in range(times):
                connection.get_tracking()
                if index % 4000 == 0:
                    assert len(connection.get_sources()) == len(connection.get_source_stats()) == LENGTH

        read(2_000)
        gc.collect()
        descriptors, memory = resources.descriptors(), resident()
        read(18_000 if transport == "socket" else 2_000)
        gc.collect()
        if transport == "socket":
            assert resources.descriptors() == descriptors
        else:
            # On a busy machine, another socket may replace one with a late answer, and lanes may open later.
            assert len(resources.descriptors()) <= len(descriptors) + 2 * 7
        # On a Unix socket, a leak of 20 bytes per read would be more.
        assert resident() - memory < 360_000
    resources.assert_none_left()


def test_entering_often_leaves_memory_as_it_was(long: Daemon, resources: Resources) -> None:
    connection = ChronyConnection(long.socket)

    def enter(times: int) -> None:
        for _ in range(times):
            with connection:
                connection.get_sources()

    enter(20)
    gc.collect()
    memory = resident()
    enter(100)
    gc.collect()
    # A leak of a session would be more than 4 000 bytes each time.
    assert resident() - memory < 360_000
    resources.assert_none_left()
