"""Threads that share a connection take turns in the order of arrival. All wait about equally long, and none fails."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.waiting import was_stalled

from pychrony import ChronyConnection, ChronyConnectionError

if TYPE_CHECKING:
    from tests.support.daemon import Daemon

pytestmark = pytest.mark.blocking_only("measures benches/cases/crowd.py, whose threads block")

THREADS = 32
#: The code of the request for tracking.
TRACKING = 33


def test_turns_go_by_arrival(scripted: Daemon, crowd: Callable[..., list[dict[str, Any]]]) -> None:
    """A wait is counted in other threads' calls, because its time depends on the machine. Without turns, it is long.

    A busy machine can delay the end of a thread's call, and so its next turns.
    """
    scripted.say('values {"sources": 100}')
    [figures] = crowd("shared", scripted.socket, f"--callers={THREADS}", "--seconds=3")
    assert figures["errors"] == 0, figures
    assert figures["most_passed"] <= 3 * THREADS, figures
    assert figures["least_calls"] >= 0.8 * figures["most_calls"], figures


def test_an_error_tells_the_wait_for_a_turn_from_the_wait_for_chronyd(
    scripted: Daemon, eventually: Callable[..., None]
) -> None:
    def requests() -> int:
        return int(scripted.say("requests")["requests"].get(str(TRACKING), 0))

    def fail() -> str:
        scripted.say("clear")
        with ChronyConnection(scripted.socket, timeout=3) as connection, ThreadPoolExecutor(1) as pool:
            before = requests()
            scripted.say("fault delay 1.5")
            first = pool.submit(connection.get_tracking)
            eventually(lambda: requests() > before, "the first request")
            scripted.say("fault silence")
            # This call waits for its turn for half of its time.
            with pytest.raises(ChronyConnectionError) as caught:
                connection.get_tracking()
            assert first.result().stratum == 2
        return caught.value.message

    message = fail()
    if not was_stalled(message):
        assert "within 3s" not in message
        assert "other threads" in message
