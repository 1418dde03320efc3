"""Fleets without an event loop."""

from __future__ import annotations

import functools
import os
import pickle
import time
from ipaddress import IPv4Address
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import REPORTS
from tests.support.waiting import assert_unanswered

import pychrony
from pychrony import ChronyConnectionError, ChronyDataError, Fleet, TrackingStatus, aio, get_sources, get_tracking

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.daemon import Daemon, Start

pytestmark = pytest.mark.blocking_only("aio.Fleet has tests of its own")

COUNT = 50


@pytest.fixture(scope="module")
def daemons(start_shared: Start) -> Daemon:
    """Many chronyds in one process."""
    return start_shared("fleet", "--count", str(COUNT), "--sources", "3")


@pytest.fixture
def addresses(daemons: Daemon) -> list[str]:
    """The addresses of the daemons, which all answer at once."""
    for command in ("come all", "delay 0 all", "loss 0"):
        daemons.say(command)
    first = IPv4Address(daemons.described["first"])
    return [f"{first + number}:{daemons.described['command_port']}" for number in range(COUNT)]


def is_own(result: pychrony.FleetResult[Any]) -> bool:
    """Return True if the daemon at this address has sent the status."""
    status = result.value
    return isinstance(status, TrackingStatus) and status.reference_ip == str(result.address).partition(":")[0]


def test_each_address_comes_once_in_each_round(addresses: list[str]) -> None:
    with Fleet(addresses, timeout=20) as fleet:
        for _ in range(2):
            found = list(fleet.read(get_tracking))
            assert sorted(result.index for result in found) == list(range(COUNT))
            assert all(result.address == addresses[result.index] for result in found)
            assert all(map(is_own, found))


def test_several_reports_are_a_tuple(scripted: Daemon, server: Daemon) -> None:
    expected = tuple(report.function(scripted.socket) for report in REPORTS)
    functions: tuple[Any, ...] = tuple(report.function for report in REPORTS)
    with Fleet([Path(server.socket), server.udp]) as fleet:
        assert [result.value for result in fleet.read(*functions)] == [expected] * 2


def test_reports_can_be_chosen_by_name(scripted: Daemon) -> None:
    expected = [pychrony.get_report(name, scripted.socket) for name in ("sources", "tracking")]
    with Fleet([scripted.socket]) as fleet:
        assert [result.value for result in fleet.read("sources", "tracking")] == [tuple(expected)]
        with pytest.raises(ChronyDataError, match="nonsense"):
            fleet.read("nonsense")
        assert [result.value for result in fleet.read("tracking")] == expected[1:]


def test_what_fails_is_the_result_of_its_address(addresses: list[str], daemons: Daemon) -> None:
    daemons.say("leave 7")
    with Fleet([*addresses, "127.0.0.1:0:0", "/nowhere/chronyd.sock"], timeout=1) as fleet:
        start = time.monotonic()
        failed = {result.address: result.value for result in fleet.read(get_tracking) if not is_own(result)}
        # All addresses share one timeout.
        assert time.monotonic() - start < 2 * 1
    assert set(failed) == {addresses[7], "127.0.0.1:0:0", "/nowhere/chronyd.sock"}
    assert all(isinstance(error, ChronyConnectionError) for error in failed.values())
    assert_unanswered(str(failed[addresses[7]]), "1s", f"chronyd at {addresses[7]}")


def test_a_fleet_opens_when_it_is_read_and_is_closed_until_it_is_opened(scripted: Daemon) -> None:
    fleet = Fleet([scripted.socket])
    assert (fleet.closed, fleet.descriptors, repr(fleet)) == (False, None, "<Fleet of 1 addresses>")
    assert [type(result.value) for result in fleet.read(get_tracking)] == [TrackingStatus]
    assert fleet.descriptors is not None
    assert scripted.leftovers() != []
    fleet.close()
    assert fleet.closed
    assert scripted.leftovers() == []
    with pytest.raises(RuntimeError, match=r"closed; open it again with its method open\(\)"):
        fleet.read(get_tracking)
    with fleet:
        assert len(list(fleet.read(get_tracking))) == 1
    with pytest.raises(TypeError, match="cannot pickle"):
        pickle.dumps(fleet)


def test_a_further_round_ends_the_one_before(addresses: list[str], daemons: Daemon) -> None:
    daemons.say("delay 0.5 9")
    with Fleet(addresses) as fleet:
        first = fleet.read(get_tracking)
        next(first)
        second = fleet.read(get_tracking)
        with pytest.raises(RuntimeError, match="the round has ended"):
            list(first)
        assert sum(map(is_own, second)) == COUNT


def test_a_fleet_that_is_not_closed_is_told_and_closed(scripted: Daemon) -> None:
    fleet = Fleet([scripted.socket])
    assert len(list(fleet.read(get_tracking))) == 1
    with pytest.warns(ResourceWarning, match="^unclosed <Fleet of 1"):
        del fleet
    assert scripted.leftovers() == []


def test_a_child_opens_its_own_sockets(addresses: list[str], in_child: Callable[[Callable[[], bool]], bool]) -> None:
    with Fleet(addresses) as fleet:
        assert sum(map(is_own, fleet.read(get_tracking))) == COUNT
        assert in_child(lambda: sum(map(is_own, fleet.read(get_tracking))) == COUNT)
        assert sum(map(is_own, fleet.read(get_tracking))) == COUNT


def test_what_is_no_report_is_refused(addresses: list[str]) -> None:
    @functools.wraps(get_tracking)
    def decorated() -> TrackingStatus:
        return get_tracking()

    unfit: list[tuple[Any, ...]] = [(), (print,), (decorated,), (functools.partial(get_tracking),), (aio.get_tracking,)]
    with Fleet(addresses) as fleet:
        for reports in unfit:
            with pytest.raises(TypeError, match="such as get_tracking"):
                fleet.read(*reports)
        with pytest.raises(TypeError, match="either all by functions or all by names"):
            fleet.read(get_sources, "tracking")  # type: ignore[call-overload]


@pytest.fixture
def in_child() -> Callable[[Callable[[], bool]], bool]:
    """Return the result of a function that runs in a forked child."""

    def run(function: Callable[[], bool]) -> bool:
        child = os.fork()
        if child == 0:
            status = 1
            try:
                status = 0 if function() else 1
            finally:
                os._exit(status)
        return os.waitpid(child, 0)[1] == 0

    return run
