"""Waiting for conditions and measuring calls, on a machine that is busy."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from pychrony import ChronyConnectionError

#: Nothing that is started or asked in the tests takes nearly as long; this is for a machine in trouble.
PATIENCE = 30.0


def wait_until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait until the condition holds; fail with `what` if it does not in time."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, f"not within {patience} s: {what}"
        time.sleep(0.005)


Result = TypeVar("Result")


def punctually(call: Callable[[], Result], seconds: float, slack: float = 0.2, tries: int = 12) -> Result:
    """Call until it takes the given time, and at most `slack` more; return its result then.

    Every call has to take that time at least. A machine that is busy, or that shares its processors with others, can
    make some calls late; it cannot make all of them late, and it never makes one early.
    """
    taken = []
    for _ in range(tries):
        before = time.monotonic()
        result = call()
        taken.append(time.monotonic() - before)
        assert taken[-1] >= seconds, f"too early: after {taken[-1]} s of {seconds} s"
        if taken[-1] < seconds + slack:
            return result
    raise AssertionError(f"always too late: after {taken} s instead of {seconds} s")


def undisturbed(call: Callable[[], Result], tries: int = 6) -> Result:
    """Call until what it returns does not say that this process itself did not run; return that.

    A call that ends without an answer says so if its process was stalled, in place of what it says otherwise.
    """
    result = call()
    for _ in range(tries - 1):
        if "this process itself did not run" not in str(result):
            break
        result = call()
    return result


def answered(call: Callable[[], Result], tries: int = 20) -> Result:
    """Call until there is an answer, and return it: a busy machine can be late for a short deadline, not each time."""
    for _ in range(tries - 1):
        with contextlib.suppress(ChronyConnectionError):
            return call()
    return call()


def has_socket(pid: int) -> bool:
    """Whether a process has a socket open, which a child of `Python` has only while it waits for chronyd."""
    with contextlib.suppress(FileNotFoundError):
        return any(
            str(entry.readlink()).startswith("socket:")
            for entry in Path(f"/proc/{pid}/fd").iterdir()
            if entry.is_symlink()
        )
    return False
