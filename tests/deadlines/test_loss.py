"""Lost datagrams cost round trips and not seconds, and a list survives a few of them."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import Report, defaults, each_list_shape

from pychrony import ChronyConnection, ChronyConnectionError

if TYPE_CHECKING:
    from tests.support.daemon import Daemon

#: In seconds: long enough to distinguish round trips from the delays of a busy machine.
ROUND_TRIP = 0.1


@each_list_shape
@pytest.mark.parametrize("what", ["answers", "requests"])
def test_a_list_of_950_survives_a_loss_of_one_percent(what: str, report: Report, scripted: Daemon) -> None:
    """Several lists at once, so that the test takes the time of one."""
    scripted.say(defaults(950))

    def read(lanes: int) -> Any:  # noqa: ANN401
        with ChronyConnection(scripted.udp, timeout=8, parallel=lanes) as connection:
            return report.of(connection)()

    whole = read(8)
    assert len(report.records(whole)) == 950
    for fault in (f"only {report.request}", "loss 1", "seed 1", *(["unheard"] if what == "requests" else [])):
        scripted.say(f"fault {fault}")
    with ThreadPoolExecutor(6) as pool:
        assert all(records == whole for records in pool.map(read, [1, 1, 8, 8, 8, 8]))


def requests(daemon: Daemon) -> int:
    """Return the number of requests that the daemon has received."""
    return sum(daemon.say("requests")["requests"].values())


def cost_of_a_loss(read: Callable[[], object], daemon: Daemon, loss: str) -> float:
    """Return the number of round trips that a loss adds to a call. A busy machine slows some calls, but not all."""

    def measure() -> tuple[float, int]:
        before, start = requests(daemon), time.monotonic()
        read()
        return time.monotonic() - start, requests(daemon) - before

    usual = [measure() for _ in range(3)]
    lossy = []
    for _ in range(3):
        daemon.say(f"fault {loss}")
        lossy.append(measure())
    assert min(asked for _, asked in lossy) > min(asked for _, asked in usual)
    return (min(lossy)[0] - min(usual)[0]) / ROUND_TRIP


def test_the_retransmission_timeout_follows_the_measured_round_trip(scripted: Daemon) -> None:
    scripted.say(f"fault delay {ROUND_TRIP}")
    with ChronyConnection(scripted.udp) as connection:
        # The timeout is the smoothed round trip plus four times its deviation, which is small by then.
        assert cost_of_a_loss(connection.get_tracking, scripted, "drop 1") < 5


@pytest.mark.parametrize("lanes", [1, 3])
def test_a_loss_in_a_list_costs_a_few_round_trips(lanes: int, scripted: Daemon) -> None:
    scripted.say('values {"sources": 12}')
    scripted.say(f"fault delay {ROUND_TRIP}")
    with ChronyConnection(scripted.udp, parallel=lanes) as connection:
        # The answer to the twelfth request is lost.
        assert cost_of_a_loss(connection.get_sources, scripted, "loss 9") < 5


@each_list_shape
@pytest.mark.parametrize("transport", ["socket", "udp"])
def test_an_error_in_a_list_says_how_much_of_it_had_been_read(transport: str, report: Report, scripted: Daemon) -> None:
    scripted.say(defaults(300))

    def numbers() -> set[str]:
        with ChronyConnection(getattr(scripted, transport), timeout=1.2, parallel=1) as connection:
            report.of(connection)()
            for fault in (f"only {report.request}", "after 137", "silence"):
                scripted.say(f"fault {fault}")
            with pytest.raises(ChronyConnectionError) as caught:
                report.of(connection)()
            scripted.say("clear")
        return set(re.findall(r"\d+", caught.value.message))

    found = numbers()
    # Over UDP, a retransmitted request may use up one of the answers, but not each time.
    for _ in range(0 if transport == "socket" else 4):
        if "137" not in found:
            found = numbers()
    assert {"137", "300"} <= found
