"""A program that exits with an open connection or a call in flight: `shutdown.py CASE ADDRESS`."""

from __future__ import annotations

import atexit
import os
import sys
import threading
from collections.abc import Callable
from functools import partial
from typing import NoReturn

import pychrony
from pychrony import ChronyConnection

ADDRESS = sys.argv[2]
#: Objects that the module keeps until the end.
kept: list[object] = []
connection = ChronyConnection(ADDRESS)
if sys.argv[1] != "wait":
    connection.__enter__()


class Last:
    """An object that reads when it is deleted, which may be after the modules are gone."""

    def __init__(self, function: Callable[[], pychrony.TrackingStatus]) -> None:
        self.function = function

    def __del__(
        self,
        errors: tuple[type[Exception], ...] = (pychrony.ChronyError, ImportError, AttributeError, TypeError),
    ) -> None:
        """Read, and print the stratum or the name of the error."""
        try:
            print(self.function().stratum)
        except errors as error:
            print(type(error).__name__)


def read_sources() -> list[pychrony.Source]:
    return pychrony.get_sources(ADDRESS)


def used() -> None:
    connection.get_sources()


def unused() -> None:
    """Do nothing with the connection."""


def handler_that_reads() -> None:
    atexit.register(lambda: print(connection.get_tracking().stratum))


def handler_that_opens() -> None:
    atexit.register(lambda: print(len(read_sources())))


def handler_that_closes() -> None:
    atexit.register(connection.__exit__, None, None, None)


def exit_in_a_block() -> None:
    with connection:
        connection.get_sources()
        sys.exit()


def exit_in_a_block_of_its_own() -> None:
    with ChronyConnection(ADDRESS) as own:
        own.get_sources()
        sys.exit()


def threads_that_are_waited_for() -> None:
    for call in (connection.get_sources, read_sources) * 4:
        threading.Thread(target=lambda call=call: [call() for _ in range(20)]).start()


def last_reads_by_a_connection() -> None:
    kept.append(Last(connection.get_tracking))


def last_reads_by_a_connection_that_has_read() -> None:
    connection.get_tracking()
    kept.append(Last(connection.get_tracking))


def last_reads_by_a_function() -> None:
    kept.append(Last(partial(pychrony.get_tracking, ADDRESS)))


def last_fails() -> None:
    kept.append(Last(partial(pychrony.get_tracking, "/nowhere/chronyd.sock")))


def last_in_a_cycle() -> None:
    last = Last(connection.get_tracking)
    vars(last)["itself"] = last
    kept.append(last)


def last_in_a_module_that_goes_late() -> None:
    vars(os)["last"] = Last(connection.get_tracking)


def closed_without_clean_up() -> None:
    connection.__exit__(None, None, None)
    read_sources()
    os._exit(0)


def open_without_clean_up() -> None:
    connection.get_sources()
    os._exit(0)


def read_on(call: Callable[[], object]) -> None:
    """End while daemon threads are in the middle of calls."""
    barrier = threading.Barrier(5)

    def read() -> NoReturn:
        call()
        barrier.wait()
        while True:
            call()

    for _ in range(4):
        threading.Thread(target=read, daemon=True).start()
    barrier.wait()


def busy_with_a_connection() -> None:
    read_on(connection.get_sources)


def busy_with_connections() -> None:
    read_on(lambda: ChronyConnection(ADDRESS).__enter__().get_sources())


def busy_with_functions() -> None:
    read_on(read_sources)


def busy_opening_and_closing() -> None:
    barrier = threading.Barrier(33)

    def read() -> NoReturn:
        barrier.wait()
        while True:
            with ChronyConnection(ADDRESS) as own:
                own.get_sources()

    for _ in range(32):
        threading.Thread(target=read, daemon=True).start()
    barrier.wait()


def wait() -> None:
    """Have threads wait for a silent chronyd: daemon threads for a long time, and others for a short time."""
    is_daemon = sys.argv[3] == "daemon"
    timeout = 600 if is_daemon else 1.5
    own = ChronyConnection(ADDRESS, timeout=timeout)
    own.__enter__()
    kept.append(own)
    print("ready", flush=True)
    sys.stdin.readline()

    def call_and_fail(call: Callable[[], object]) -> None:
        try:
            call()
        except pychrony.ChronyConnectionError:
            # One write for the whole line, because other threads print at the same time.
            print("no answer\n", end="", flush=True)

    calls = (own.get_tracking, own.get_tracking, lambda: pychrony.get_tracking(ADDRESS, timeout=timeout))
    for call in calls:
        threading.Thread(target=call_and_fail, args=(call,), daemon=is_daemon).start()
    sys.stdin.readline()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
