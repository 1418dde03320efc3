"""Threads that share a connection take turns by arrival: none waits much longer than the others, none fails."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.conftest import Daemon

Crowd = Callable[..., list[dict[str, Any]]]
THREADS = 32


def test_turns_go_by_arrival(scripted: Daemon, crowd: Crowd) -> None:
    scripted.say('values {"sources": 100}')
    ratios = []
    # The clock also sees what else the machine does: one run of three has to be undisturbed.
    for _ in range(3):
        [figures] = crowd("shared", scripted.socket, f"--callers={THREADS}", "--seconds=1.5")
        assert figures["errors"] == 0, figures
        assert figures["most_calls"] - figures["least_calls"] <= 4, figures
        # While one waits, each of the others has its turn once.
        assert figures["most_passed"] <= 1.5 * THREADS, figures
        ratios.append(figures["ratio"])
        if ratios[-1] <= 1.5:
            return
    raise AssertionError(f"the longest wait in terms of the fair wait: {ratios}")
