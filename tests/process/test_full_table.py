"""A process that may open only a few more files, or none: the error says so, and nothing is left behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.support.reports import CALLS

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.programs import Finish, Python

pytestmark = pytest.mark.blocking_only("threads that block in calls; tests/aio/test_processes.py tests loops")

TRANSPORTS = ["socket", "udp"]


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("free", range(4))
def test_a_call_says_so_and_leaves_nothing(free: int, transport: str, many: Daemon, finish: Finish) -> None:
    """A call needs two descriptors: a socket, and `/dev/urandom`, which libchrony opens for each session."""
    address = getattr(many, transport)
    found, afterwards = json.loads(finish("full_table.py", "call_all", address, str(free), *CALLS))
    assert len(found) == len(CALLS) + 1
    if free < 2:
        for name, code, message, _ in found:
            assert (name, code) == ("ChronyConnectionError", -1)
            assert address in message
            assert "Too many open files" in message
            assert "raise the limit" in message
    else:
        assert found == [None] * len(found)
    assert afterwards == [None] * len(found)
    assert many.leftovers() == []


def test_a_library_that_cannot_be_opened_is_loaded_later(many: Daemon, finish: Finish) -> None:
    (name, _, message, _), afterwards = json.loads(finish("full_table.py", "load_later", many.socket))
    assert name == "ChronyLibraryError"
    assert "Too many open files" in message
    assert afterwards is None


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_long_list_is_read_over_as_many_lanes_as_there_is_room_for(
    transport: str, many: Daemon, finish: Finish
) -> None:
    assert finish("full_table.py", "read_long_lists", getattr(many, transport)) == "40 True\n"
    assert many.leftovers() == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_open_connection_needs_no_more_room_to_connect_again(transport: str, many: Daemon, python: Python) -> None:
    """The connection first closes its descriptors for the chronyd that went away."""
    with python.running("full_table.py", "connect_again", getattr(many, transport)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "2\n"
        many.say("die")
        many.say("come-back")
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "2 40\n"
    assert many.leftovers() == []
