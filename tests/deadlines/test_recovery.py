"""Connections that outlive their chronyd: the next call works, on the same object, before its deadline."""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import LIST_SHAPES, SHAPES, defaults
from tests.support.waiting import assert_unanswered

from pychrony import ChronyConnection, ChronyConnectionError, ChronyError

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start
    from tests.support.held import Resources

Connect = Callable[..., ChronyConnection]
Eventually = Callable[..., None]
TRANSPORTS = ["socket", "udp", "udp6"]
SOURCES = [f"127.0.7.{number}" for number in range(1, 101)]
#: The code of the request for a source.
SOURCE = 15


@pytest.fixture(scope="module")
def real(start_shared: Start) -> Daemon:
    """A real chronyd for all tests of this module, with enough sources for several lanes."""
    lines = [part for address in SOURCES for part in ("--line", f"server {address} offline")]
    return start_shared("chronyd", "--command-port", "--line", "local stratum 3", *lines)


def assert_works(connection: ChronyConnection) -> None:
    """Fail unless a short and a long report can be read."""
    assert connection.get_tracking().stratum == 3
    assert [source.address for source in connection.get_sources()] == SOURCES


def assert_complete_soon(connection: ChronyConnection, eventually: Eventually) -> None:
    """Fail unless calls work at once. The list may be short at first, while a new chronyd adds its sources."""
    assert connection.get_tracking().stratum == 3
    eventually(lambda: len(connection.get_sources()) == len(SOURCES), "all sources")
    assert_works(connection)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_after_a_restart_the_next_call_works(
    transport: str, real: Daemon, connect: Connect, eventually: Eventually
) -> None:
    connection = connect(getattr(real, transport), timeout=3)
    assert_works(connection)
    for _ in range(2):
        real.say("restart")
        assert_complete_soon(connection, eventually)
    assert connection.address == getattr(real, transport)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_after_a_restart_the_next_call_may_be_a_long_one(transport: str, real: Daemon, connect: Connect) -> None:
    connection = connect(getattr(real, transport), timeout=3)
    for report in [report for report in LIST_SHAPES if report.is_open or transport == "socket"]:
        assert_works(connection)
        real.say("restart")
        # The list may end early, but has these sources in order. Some reports do not have their addresses.
        found = [
            getattr(record, "address", name) for record, name in zip(report.of(connection)(), SOURCES, strict=False)
        ]
        assert found == SOURCES[: len(found)]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("end", ["kill", "terminate"])
def test_a_dead_chronyd_is_an_error_until_it_is_back(
    transport: str, end: str, real: Daemon, connect: Connect, eventually: Eventually
) -> None:
    address = getattr(real, transport)
    connection = connect(address, timeout=60)
    assert_works(connection)
    real.say(end)
    before = time.monotonic()
    for report in SHAPES:
        with pytest.raises(ChronyConnectionError) as caught:
            report.of(connection)()
        assert caught.value.message.startswith(f"Failed to connect to chronyd at {address}")
        assert caught.value.error_code == (-2 if transport == "socket" and end == "terminate" else -1)
    # A refusal arrives at once: no call waits for its deadline.
    assert time.monotonic() - before < 30
    real.say("restart")
    assert_complete_soon(connection, eventually)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_stopped_chronyd_is_an_error_at_the_deadline(
    transport: str, real: Daemon, connect: Connect, timed: Callable[..., Any], eventually: Eventually
) -> None:
    connection = connect(getattr(real, transport), timeout=1)
    assert_works(connection)

    def fail() -> str:
        with pytest.raises(ChronyConnectionError) as caught:
            connection.get_sources()
        assert caught.value.error_code == -1
        return caught.value.message

    real.say("suspend")
    assert_unanswered(timed(fail, 1), "1s", f"chronyd at {getattr(real, transport)}")
    timed(fail, 1)
    real.say("resume")
    # chronyd still answers the requests that were given up. Their session is gone, or ignores the answers.
    eventually(lambda: real.chronyc("tracking"), "chronyd to answer again")
    assert_works(connection)


@pytest.mark.parametrize("transport", TRANSPORTS[:2])
def test_a_call_that_waits_goes_on_when_chronyd_does(transport: str, real: Daemon, connect: Connect) -> None:
    connection = connect(getattr(real, transport), timeout=30)
    assert_works(connection)
    real.say("suspend")
    found: list[Any] = []
    thread = threading.Thread(target=lambda: found.append(connection.get_sources()))
    thread.start()
    # Long enough for the call to give up the kept session and begin again.
    thread.join(1.3)
    assert thread.is_alive()
    real.say("resume")
    thread.join()
    assert [source.address for source in found[0]] == SOURCES
    assert_works(connection)


def test_the_next_call_works_without_the_clients_own_folders(real: Daemon, connect: Connect) -> None:
    """Another program may clean up next to chronyd's socket. chronyd's answers then no longer reach the client."""
    connection = connect(real.socket, timeout=3)
    for name in ("get_tracking", "get_sources"):
        assert_works(connection)
        folders = real.leftovers()
        assert folders
        for folder in folders:
            shutil.rmtree(real.folder / folder)
        before = time.monotonic()
        getattr(connection, name)()
        assert time.monotonic() - before < 3
        assert_works(connection)
    connection.__exit__(None, None, None)
    assert real.leftovers() == []
    connection.__enter__()


def test_any_of_the_clients_folders_may_go(real: Daemon, connect: Connect) -> None:
    """At worst, one call fails at its deadline, and the next one works."""
    connection = connect(real.socket, timeout=2)
    assert_works(connection)
    number = len(real.leftovers())
    assert number >= 1
    for index in range(number):
        shutil.rmtree(real.folder / real.leftovers()[index])
        before = time.monotonic()
        try:
            connection.get_sources()
        except ChronyConnectionError:
            assert time.monotonic() - before < 5
        assert_works(connection)
        assert len(real.leftovers()) == number


@pytest.mark.parametrize("transport", TRANSPORTS[:2])
@pytest.mark.parametrize("lanes", [1, 8])
def test_chronyd_may_go_away_in_the_middle_of_a_list(
    transport: str, lanes: int, scripted: Daemon, resources: Resources, eventually: Eventually
) -> None:
    scripted.say(defaults(200))
    connection = ChronyConnection(getattr(scripted, transport), timeout=8, parallel=lanes)
    with connection:
        whole = connection.get_sources()
        assert len(whole) == 200
        requests = scripted.say("requests")["requests"][str(SOURCE)]
        # The call reads half of the list, and then chronyd is silent.
        scripted.say(f"fault only {SOURCE}")
        scripted.say("fault after 100")
        scripted.say("fault silence")
        errors: list[ChronyError] = []

        def read() -> None:
            try:
                connection.get_sources()
            except ChronyError as error:
                errors.append(error)

        thread = threading.Thread(target=read)
        thread.start()
        eventually(lambda: scripted.say("requests")["requests"][str(SOURCE)] > requests + 100, "half of the list")
        scripted.say("die")
        thread.join()
        [error] = errors
        assert isinstance(error, ChronyConnectionError)
        assert error.message.startswith(("Failed to process sources response", "Failed to request sources report"))
        scripted.say("clear")
        scripted.say("come-back")
        assert connection.get_sources() == whole
        assert connection.get_tracking().stratum == 2
    resources.assert_none_left()
