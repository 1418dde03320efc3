"""Interpreters that exit while connections are open or calls are in flight: at once, with status 0, without output.

A connection over the Unix socket has a folder next to chronyd's socket. Every exit removes the folder, except for an
exit without any clean-up, such as `os._exit`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.programs import Finish, Python

pytestmark = pytest.mark.blocking_only("threads that block in calls; tests/aio/test_processes.py tests loops")

Eventually = Callable[..., None]
TRANSPORTS = ["socket", "udp"]
#: The code of the request for tracking.
TRACKING = "33"

ORDERLY = {
    "a connection of the module": ("used", ""),
    "a connection that was never used": ("unused", ""),
    "a handler that reads": ("handler_that_reads", "2\n"),
    "a handler that opens": ("handler_that_opens", "40\n"),
    "a handler that closes": ("handler_that_closes", ""),
    "an exit in a block": ("exit_in_a_block", ""),
    "an exit in a block of its own": ("exit_in_a_block_of_its_own", ""),
    "threads that are waited for": ("threads_that_are_waited_for", ""),
}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("end", "printed"), ORDERLY.values(), ids=ORDERLY.keys())
def test_an_orderly_end_leaves_nothing(end: str, printed: str, transport: str, many: Daemon, finish: Finish) -> None:
    assert finish("shutdown.py", end, getattr(many, transport)) == printed
    assert many.leftovers() == []


LATE = {
    "a connection": "last_reads_by_a_connection",
    "a connection that has read": "last_reads_by_a_connection_that_has_read",
    "a function": "last_reads_by_a_function",
    "an error": "last_fails",
    "a cycle": "last_in_a_cycle",
    "a module that goes late": "last_in_a_module_that_goes_late",
}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("end", LATE.values(), ids=LATE.keys())
def test_an_object_that_calls_when_modules_are_gone_gets_a_record_or_an_exception(
    end: str, transport: str, many: Daemon, finish: Finish
) -> None:
    """By then, an import may raise an error. Even later, the names in modules are gone, too."""
    printed = finish("shutdown.py", end, getattr(many, transport))
    assert printed in {"2\n", "ImportError\n", "TypeError\n", "AttributeError\n"}
    assert (printed == "2\n") <= (end != "last_fails")
    assert many.leftovers() == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_object_that_has_read_gets_its_record_however_long_that_takes(
    transport: str, many: Daemon, finish: Finish
) -> None:
    many.say("fault delay 0.3")
    assert finish("shutdown.py", "last_reads_by_a_connection_that_has_read", getattr(many, transport)) == "2\n"
    assert many.leftovers() == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_end_without_clean_up_leaves_one_folder_for_each_open_socket(
    transport: str, many: Daemon, finish: Finish
) -> None:
    """As with SIGKILL, no code of pychrony runs at `os._exit`. Sockets that were closed before have no folder left."""
    address = getattr(many, transport)
    before = many.leftovers()
    finish("shutdown.py", "closed_without_clean_up", address)
    assert many.leftovers() == before
    finish("shutdown.py", "open_without_clean_up", address)
    assert len(set(many.leftovers()) - set(before)) == (1 if transport == "socket" else 0)
    # The folder does not disturb the next program.
    finish("shutdown.py", "unused", address)


BUSY = {
    "a connection": "busy_with_a_connection",
    "connections": "busy_with_connections",
    "functions": "busy_with_functions",
}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("call", BUSY.values(), ids=BUSY.keys())
def test_daemon_threads_in_the_middle_of_calls_do_no_harm(
    call: str, transport: str, many: Daemon, finish: Finish
) -> None:
    for _ in range(5):
        assert finish("shutdown.py", call, getattr(many, transport)) == ""
    assert many.leftovers() == []


def test_many_daemon_threads_that_open_and_close_at_the_end_leave_nothing(many: Daemon, finish: Finish) -> None:
    """At most exits, some of them are in the middle of opening or closing."""
    for _ in range(12):
        assert finish("shutdown.py", "busy_opening_and_closing", many.socket) == ""
    assert many.leftovers() == []


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", ["daemon", "waited for"])
def test_threads_that_wait_for_a_silent_chronyd(
    kind: str, transport: str, many: Daemon, python: Python, eventually: Eventually
) -> None:
    """Two wait for an answer, and one for its turn. Python waits for non-daemon threads until their deadlines."""

    def requests() -> int:
        return int(many.say("requests")["requests"].get(TRACKING, 0))

    # `running` checks for a status of 0.
    with python.running("shutdown.py", "wait", getattr(many, transport), kind) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        sent = requests()
        many.say("fault silence")
        process.stdin.write("\n")
        process.stdin.flush()
        eventually(lambda: requests() >= sent + 2, "two calls under way")
        process.stdin.write("\n")
        process.stdin.flush()
        process.wait(10)
        assert process.stdout.read() == ("" if kind == "daemon" else "no answer\n" * 3)
    assert many.leftovers() == []
