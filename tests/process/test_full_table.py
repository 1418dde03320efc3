"""A process that may open no, or hardly any, more files: the error says so, and nothing is left behind."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest
from tests.support.reports import CALLS, NAMES

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.programs import Finish, Python

pytestmark = pytest.mark.blocking_only("threads that block in calls; tests/aio/test_processes.py has the loops'")

TRANSPORTS = ["socket", "udp"]

FILL = """
import json, os, pychrony, resource, sys
from pychrony import ChronyConnection

def is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True

def opened():
    return [number for number in range(64) if is_open(number)]

held = []

def fill(free):
    resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
    try:
        while True:
            held.append(os.open("/dev/null", os.O_RDONLY))
    except OSError:
        pass
    for _ in range(free):
        os.close(held.pop())

def empty():
    while held:
        os.close(held.pop())

def enter(address):
    with ChronyConnection(address) as connection:
        return connection.get_tracking()

def outcome(function, address):
    before = opened()
    try:
        function(address)
        found = None
    except pychrony.ChronyError as error:
        found = [type(error).__name__, error.error_code, error.message, repr(error.__cause__)]
    assert opened() == before
    return found

FUNCTIONS = [*(getattr(pychrony, name) for name in NAMES), enter]
"""

CALL_ALL = """
pychrony.libchrony_path()
fill(int(sys.argv[2]))
found = [outcome(function, sys.argv[1]) for function in FUNCTIONS]
empty()
print(json.dumps([found, [outcome(function, sys.argv[1]) for function in FUNCTIONS]]))
"""


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("free", range(4))
def test_a_call_says_so_and_leaves_nothing(free: int, transport: str, many: Daemon, finish: Finish) -> None:
    """It needs two descriptors: a socket and, for each session, libchrony's source of random numbers."""
    address = getattr(many, transport)
    found, afterwards = json.loads(finish(NAMES + FILL + CALL_ALL, address, str(free)))
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
    code = """
fill(0)
found = outcome(pychrony.get_tracking, sys.argv[1])
empty()
print(json.dumps([found, outcome(pychrony.get_tracking, sys.argv[1])]))
"""
    (name, _, message, _), afterwards = json.loads(finish(NAMES + FILL + code, many.socket))
    assert name == "ChronyLibraryError"
    assert "Too many open files" in message
    assert afterwards is None


LIST = """
with ChronyConnection(sys.argv[1]) as connection:
    lists = [connection.get_sources()]
for free in range(9):
    with ChronyConnection(sys.argv[1]) as connection:
        before = len(opened())
        fill(free)
        lists.append(connection.get_sources())
        empty()
        further = len(opened()) - before
        if sys.argv[1].startswith("/"):
            assert further == min(free, 7)
        else:
            # A socket and a source of random numbers each; how many pay depends on how busy the machine is.
            assert further % 2 == 0 and min(free // 2, 1) <= further // 2 <= min(free // 2, 7)
print(len(lists[0]), [one == lists[0] for one in lists] == [True] * 10)
"""


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_long_list_is_read_over_as_many_lanes_as_there_is_room_for(
    transport: str, many: Daemon, finish: Finish
) -> None:
    assert finish(NAMES + FILL + LIST, getattr(many, transport)) == "40 True\n"
    assert many.leftovers() == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_open_connection_needs_no_more_room_to_connect_again(transport: str, many: Daemon, python: Python) -> None:
    """It first closes what the chronyd that went away has left it with."""
    code = """
with ChronyConnection(sys.argv[1]) as connection:
    before = opened()
    fill(0)
    print(connection.get_tracking().stratum, flush=True)
    sys.stdin.readline()
    print(connection.get_tracking().stratum, len(connection.get_sources()), flush=True)
    empty()
    assert len(opened()) == len(before)
"""
    with python.running(NAMES + FILL + code, getattr(many, transport)) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "2\n"
        many.say("die")
        many.say("come-back")
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "2 40\n"
    assert many.leftovers() == []
