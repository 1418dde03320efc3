"""Greenlets may call one after the other. A signal handler that switches in the middle of a call gets an error."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.programs import Python

pytestmark = pytest.mark.blocking_only("greenlets switch in a thread that blocks")


@pytest.fixture(params=["function", "connection"])
def run(request: pytest.FixtureRequest, scripted: Daemon, python: Python) -> Callable[..., None]:
    """Run a case of `greenlets.py`. chronyd is slow, so that a signal arrives in the middle of a call."""

    def run_one(case: str, delay: float = 0.3) -> None:
        scripted.say(f"fault delay {delay}")
        assert python("greenlets.py", case, scripted.socket, request.param) == "done\n"
        assert scripted.leftovers() == []

    return run_one


def test_greenlets_that_switch_between_calls_read(run: Callable[..., None]) -> None:
    run("between_calls")


def test_no_other_greenlet_can_call_while_one_is_in_a_call(run: Callable[..., None]) -> None:
    run("during_a_call", delay=0.7)


def test_a_greenlet_that_is_left_in_a_call_can_go_on_or_be_dropped(run: Callable[..., None]) -> None:
    run("left_in_a_call", delay=0.7)


def test_a_scheduler_in_a_handler_gets_errors_and_does_no_harm(run: Callable[..., None]) -> None:
    """Time slices suspend and resume each greenlet at any point."""
    run("time_slices")
