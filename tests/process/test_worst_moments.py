"""Forks, signals and closed descriptors at the worst moments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.reports import CALLS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from tests.support.daemon import Daemon
    from tests.support.programs import Python

pytestmark = pytest.mark.blocking_only("signal handlers that call or raise in the middle of a blocking call")

TRANSPORTS = ["socket", "udp"]


@pytest.fixture(params=TRANSPORTS)
def run(request: pytest.FixtureRequest, scripted: Daemon, python: Python) -> Callable[..., str]:
    """Run a case of `worst_moments.py` with the scripted chronyd's address."""

    def run_one(case: str, *arguments: str, wrapper: Sequence[str] = ()) -> str:
        address = getattr(scripted, request.param)
        output: str = python("worst_moments.py", case, address, str(scripted.folder), *arguments, wrapper=wrapper)
        assert scripted.leftovers() == []
        return output

    return run_one


def test_what_a_handler_raises_in_a_child_it_forks_ends_the_child(scripted: Daemon, run: Callable[..., str]) -> None:
    """The handler calls `sys.exit`. If that did not end the child, two copies of the program would go on."""
    scripted.say("fault delay 2")
    assert run("forking_handler") == "7\n"


def test_a_child_that_has_its_parents_number_is_another_process_all_the_same(run: Callable[..., str]) -> None:
    """The first process of each PID namespace has number 1. Elsewhere, numbers are reused after a while."""
    assert run("child_with_its_parents_number", wrapper=("unshare", "--pid", "--fork")) == "done\n"


def test_no_python_code_runs_below_a_call(run: Callable[..., str]) -> None:
    """A daemon thread in Python code may unwind through the extension when the interpreter exits, and crash."""
    # Two calls of each function and two entries; one read and one exit of the connection.
    assert run("watched", *CALLS) == f"{2 * (len(CALLS) + 1) + 2}\n"


def test_a_handler_may_use_the_connection_that_its_thread_is_waiting_on(
    scripted: Daemon, run: Callable[..., str]
) -> None:
    scripted.say("fault delay 1")
    assert run("handler_that_reads") == "2\n2\n"


def test_an_exception_of_a_handler_leaves_nothing_open_behind_its_block(run: Callable[..., str]) -> None:
    """The exception is raised before, during or after entering or leaving. The next block works each time."""
    assert run("handler_that_raises") == "done\n"


def test_descriptors_that_others_have_closed_are_left_alone(run: Callable[..., str]) -> None:
    """Daemons close all descriptors that they inherit. Their own files then have these numbers."""
    assert run("closed_descriptors") == "done\n"


def test_event_queues_and_random_devices_of_others_are_left_alone(run: Callable[..., str]) -> None:
    """All event queues share one inode, and so do all descriptors of `/dev/urandom`."""
    assert run("others_event_queues") == "done\n"


def test_an_exit_removes_nothing_of_those_who_closed_the_descriptors(scripted: Daemon, python: Python) -> None:
    """The new owner of a socket's number may be bound to a path, too."""
    python("worst_moments.py", "closed_at_exit", scripted.socket, str(scripted.folder))
    own = sorted(Path(scripted.folder).glob("own*"))
    assert len(own) == 12
    for path in own:
        path.unlink()


def test_a_number_that_is_anothers_by_now_gets_no_request(run: Callable[..., str]) -> None:
    """A receive on the new socket might wait for ever. It stays open, and so does the file with the other number."""
    assert run("taken_descriptors") == "done\n"
