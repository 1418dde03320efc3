"""An answer that arrives before the deadline is used, whichever request it answers.

One table: chronyds that answer late by so much, and calls that have so much time. All calls of the table run at once,
each in a thread of its own; the tests look at what became of them.
"""

from __future__ import annotations

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
from tests.support.waiting import answered

import pychrony
from pychrony import ChronyConnection, ChronyError

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.daemon import Daemon, Start

#: By timeout, the delays that leave time enough. A busy machine takes some of what is left.
TABLE = {
    0.2: (0.0, 0.05, 0.12),
    0.5: (0.0, 0.12, 0.3),
    1.0: (0.3, 0.6, 0.8),
    2.0: (0.6, 1.2, 1.7),
    3.0: (1.2, 1.7, 2.5),
    5.0: (1.2, 2.5, 3.5, 4.5),
}
DELAYS = sorted({delay for delays in TABLE.values() for delay in delays})
#: Two candidates where it is a name: localhost is 127.0.0.1 and ::1, and the daemons listen on both.
PLACES = ("unix", "udp", "localhost")
#: The code of the request for tracking.
TRACKING = 33


def function(address: str, timeout: float, _: threading.Barrier) -> object:
    """A call of a function."""
    return pychrony.get_tracking(address, timeout=timeout)


def first_calls(address: str, timeout: float, _: threading.Barrier) -> object:
    """The first calls of a connection: entering it, and reading."""
    with ChronyConnection(address, timeout=timeout) as connection:
        return connection.get_tracking()


def later_call(address: str, timeout: float, ready: threading.Barrier) -> object:
    """A call of a connection that has known a chronyd without delays."""
    connection = ChronyConnection(address, timeout=timeout)
    answered(connection.__enter__)
    try:
        answered(connection.get_tracking)
        ready.wait()
        # The delays begin.
        ready.wait()
        return connection.get_tracking()
    finally:
        connection.__exit__(None, None, None)


CALLS = {"function": function, "first calls": first_calls, "later call": later_call}
#: How many answers each waits for once the delays have begun.
ANSWERS = {"function": 1, "first calls": 2, "later call": 1}


@dataclass(frozen=True)
class Cell:
    """One call of the table."""

    place: str
    call: str
    timeout: float
    delay: float


# Two delays one after the other shall not take longer than the longest.
CELLS = [
    Cell(place, call, timeout, delay)
    for place in PLACES
    for call in CALLS
    for timeout, delays in TABLE.items()
    for delay in delays
    if call != "first calls" or delay <= 2.5
]


@dataclass
class Outcome:
    """What became of calls."""

    failed: dict[Cell, str]
    """The words of those that had no answer."""
    requests: Counter[tuple[str, float]]
    """How often each chronyd was asked from the beginning of the delays on."""


@pytest.fixture(scope="module")
def daemons(start_shared: Start) -> dict[tuple[str, float], Daemon]:
    """A scripted chronyd for each place and delay."""
    return {(place, delay): start_shared("scripted") for place in PLACES for delay in DELAYS}


def address_of(daemon: Daemon, place: str) -> str:
    """The address of a daemon at a place."""
    return {"unix": daemon.socket, "udp": daemon.udp, "localhost": daemon.udp.replace("127.0.0.1", "localhost")}[place]


def requests(daemon: Daemon) -> int:
    """How often it was asked for tracking."""
    return int(daemon.say("requests")["requests"].get(str(TRACKING), 0))


def run(cells: list[Cell], daemons: dict[tuple[str, float], Daemon]) -> Outcome:
    """Make all calls at once."""
    later = sum(cell.call == "later call" for cell in cells)
    ready = threading.Barrier(later + 1)
    begin = threading.Event()

    def call(cell: Cell) -> str | None:
        address = address_of(daemons[cell.place, cell.delay], cell.place)
        if cell.call != "later call":
            begin.wait()
        try:
            CALLS[cell.call](address, cell.timeout, ready)
        except ChronyError as error:
            return str(error)
        return None

    with ThreadPoolExecutor(len(cells)) as pool:
        futures = {cell: pool.submit(call, cell) for cell in cells}
        try:
            ready.wait(30)
            before = {key: requests(daemon) for key, daemon in daemons.items()}
            for (_, delay), daemon in daemons.items():
                daemon.say(f"fault delay {delay}")
            ready.wait(30)
        finally:
            begin.set()
        results = {cell: future.result() for cell, future in futures.items()}
    for daemon in daemons.values():
        daemon.say("clear")
    asked = Counter({key: requests(daemon) - before[key] for key, daemon in daemons.items()})
    return Outcome({cell: words for cell, words in results.items() if words is not None}, asked)


@pytest.fixture(scope="module")
def outcome(daemons: dict[tuple[str, float], Daemon]) -> Outcome:
    """The whole table, in two parts: so many calls that begin at once take what the short ones have to spare."""
    short, long = (run([cell for cell in CELLS if (cell.timeout < 1) == first], daemons) for first in (True, False))
    return Outcome(short.failed | long.failed, short.requests + long.requests)


@pytest.mark.parametrize("place", PLACES)
def test_every_answer_in_time_is_used(place: str, outcome: Outcome, daemons: dict[tuple[str, float], Daemon]) -> None:
    failed = {cell: words for cell, words in outcome.failed.items() if cell.place == place}
    # A busy machine can be late for some calls, or for all that run at one moment, and not each time.
    for _ in range(4):
        if failed:
            failed = run(list(failed), daemons).failed
    assert not failed, "\n".join(f"{cell}: {words}" for cell, words in failed.items())


def expected(place: str) -> Counter[tuple[str, float]]:
    """How often each chronyd is asked if nothing is sent again."""
    asked: Counter[tuple[str, float]] = Counter()
    for cell in CELLS:
        if cell.place == place:
            # Entering asks nothing on a Unix socket.
            asked[place, cell.delay] += 1 if place == "unix" else ANSWERS[cell.call]
    return asked


def test_nothing_is_sent_again_on_a_unix_socket(outcome: Outcome) -> None:
    """It loses nothing, so a second request could only bring a second answer."""
    asked = expected("unix")
    assert {key: outcome.requests[key] for key in asked} == asked


def test_over_udp_a_further_request_goes_out_beside_the_first(outcome: Outcome) -> None:
    asked = expected("udp")
    for delay in DELAYS[-3:]:
        assert outcome.requests["udp", delay] >= 2 * asked["udp", delay]


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize("answered", ["the first", "the second"])
def test_either_request_may_be_the_one_that_is_answered(
    kept: bool,  # noqa: FBT001
    answered: str,
    start: Start,
    eventually: Callable[..., None],
) -> None:
    """The answer to the other one is lost."""
    daemon = start("scripted")
    with ChronyConnection(daemon.udp) as connection:
        read = connection.get_tracking if kept else lambda: pychrony.get_tracking(daemon.udp)
        before = requests(daemon)
        daemon.say("fault delay 1.5" if answered == "the first" else "fault drop 1")
        with ThreadPoolExecutor(1) as pool:
            future = pool.submit(read)
            if answered == "the first":
                eventually(lambda: requests(daemon) > before, "the first request")
                daemon.say("fault silence")
            assert future.result().stratum == 2
        assert requests(daemon) >= before + 2
