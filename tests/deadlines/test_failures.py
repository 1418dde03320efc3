"""Real chronyds that are stopped, dead, killed and restarted: the right error in time, and then a call that works."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import LIST_SHAPES, SHAPES
from tests.support.waiting import assert_unanswered

import pychrony
from pychrony import ChronyConnectionError, ChronyError

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start

Eventually = Callable[..., None]
TRANSPORTS = ["socket", "udp", "udp6"]
Timed = Callable[..., Any]


def failure(function: Callable[..., object], address: str, timeout: float) -> ChronyConnectionError:
    """Return the error of a call that has to fail."""
    with pytest.raises(ChronyConnectionError) as caught:
        function(address, timeout=timeout)
    return caught.value


@pytest.fixture
def stopped(start: Start) -> Daemon:
    """A suspended chronyd with a command port and a source."""
    daemon = start("chronyd", "--command-port", "--line", "server 127.0.0.9 offline")
    daemon.say("suspend")
    return daemon


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_stopped_chronyd_is_an_error_at_the_deadline(transport: str, stopped: Daemon, timed: Timed) -> None:
    address = getattr(stopped, transport)
    for timeout, words in ((0.05, "50ms"), (0.4, "400ms"), (1.3, "1.3s")):
        for report in LIST_SHAPES[:1] if timeout > 1 else SHAPES:
            # Let chronyd read its queue, which would otherwise be full.
            stopped.say("resume")
            pychrony.get_tracking(address)
            stopped.say("suspend")
            error = timed(partial(failure, report.function, address, timeout), timeout)
            assert error.error_code == -1
            assert error.message.startswith(f"Failed to process {report} response: ")
            # A request is sent again after a second over UDP, and never on a Unix socket.
            sent = f"({2 if timeout > 1 and transport != 'socket' else 1} request"
            assert_unanswered(error.message, words, f"chronyd at {address}", sent)
    stopped.say("resume")
    assert not pychrony.get_tracking(address).is_synchronized()
    assert [source.address for source in pychrony.get_sources(address)] == ["127.0.0.9"]
    assert stopped.leftovers() == []


def test_a_full_queue_is_an_error_at_the_deadline_too(stopped: Daemon, timed: Timed) -> None:
    """A Unix socket that chronyd does not read holds a few requests. After that, sending waits until the deadline."""
    messages = set()
    for _ in range(25):
        error = timed(partial(failure, pychrony.get_tracking, stopped.socket, 0.05), 0.05)
        messages.add(error.message.split(":")[0])
    assert messages == {"Failed to process tracking response", "Failed to request tracking report"}
    stopped.say("resume")
    pychrony.get_tracking(stopped.socket)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_call_that_waits_goes_on_when_chronyd_does(transport: str, stopped: Daemon, eventually: Eventually) -> None:
    found: list[object] = []
    thread = threading.Thread(target=lambda: found.append(pychrony.get_sources(getattr(stopped, transport))))
    thread.start()
    if transport == "socket":
        eventually(stopped.leftovers, "the client's socket")
    stopped.say("resume")
    thread.join()
    assert len(found) == 1


@pytest.mark.parametrize("transport", ["udp", "udp6"])
def test_a_dead_port_is_an_error_every_time(transport: str, start: Start, timed: Timed) -> None:
    daemon = start("chronyd", "--command-port")
    address = getattr(daemon, transport)
    daemon.say("terminate")
    for report in SHAPES * 2:
        for _ in range(2):
            # A refusal arrives at once: the call does not wait for its deadline.
            error = timed(partial(failure, report.function, address, 60), 0)
            assert error.error_code == -1
            assert error.message.startswith(f"Failed to connect to chronyd at {address}")
            assert isinstance(error.__cause__, ConnectionRefusedError)


def test_between_calls_chronyd_may_be_killed_and_restarted(start: Start) -> None:
    daemon = start("chronyd", "--command-port", "--line", "local stratum 3")
    addresses = (daemon.socket, daemon.udp, daemon.udp6)
    for end, code in (("kill", -1), ("terminate", -2)):
        for address in addresses:
            assert pychrony.get_tracking(address).stratum == 3
        daemon.say(end)
        for address in addresses:
            with pytest.raises(ChronyConnectionError) as caught:
                pychrony.get_tracking(address)
            assert caught.value.error_code == (code if address == daemon.socket else -1)
            assert caught.value.message.startswith(f"Failed to connect to chronyd at {address}")
        daemon.say("restart")
    for address in addresses:
        assert pychrony.get_tracking(address).stratum == 3


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("end", ["kill", "restart"])
def test_chronyd_may_die_during_a_call(transport: str, end: str, stopped: Daemon, eventually: Eventually) -> None:
    """The call waits for a chronyd that will never answer. It may ask the restarted chronyd, and otherwise fails."""
    errors: list[ChronyError] = []
    found: list[object] = []

    def call() -> None:
        try:
            found.append(pychrony.get_tracking(getattr(stopped, transport), timeout=2))
        except ChronyError as error:
            errors.append(error)

    thread = threading.Thread(target=call)
    thread.start()
    if transport == "socket":
        eventually(stopped.leftovers, "the client's socket")
    stopped.say(end)
    thread.join()
    if end == "kill":
        assert found == []
    for error in errors:
        assert isinstance(error, ChronyConnectionError)
        # During a restart, the path is missing for a moment, and the call may connect in that moment.
        assert error.error_code in ((-1,) if end == "kill" else (-1, -2))
    assert len(found) + len(errors) == 1
    if end == "kill":
        stopped.say("restart")
    assert not pychrony.get_tracking(getattr(stopped, transport)).is_synchronized()


def test_restarts_during_many_calls_give_good_results_or_connection_errors(start: Start) -> None:
    addresses = [f"127.0.7.{index}" for index in range(1, 61)]
    lines = [part for address in addresses for part in ("--line", f"server {address} offline")]
    daemon = start("chronyd", "--command-port", *lines)
    end = threading.Event()
    good: dict[str, int] = {}
    wrong: list[object] = []

    def read(address: str) -> None:
        while not end.is_set():
            try:
                found = [source.address for source in pychrony.get_sources(address, timeout=3)]
            except ChronyConnectionError:
                continue
            except ChronyError as error:
                wrong.append(error)
                continue
            # A chronyd that has just started may still be adding its sources.
            if found != addresses[: len(found)]:
                wrong.append(found)
            good[address] = good.get(address, 0) + (len(found) == len(addresses))

    threads = [threading.Thread(target=read, args=(address,)) for address in (daemon.socket, daemon.udp, daemon.udp6)]
    for thread in threads:
        thread.start()
    try:
        for command in ("restart", "kill", "restart", "terminate", "restart", "kill", "restart"):
            before = dict(good)
            daemon.say(command)
            if command == "restart":
                deadline = time.monotonic() + 20
                while any(good.get(address, 0) <= before.get(address, 0) for address in (daemon.socket, daemon.udp)):
                    assert time.monotonic() < deadline, f"no good call after a restart: {before} {good}"
                    end.wait(0.005)
    finally:
        end.set()
        for thread in threads:
            thread.join()
    assert wrong == []
    assert set(good) == {daemon.socket, daemon.udp, daemon.udp6}
