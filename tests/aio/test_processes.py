"""Forks, workers, signals and exits. Parent and child do not touch each other's sockets, and nothing is left."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest
from tests.support.programs import PROGRAMS

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.programs import Python

Eventually = Callable[..., None]
TRANSPORTS = ["socket", "udp"]
LOOPS = ["asyncio", "uvloop"]
PATIENCE = 60.0


@pytest.fixture(params=[(loop, transport) for loop in LOOPS for transport in TRANSPORTS], ids="-".join)
def program(request: pytest.FixtureRequest, scripted: Daemon, python: Python) -> Callable[[str], str]:
    """Run a case of `aio_processes.py` with an address and a loop. The program must not leave a folder."""
    loop, transport = request.param

    def run_one(case: str) -> str:
        output = python("aio_processes.py", case, getattr(scripted, transport), loop)
        assert scripted.leftovers() == []
        return output

    return run_one


def test_a_child_has_an_error_or_a_socket_of_its_own(program: Callable[[str], str]) -> None:
    """The child may end in any way. The parent's connection goes on, and the parent's loop still watches it."""
    assert program("children_with_a_connection") == "done\n"


def test_a_fork_in_the_middle_of_calls_disturbs_none_of_them(program: Callable[[str], str]) -> None:
    """The calls are one of a function, one of a method, and one that waits for its turn. The child drops its copies."""
    assert program("children_during_calls") == "done\n"


def test_a_program_may_end_anywhere(program: Callable[[str], str]) -> None:
    """With open connections, calls in flight, and exit handlers that read. It prints nothing and leaves nothing."""
    for end in (
        "after_a_read",
        "with_a_closed_loop",
        "with_a_handler_that_reads",
        "with_a_handler_that_closes_the_loop",
        "kept_by_a_module",
        "kept_by_an_exception",
        "during_a_call",
    ):
        assert program(f"end_{end}") == ""


def test_loops_in_daemon_threads_do_no_harm_at_the_end(program: Callable[[str], str]) -> None:
    for _ in range(5):
        assert program("end_beside_loops_in_daemon_threads") == ""


@pytest.mark.parametrize("start_method", ["fork", "forkserver", "spawn"])
def test_workers_that_leave_connections_open_leave_nothing(start_method: str, scripted: Daemon) -> None:
    # Without `-W error`, because the workers leave connections open.
    command = [sys.executable, str(PROGRAMS / "aio_workers.py"), scripted.socket, start_method]
    done = subprocess.run(command, text=True, capture_output=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    assert scripted.leftovers() == []


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("loop", LOOPS)
def test_an_interrupt_ends_the_calls(
    loop: str, transport: str, scripted: Daemon, python: Python, eventually: Eventually
) -> None:
    def requests() -> int:
        return sum(scripted.say("requests")["requests"].values())

    with python.running("aio_processes.py", "interrupted", getattr(scripted, transport), loop) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        sent = requests()
        scripted.say("fault silence")
        process.stdin.write("\n")
        process.stdin.flush()
        eventually(lambda: requests() >= sent + 2, "two calls under way")
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "interrupted []\n"
    assert scripted.leftovers() == []


def test_the_end_leaves_a_round_alone_that_is_under_way(program: Callable[[str], str], scripted: Daemon) -> None:
    """A loop in a daemon thread may run until the interpreter is gone. Nothing is left after that."""
    scripted.say("fault delay 0.1")
    assert program("closed_during_a_round") == "done\n"


def test_the_end_closes_what_a_round_has_read_already(program: Callable[[str], str]) -> None:
    assert program("closed_after_some_of_a_round") == ""


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("loop", LOOPS)
def test_a_child_with_the_number_of_its_parent_does_not_disturb_it(
    loop: str, transport: str, scripted: Daemon, python: Python
) -> None:
    """The parent gets the answers when they arrive, and not when its timer fires, a second after the requests."""
    scripted.say("fault delay 0.3")
    arguments = (getattr(scripted, transport), loop)
    assert (
        python("aio_processes.py", "child_with_its_parents_number", *arguments, wrapper=("unshare", "--pid", "--fork"))
        == "done\n"
    )
    assert scripted.leftovers() == []
