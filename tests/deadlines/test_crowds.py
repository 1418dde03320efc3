"""Many callers at once: threads that open and close, and processes that share a chronyd's command port.

Times also depend on the load of the machine, so rates and times are compared over several runs. An error in any run
fails the test.
"""

from __future__ import annotations

from collections.abc import Callable
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start
    from tests.support.programs import Python

pytestmark = pytest.mark.blocking_only("measures benches/cases/crowd.py, whose threads block")

Crowd = Callable[..., list[dict[str, Any]]]


def test_one_shot_calls_from_many_threads_do_not_collapse(start: Start, crowd: Crowd) -> None:
    # libchrony creates folders next to the socket, which is slow on a disk.
    chronyd = start("chronyd", wrapper=["env", "TESTBED_FOLDER=/dev/shm"])
    ratios: list[float] = []
    sleeps: list[float] = []
    for _ in range(7):
        few, many = crowd("one-shot", chronyd.socket, "--callers", "8", "128", "--seconds=0.6", "--threads-only")
        assert few["errors"] == many["errors"] == 0, (few, many)
        ratios.append(many["threads_a_second"] / few["threads_a_second"])
        sleeps.append(many["sleeps_of_a_call"])
    assert median(ratios) >= 0.6, f"the rate of 128 threads in terms of that of 8: {ratios}"
    # A thread that waits to open a socket is woken up, and does not poll.
    assert median(sleeps) < 20, f"how often a thread sleeps in a call: {sleeps}"


def test_what_many_threads_open_at_once_is_not_inherited(pair: Daemon, python: Python) -> None:
    """No thread waits so long that it opens a socket without the lock, and so may not set close-on-exec."""
    for address in (pair.socket, pair.udp):
        assert python("open_at_once.py", address) == "256 True 0\n"


def test_lanes_of_many_processes_leave_room_in_chronyds_buffer(start: Start, crowd: Crowd) -> None:
    """A full buffer loses requests; then a list over several lanes takes longer than over one."""
    lines = [part for number in range(1, 201) for part in ("--line", f"server 127.0.7.{number} offline")]
    chronyd = start("chronyd", "--command-port", *lines)
    ratios: list[float] = []
    # Over UDP, other losses count, too, so a few more runs are allowed.
    while len(ratios) < 3 or (len(ratios) < 6 and median(ratios) > 1.3):
        one, eight = crowd("udp", chronyd.udp, "--callers=96", "--rounds=2", "--lists=2")
        assert one["errors"] == eight["errors"] == 0, (one, eight)
        ratios.append(eight["p99"] / one["p99"])
    assert median(ratios) <= 1.3, f"the slowest lists over eight lanes in terms of those over one: {ratios}"
