"""A connection and child processes: each process has its own socket, which the end of another does not affect."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.reports import Report, each_shape

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start
    from tests.support.programs import Python

pytestmark = pytest.mark.blocking_only("no thread of a child runs the loop; tests/aio/test_processes.py has forks")

Eventually = Callable[..., None]
TRANSPORTS = ["socket", "udp"]


@pytest.fixture(scope="module")
def real(start_shared: Start) -> Daemon:
    """A real chronyd with enough sources for several lanes."""
    lines = [part for number in range(1, 61) for part in ("--line", f"server 127.0.7.{number} offline")]
    return start_shared("chronyd", "--command-port", "--line", "local stratum 3", *lines)


@pytest.fixture(params=TRANSPORTS)
def run(request: pytest.FixtureRequest, real: Daemon, python: Python) -> Callable[..., None]:
    """Run a case of `forks.py` with the chronyd's address. The program must not leave a folder."""

    def run_one(case: str, *arguments: str) -> None:
        address = getattr(real, request.param)
        assert python("forks.py", case, address, str(real.folder), "60", *arguments) == "done\n"
        assert real.leftovers() == []

    return run_one


def test_a_child_reads_through_a_socket_of_its_own(run: Callable[..., None]) -> None:
    run("a_socket_of_its_own")


@each_shape
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_parent_and_child_read_reports_of_each_shape(
    transport: str, report: Report, scripted: Daemon, python: Python
) -> None:
    arguments = (getattr(scripted, transport), str(scripted.folder), "3", report.call)
    assert python("forks.py", "one_report", *arguments) == "done\n"


def test_parent_and_child_read_in_turns_and_at_once(run: Callable[..., None]) -> None:
    """Neither gets the other's answers, whichever ends first."""
    run("at_once")


@pytest.mark.parametrize("end", ["undone", "at once", "orderly", "dropped"])
def test_a_child_that_never_calls_harms_nothing(end: str, run: Callable[..., None]) -> None:
    run("never_called", end)


def test_the_parent_may_leave_first(run: Callable[..., None]) -> None:
    run("parent_left_first")


def test_a_grandchild_reads_too(run: Callable[..., None]) -> None:
    run("grandchildren")


def test_a_connection_made_before_and_entered_after_a_fork(run: Callable[..., None]) -> None:
    run("entered_after_a_fork")


def test_children_of_a_process_whose_threads_are_in_calls(run: Callable[..., None]) -> None:
    """Whatever locks the threads held at the fork, the child reads before its deadline."""
    run("threads_in_calls")


def test_children_of_a_process_whose_event_loop_reads_can_exit(run: Callable[..., None]) -> None:
    """On exit, a child closes what the loop was using at the fork."""
    run("event_loop_reads")


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_fork_in_a_signal_handler_during_a_wait(
    transport: str, start: Start, python: Python, eventually: Eventually
) -> None:
    """Parent and child both continue; the child leaves the parent's answer to the parent."""
    daemon = start("chronyd", "--command-port", "--line", "local stratum 3")
    arguments = (getattr(daemon, transport), str(daemon.folder), "0")
    with python.running("forks.py", "in_a_handler", *arguments) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        daemon.say("suspend")
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "reading\n"
        place = Path(f"/proc/{process.pid}/wchan")
        eventually(lambda: any(wait in place.read_text() for wait in ("poll", "packet")), "waiting for chronyd")
        process.send_signal(signal.SIGUSR1)
        assert process.stdout.readline() == "forked\n"
        daemon.say("resume")
        assert process.stdout.readline() == "done\n"
    assert daemon.leftovers() == []
