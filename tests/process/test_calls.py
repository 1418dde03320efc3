"""The effects of calls on their process: descriptors, children, signals and threads."""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any

import pytest
from tests.support.reports import REPORTS
from tests.support.waiting import assert_unanswered

import pychrony

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start
    from tests.support.programs import Python

pytestmark = pytest.mark.blocking_only("threads that block in calls; tests/aio/test_processes.py tests loops")

Eventually = Callable[..., None]
TRANSPORTS = ["socket", "udp"]


def descriptors() -> set[str]:
    """Return this process's descriptors and their targets."""
    found = set()
    for entry in Path("/proc/self/fd").iterdir():
        # Another thread may close a descriptor before its target is read.
        with contextlib.suppress(FileNotFoundError):
            found.add(f"{entry.name} {entry.readlink()}")
    return found


@pytest.fixture
def stopped(start: Start) -> Daemon:
    """A suspended chronyd with a command port."""
    daemon = start("chronyd", "--command-port")
    daemon.say("suspend")
    return daemon


def test_a_thousand_calls_leave_nothing(start: Start) -> None:
    daemon = start("chronyd", "--command-port", "--line", "server 127.0.0.9 offline")
    pychrony.get_tracking(daemon.socket)
    # Close now what earlier tests dropped.
    gc.collect()
    before = descriptors()
    bad = "127.0.0.1:1"
    for index in range(1000):
        address = (daemon.socket, daemon.udp, daemon.udp6, daemon.socket + ".missing", bad)[index % 5]
        report = REPORTS[index // 5 % len(REPORTS)]
        try:
            report.function(address)
        except pychrony.ChronyError:
            there = address == daemon.socket or (report.is_open and address in (daemon.udp, daemon.udp6))
            assert not there or report.unavailable is not None
    assert descriptors() == before
    assert daemon.leftovers() == []


def test_an_interrupted_or_late_call_leaves_nothing(stopped: Daemon) -> None:
    gc.collect()
    before = descriptors()
    for transport in TRANSPORTS:
        for _ in range(5):
            with pytest.raises(pychrony.ChronyConnectionError):
                pychrony.get_sources(getattr(stopped, transport), timeout=0.01)
    assert descriptors() == before
    assert stopped.leftovers() == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_no_child_inherits_a_descriptor(transport: str, stopped: Daemon, eventually: Eventually) -> None:
    """The child is started while a call waits, and again after it, and keeps all that is not close-on-exec."""

    def inherited() -> list[str]:
        script = "readlink /proc/$$/fd/*; true"
        done = subprocess.run(["sh", "-c", script], close_fds=False, stdout=subprocess.PIPE, text=True, check=True)
        return sorted(line for line in done.stdout.splitlines() if line.startswith("socket:"))

    before = inherited()
    own = len(descriptors())
    thread = threading.Thread(target=pychrony.get_tracking, args=(getattr(stopped, transport),))
    thread.start()
    eventually(lambda: len(descriptors()) > own, "the call's socket")
    # Close-on-exec is set in the instant after the socket is opened.
    eventually(lambda: inherited() == before, "a child without the call's socket", patience=1)
    assert len(descriptors()) > own
    stopped.say("resume")
    thread.join()
    assert inherited() == before


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_ctrl_c_interrupts_a_waiting_call(
    transport: str, stopped: Daemon, python: Python, eventually: Eventually, waits_for_chronyd: Callable[[int], bool]
) -> None:
    """Calls are interrupted within 0.1 s. The median and the slack are for a busy machine."""
    delays: list[float] = []
    for _ in range(5):
        with python.running("calls.py", "interrupted", getattr(stopped, transport)) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            eventually(lambda: waits_for_chronyd(child.pid), "the call's socket")
            before = time.monotonic()
            child.send_signal(signal.SIGINT)
            words = child.stdout.readline().strip(' []"\n').split('", ')
            assert words[0] == "interrupted"
            delays.append(float(words[1]) - before)
            assert child.stdout.readline() == "again\n"
    assert median(delays) < 0.3, delays
    assert stopped.leftovers() == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_handler_that_does_not_raise_lets_the_call_go_on(
    transport: str, stopped: Daemon, python: Python, eventually: Eventually, waits_for_chronyd: Callable[[int], bool]
) -> None:
    with python.running("calls.py", "handled", getattr(stopped, transport)) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        eventually(lambda: waits_for_chronyd(child.pid), "the call's socket")
        for _ in range(3):
            child.send_signal(signal.SIGUSR1)
            assert child.stdout.readline() == "handled\n"
        stopped.say("resume")
        assert child.stdout.readline() == "0 [True, True, True]\n"


def test_a_handler_that_raises_is_the_error(
    stopped: Daemon, python: Python, eventually: Eventually, waits_for_chronyd: Callable[[int], bool]
) -> None:
    with python.running("calls.py", "raised", stopped.socket) as child:
        assert child.stdout is not None
        eventually(lambda: waits_for_chronyd(child.pid), "the call's socket")
        child.send_signal(signal.SIGUSR1)
        assert child.stdout.readline() == "from the handler\n"


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_other_threads_run_while_one_waits(transport: str, stopped: Daemon) -> None:
    counted = 0
    end = threading.Event()

    def count() -> None:
        nonlocal counted
        while not end.is_set():
            counted += 1

    thread = threading.Thread(target=count)
    thread.start()
    before = counted
    with pytest.raises(pychrony.ChronyConnectionError):
        pychrony.get_tracking(getattr(stopped, transport), timeout=1.5)
    during = counted - before
    end.set()
    thread.join()
    # If the call held the GIL, the count would be almost 0. Otherwise, it is in the millions.
    assert during > 10_000


def test_waiting_calls_do_not_wait_for_each_other(
    stopped: Daemon, in_threads: Callable[..., list[Any]], timed: Callable[..., Any]
) -> None:
    def call(_: int) -> str:
        with pytest.raises(pychrony.ChronyConnectionError) as caught:
            pychrony.get_tracking(stopped.udp, timeout=0.5)
        return caught.value.message

    # One after the other they would take 4 s.
    for message in timed(lambda: in_threads(call, 8), 0.5):
        assert_unanswered(message, "500ms")


def test_a_child_can_call_whatever_its_parent_was_doing(start: Start, python: Python) -> None:
    lines = [part for index in range(1, 31) for part in ("--line", f"server 127.0.7.{index} offline")]
    daemon = start("chronyd", *lines)
    assert python("calls.py", "forked_among_threads", daemon.socket) == "30 {0}\n"
    assert daemon.leftovers() == []


def test_a_child_that_ends_leaves_its_parents_call_alone(
    stopped: Daemon, python: Python, eventually: Eventually
) -> None:
    """The child inherits the socket on which its parent waits, and must not remove the path that chronyd answers to."""
    with python.running("calls.py", "forked_during_a_call", stopped.socket) as child:
        assert child.stdin is not None
        assert child.stdout is not None
        eventually(stopped.leftovers, "the call's socket")
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.stdout.readline() == "0\n"
        assert len(stopped.leftovers()) == 1
        stopped.say("resume")
        assert child.stdout.readline() == "[0]\n"
    assert stopped.leftovers() == []


def test_a_process_that_ends_during_a_call_does_not_hang(
    stopped: Daemon, python: Python, eventually: Eventually
) -> None:
    """A daemon thread still waits when the interpreter exits."""
    with python.running("calls.py", "ended_during_a_call", stopped.socket) as child:
        assert child.stdin is not None
        eventually(stopped.leftovers, "the call's socket")
        child.stdin.write("\n")
        child.stdin.flush()
        assert child.wait(10) == 0


def test_a_process_without_free_descriptors_gets_an_error(pair: Daemon, python: Python) -> None:
    for address in (pair.socket, pair.udp):
        message = python("calls.py", "out_of_descriptors", address)
        assert message.startswith(f"Failed to connect to chronyd at {address}")
        assert "Too many open files" in message
    assert os.path.exists(pair.socket)  # noqa: PTH110
