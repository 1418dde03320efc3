"""A process that was itself stopped for a while does not blame chronyd."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start
    from tests.support.programs import Python

TRANSPORTS = ["socket", "udp"]
TIMEOUT = 1.0


@pytest.fixture
def scripted(start: Start) -> Daemon:
    """A scripted chronyd."""
    return start("scripted")


def printed_after_a_stop(scripted: Daemon, transport: str, python: Python, eventually: Callable[..., None]) -> str:
    """Stop a process during its call until the deadline has passed, and return the line that it then prints."""
    with python.running("tracking.py", getattr(scripted, transport), str(TIMEOUT)) as process:
        eventually(lambda: scripted.say("requests")["requests"], "a request")
        end = time.monotonic() + TIMEOUT + 0.5
        os.kill(process.pid, signal.SIGSTOP)
        eventually(lambda: time.monotonic() >= end, "the deadline has passed")
        os.kill(process.pid, signal.SIGCONT)
        assert process.stdout is not None
        return process.stdout.readline()


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_answer_that_came_meanwhile_is_used(
    transport: str, scripted: Daemon, python: Python, eventually: Callable[..., None]
) -> None:
    scripted.say("fault delay 0.4")
    assert printed_after_a_stop(scripted, transport, python, eventually) == "2\n"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_the_error_of_silence_meanwhile_has_the_time_that_the_process_did_not_run(
    transport: str, scripted: Daemon, python: Python, eventually: Callable[..., None]
) -> None:
    scripted.say("fault silence")
    message = printed_after_a_stop(scripted, transport, python, eventually)
    assert message.startswith("Failed to process tracking response: this process itself did not run for ")
    assert "of the 1s in which chronyd at" in message
