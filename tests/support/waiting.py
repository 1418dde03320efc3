"""Waits for conditions and measures the time of calls, on a busy machine."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

#: A timeout in seconds that is only exceeded on a machine in trouble: nothing in the tests takes nearly as long.
PATIENCE = 30.0


def wait_until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait until the condition holds; fail with `what` if it does not in time."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, f"not within {patience} s: {what}"
        time.sleep(0.005)


Result = TypeVar("Result")


def punctually(call: Callable[[], Result], seconds: float, slack: float = 1.0) -> Result:
    """Call and return the result; fail unless the call takes the given time, and at most `slack` more.

    The slack is for a busy machine. The Rust tests control the clock, and prove deadlines to the nanosecond.
    """
    before = time.monotonic()
    result = call()
    taken = time.monotonic() - before
    assert seconds <= taken < seconds + slack, f"after {taken} s instead of {seconds} s"
    return result


def was_stalled(error: object) -> bool:
    """Return True if an error says that this process itself was stalled, as it may be on a busy machine."""
    return "this process itself did not run for " in str(error)


def assert_unanswered(message: str, timeout: str, *words: str) -> None:
    """Fail unless an error says that chronyd did not answer within the timeout, with these words.

    A process that was itself stalled says so instead.
    """
    if was_stalled(message):
        assert f" of the {timeout} in which chronyd at " in message
    else:
        assert f"did not answer within {timeout}" in message
        for word in words:
            assert word in message


def has_socket(pid: int) -> bool:
    """Return True if a process has a socket open; a child of `Python` has one only while it waits for chronyd."""
    with contextlib.suppress(FileNotFoundError):
        return any(
            str(entry.readlink()).startswith("socket:")
            for entry in Path(f"/proc/{pid}/fd").iterdir()
            if entry.is_symlink()
        )
    return False
