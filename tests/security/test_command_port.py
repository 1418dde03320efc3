"""The processes that can answer at a command port in place of chronyd: those that can bind the port, and no others."""

from __future__ import annotations

import socket
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from tests.support.waiting import assert_unanswered

import pychrony
from pychrony import ChronyConnectionError

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start
    from tests.support.front import Address, Front


@pytest.mark.parametrize("state", ["running", "away"])
def test_a_port_that_needs_no_privilege_can_be_taken(
    state: str, start: Start, scripted: Daemon, other_user: Callable[..., str]
) -> None:
    """Any local user can take it, even while chronyd runs, because chronyd lets others share its port."""
    daemon = start("chronyd", "--command-port")
    assert pychrony.get_tracking(daemon.udp).stratum == 0
    if state == "away":
        daemon.say("terminate")
    scripted.say('values {"tracking": {"stratum": 7}}')
    ports = [str(one.described["command_port"]) for one in (daemon, scripted)]
    assert other_user("squat", *ports) == "ready"
    assert pychrony.get_tracking(daemon.udp).stratum == 7


def test_only_the_port_that_was_asked_can_answer(fronts: list[Front], scripted: Daemon) -> None:
    """Even the right reply, with the right sequence number, does not get through from another port."""
    front = fronts[1]
    scripted.say('values {"tracking": {"stratum": 7}}')

    def from_elsewhere(_own: socket.socket, reply: bytes, client: Address) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
            other.sendto(reply, client)

    front.answer = from_elsewhere

    with pytest.raises(ChronyConnectionError) as caught:
        pychrony.get_tracking(front.address, timeout=0.2)
    assert_unanswered(caught.value.message, "200ms")
    front.answer = front.right
    assert pychrony.get_tracking(front.address).stratum == 7
