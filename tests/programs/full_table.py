"""A program that calls chronyd while its table of descriptors is full: `full_table.py CASE ADDRESS [ARGUMENT…]`."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable

from common import error_of, fill_table

import pychrony
from pychrony import ChronyConnection, ChronyError

LIMIT = 64
ADDRESS = sys.argv[2]
held: list[int] = []


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def opened() -> list[int]:
    return [number for number in range(LIMIT) if is_open(number)]


def empty(leave: int = 0) -> None:
    """Close the files that fill the table, except for some."""
    while len(held) > leave:
        os.close(held.pop())


def fill(free: int) -> None:
    """Fill the table, except for some places."""
    held.extend(fill_table(LIMIT))
    empty(len(held) - free)


def enter(address: str) -> object:
    with ChronyConnection(address) as connection:
        return connection.get_tracking()


def outcome(function: Callable[[str], object]) -> list[object] | None:
    """Return the error of a call, or None. Fail unless the call leaves the table as it was."""
    before = opened()
    found: list[object] | None = None
    try:
        function(ADDRESS)
    except ChronyError as error:
        found = [*error_of(error), repr(error.__cause__)]
    assert opened() == before
    return found


def call_all() -> None:
    free, *names = sys.argv[3:]
    functions = [*(getattr(pychrony, name) for name in names), enter]
    pychrony.libchrony_path()
    fill(int(free))
    found = [outcome(function) for function in functions]
    empty()
    print(json.dumps([found, [outcome(function) for function in functions]]))


def load_later() -> None:
    fill(0)
    found = outcome(pychrony.get_tracking)
    empty()
    print(json.dumps([found, outcome(pychrony.get_tracking)]))


def read_long_lists() -> None:
    with ChronyConnection(ADDRESS) as connection:
        lists = [connection.get_sources()]
    for free in range(9):
        with ChronyConnection(ADDRESS) as connection:
            before = len(opened())
            fill(free)
            lists.append(connection.get_sources())
            empty()
            further = len(opened()) - before
            if ADDRESS.startswith("/"):
                assert further == min(free, 7)
            else:
                # Each lane has a socket and /dev/urandom. The number of lanes depends on the load of the machine.
                assert further % 2 == 0
                assert min(free // 2, 1) <= further // 2 <= min(free // 2, 7)
    print(len(lists[0]), [one == lists[0] for one in lists] == [True] * 10)


def connect_again() -> None:
    with ChronyConnection(ADDRESS) as connection:
        before = opened()
        fill(0)
        print(connection.get_tracking().stratum, flush=True)
        sys.stdin.readline()
        print(connection.get_tracking().stratum, len(connection.get_sources()), flush=True)
        empty()
        assert len(opened()) == len(before)


def read_as_room_grows() -> None:
    with ChronyConnection(ADDRESS) as connection:
        fill(0)
        for _ in range(8):
            print([source.address for source in connection.get_sources()] == sys.argv[3].split(","))
            empty(len(held) - 1)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
