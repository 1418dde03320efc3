"""An answer that arrives before the deadline is used, whichever request it answers.

There is one table of chronyds' delays and calls' timeouts. All calls with long timeouts run at the same time, each in
its own thread. Calls with short timeouts run a few at a time, because a busy machine delays answers, too.
"""

from __future__ import annotations

from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

import pychrony
from pychrony import ChronyConnection

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.daemon import Daemon, Start

#: For each timeout, the delays that leave enough time even on a busy machine.
TABLE = {
    0.2: (0.0, 0.05, 0.1),
    0.5: (0.0, 0.1, 0.3),
    1.0: (0.3, 0.6, 0.7),
    2.0: (0.6, 1.2, 1.6),
    3.0: (1.2, 1.6, 2.5),
    5.0: (1.2, 2.5, 3.5, 4.4),
}
DELAYS = sorted({delay for delays in TABLE.values() for delay in delays})
#: The host name has two addresses: localhost is 127.0.0.1 and ::1, and the daemons listen on both.
PLACES = ("unix", "udp", "localhost")
#: The code of the request for tracking.
TRACKING = 33


@dataclass(frozen=True)
class Cell:
    """One call of the table."""

    place: str
    call: str
    timeout: float
    delay: float


def function(cell: Cell, address: str) -> Callable[[], object]:
    """Return a call of a function."""
    return lambda: pychrony.get_tracking(address, timeout=cell.timeout)


def first_calls(cell: Cell, address: str) -> Callable[[], object]:
    """Return the first calls of a connection: entering it, and reading."""

    def call() -> None:
        with ChronyConnection(address, timeout=cell.timeout) as connection:
            connection.get_tracking()

    return call


def later_call(cell: Cell, address: str) -> Callable[[], object]:
    """Return a call of a connection that has already read from chronyd without a delay."""
    connection = ChronyConnection(address, timeout=cell.timeout)
    connection.__enter__()
    connection.get_tracking()

    def call() -> None:
        try:
            connection.get_tracking()
        finally:
            connection.__exit__(None, None, None)

    return call


#: Each function prepares a call before the delays begin.
CALLS = {"function": function, "first calls": first_calls, "later call": later_call}
#: The number of answers that each call waits for once the delays have begun.
ANSWERS = {"function": 1, "first calls": 2, "later call": 1}


# The first calls wait for two delays. Without the longest delays, that does not make the test much longer.
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
    """The outcome of calls."""

    failed: dict[Cell, str]
    """The errors of the calls that failed."""
    requests: Counter[tuple[str, float]]
    """The number of requests to each chronyd since the beginning of the delays."""


@pytest.fixture(scope="module")
def daemons(start_shared: Start) -> dict[tuple[str, float], Daemon]:
    """A scripted chronyd for each place and delay."""
    return {(place, delay): start_shared("scripted") for place in PLACES for delay in DELAYS}


def address_of(daemon: Daemon, place: str) -> str:
    """Return the address of a daemon at a place."""
    return {"unix": daemon.socket, "udp": daemon.udp, "localhost": daemon.udp.replace("127.0.0.1", "localhost")}[place]


def requests(daemon: Daemon) -> int:
    """Return the number of requests for tracking that the daemon has received."""
    return int(daemon.say("requests")["requests"].get(str(TRACKING), 0))


def run(cells: list[Cell], daemons: dict[tuple[str, float], Daemon], at_once: int) -> Outcome:
    """Make the calls, at most `at_once` at a time."""
    calls = {cell: CALLS[cell.call](cell, address_of(daemons[cell.place, cell.delay], cell.place)) for cell in cells}
    before = {key: requests(daemon) for key, daemon in daemons.items()}
    for (_, delay), daemon in daemons.items():
        daemon.say(f"fault delay {delay}")
    with ThreadPoolExecutor(at_once) as pool:
        futures = {cell: pool.submit(call) for cell, call in calls.items()}
    for daemon in daemons.values():
        daemon.say("clear")
    asked = Counter({key: requests(daemon) - before[key] for key, daemon in daemons.items()})
    errors = {cell: future.exception() for cell, future in futures.items()}
    return Outcome({cell: str(error) for cell, error in errors.items() if error is not None}, asked)


@pytest.fixture(scope="module")
def outcome(daemons: dict[tuple[str, float], Daemon]) -> Outcome:
    """The outcome of the whole table."""
    short = run([cell for cell in CELLS if cell.timeout < 1], daemons, at_once=4)
    long = run([cell for cell in CELLS if cell.timeout >= 1], daemons, at_once=len(CELLS))
    return Outcome(short.failed | long.failed, short.requests + long.requests)


@pytest.mark.parametrize("place", PLACES)
def test_every_answer_in_time_is_used(place: str, outcome: Outcome) -> None:
    failed = [f"{cell}: {words}" for cell, words in outcome.failed.items() if cell.place == place]
    assert not failed, "\n".join(failed)


def expected(place: str) -> Counter[tuple[str, float]]:
    """Return the number of requests that each chronyd receives if nothing is sent again."""
    asked: Counter[tuple[str, float]] = Counter()
    for cell in CELLS:
        if cell.place == place:
            # Entering sends nothing on a Unix socket.
            asked[place, cell.delay] += 1 if place == "unix" else ANSWERS[cell.call]
    return asked


def test_nothing_is_sent_again_on_a_unix_socket(outcome: Outcome) -> None:
    """A Unix socket loses nothing, so a second request could only bring a second answer."""
    asked = expected("unix")
    assert {key: outcome.requests[key] for key in asked} == asked


def test_over_udp_a_further_request_is_sent_while_the_first_is_in_flight(outcome: Outcome) -> None:
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
    """The answer to the other request is lost."""
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
