"""Many threads with one connection: the right records, a deadline for each call, and a close that holds for all."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import REPORTS, defaults
from tests.support.waiting import wait_until

from pychrony import ChronyConnection, ChronyConnectionError

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start
    from tests.support.held import Resources

Connect = Callable[..., ChronyConnection]
Eventually = Callable[..., None]
TRANSPORTS = ["socket", "udp"]
#: The code of the request for tracking.
TRACKING = 33


@pytest.fixture
def stopped(start: Start) -> Daemon:
    """A chronyd with a command port, which its test suspends."""
    return start("chronyd", "--command-port", "--line", "local stratum 3")


def in_threads(function: Callable[[int], Any], number: int) -> list[Future[Any]]:
    """Start threads at the same time, and return the futures of their results."""
    barrier = threading.Barrier(number)

    def call(index: int) -> object:
        barrier.wait()
        return function(index)

    pool = ThreadPoolExecutor(number)
    futures = [pool.submit(call, index) for index in range(number)]
    pool.shutdown(wait=False)
    return futures


def naps(thread: int) -> int:
    """Return the number of times that a thread of this process has gone to sleep."""
    status = Path(f"/proc/self/task/{thread}/status").read_text()
    return int(status.partition("\nvoluntary_ctxt_switches:")[2].split()[0])


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_no_wrong_record_in_tens_of_thousands(transport: str, scripted: Daemon, connect: Connect) -> None:
    """Each thread compares every record. None is late, and none gets an error."""
    scripted.say(defaults(450))
    connection = connect(getattr(scripted, transport), timeout=30)
    expected = [(report.of(connection), report.of(connection)()) for report in REPORTS]
    lists = [one for one in expected if isinstance(one[1], list)]
    assert all(len(found) == 450 for _, found in lists)
    assert len({source.address for source in connection.get_sources()}) == 450

    def hammer(index: int) -> int:
        records = 0
        for turn in range(6):
            for read, found in [lists[(index + turn) % len(lists)], *(one for one in expected if one not in lists)]:
                assert read() == found
                records += len(found) if isinstance(found, list) else 1
        return records

    assert sum(future.result() for future in in_threads(hammer, 8)) > 20_000


def test_no_thread_is_left_out(scripted: Daemon, connect: Connect) -> None:
    """Threads that never pause do not keep another one from its turn."""
    connection = connect(scripted.socket, timeout=5)
    end = threading.Event()
    calls = [0] * 3

    def never_pause(number: int) -> None:
        while not end.is_set():
            connection.get_tracking()
            calls[number] += 1

    busy = in_threads(never_pause, len(calls))
    try:
        for _ in range(50):
            connection.get_tracking()
        # A busy machine may start a thread only now.
        wait_until(lambda: all(calls), "each thread has had a turn")
    finally:
        end.set()
    for future in busy:
        future.result()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_waiting_for_a_turn_ends_at_ones_own_deadline(
    transport: str, stopped: Daemon, connect: Connect, timed: Callable[..., Any]
) -> None:
    connection = connect(getattr(stopped, transport), timeout=1.5)
    stopped.say("suspend")

    def fail(_: int) -> tuple[float, str]:
        before = time.monotonic()
        with pytest.raises(ChronyConnectionError) as caught:
            connection.get_tracking()
        assert caught.value.error_code == -1
        return time.monotonic() - before, caught.value.message

    def all_fail() -> list[tuple[float, str]]:
        results = [future.result() for future in in_threads(fail, 6)]
        assert all(taken >= 1.5 for taken, _ in results)
        return results

    results = timed(all_fail, 1.5)
    kept_busy = [message for _, message in results if "other threads or tasks kept the connection" in message]
    assert all(message.startswith("Failed to request tracking report: ") for message in kept_busy)
    silent = [message for _, message in results if "did not " in message]
    assert len(kept_busy) + len(silent) == 6
    assert silent
    stopped.say("resume")
    # chronyd first reads the requests that are still in its queue.
    assert stopped.chronyc("tracking")
    assert connection.get_tracking().stratum == 3


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("threads", [1, 4])
def test_leaving_while_others_are_in_a_call(
    transport: str, threads: int, scripted: Daemon, resources: Resources, eventually: Eventually
) -> None:
    """The calls get chronyd's answers. After that, nothing is open, and the connection has no address."""
    connection = ChronyConnection(getattr(scripted, transport), timeout=30)
    connection.__enter__()
    requests = scripted.say("requests")["requests"].get(str(TRACKING), 0)
    scripted.say("fault delay 0.1")
    futures = in_threads(lambda _: connection.get_tracking().stratum, threads)
    eventually(lambda: scripted.say("requests")["requests"].get(str(TRACKING), 0) > requests, "a call under way")
    connection.__exit__(None, None, None)
    outside = [future.exception() or future.result() for future in futures]
    # A call that begins after the block was left is an error.
    assert {result if isinstance(result, int) else type(result) for result in outside} <= {2, RuntimeError}
    assert 2 in outside
    with pytest.raises(RuntimeError, match="with block"):
        connection.get_tracking()
    resources.assert_none_left()
    assert (connection.address, connection.transport) == (None, None)


@pytest.mark.blocking_only("counts how often a thread sleeps")
def test_leaving_while_others_wait_for_their_turn(
    scripted: Daemon, resources: Resources, eventually: Eventually
) -> None:
    # Over UDP, a request that was not answered is sent again.
    connection = ChronyConnection(scripted.udp, timeout=30)
    connection.__enter__()
    requests = scripted.say("requests")["requests"][str(TRACKING)]
    scripted.say("fault silence")
    begun: list[int] = []

    def call(_: int) -> object:
        begun.append(threading.get_native_id())
        return connection.get_tracking().stratum

    futures = in_threads(call, 2)
    eventually(lambda: scripted.say("requests")["requests"][str(TRACKING)] > requests, "a call under way")
    eventually(lambda: len(begun) == 2, "both threads")
    # A thread that waits in a call wakes up regularly and goes to sleep again.
    asleep = [naps(thread) for thread in begun]
    for thread, number in zip(begun, asleep, strict=True):
        eventually(lambda thread=thread, number=number: naps(thread) > number + 4, "both in their calls")
    connection.__exit__(None, None, None)
    scripted.say("clear")
    assert [future.result() for future in futures] == [2, 2]
    resources.assert_none_left()
    assert (connection.address, connection.transport) == (None, None)


def test_threads_may_enter_and_leave_as_they_like(scripted: Daemon, resources: Resources) -> None:
    scripted.say('values {"sources": 40}')
    connection = ChronyConnection(scripted.socket, timeout=30)

    def use(_: int) -> int:
        for _ in range(60):
            with connection:
                assert connection.get_tracking().stratum == 2
                assert len(connection.get_sources()) == 40
        return 60

    assert sum(future.result() for future in in_threads(use, 6)) == 360
    resources.assert_none_left()
    assert (connection.address, connection.transport) == (None, None)


def test_connections_of_their_own_do_not_wait_for_each_other(
    stopped: Daemon, connect: Connect, timed: Callable[..., Any]
) -> None:
    connections = [connect(stopped.udp, timeout=1.5) for _ in range(6)]
    stopped.say("suspend")

    def fail(index: int) -> None:
        with pytest.raises(ChronyConnectionError):
            connections[index].get_tracking()

    # One after the other they would take 9 s.
    timed(lambda: [future.result() for future in in_threads(fail, 6)], 1.5)
    stopped.say("resume")
    # chronyd first reads the requests that are still in its queue.
    assert stopped.chronyc("tracking")
    assert {connection.get_tracking().stratum for connection in connections} == {3}
