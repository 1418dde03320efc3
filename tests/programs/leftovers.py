"""A program that ends with an open connection: `leftovers.py CASE ADDRESS`."""

from __future__ import annotations

import json
import sys
import threading

from pychrony import ChronyConnection

#: Objects that the module keeps until the end.
kept: list[object] = []


def read(address: str) -> ChronyConnection:
    connection = ChronyConnection(address)
    connection.__enter__()
    print(len(connection.get_sources()), flush=True)
    return connection


def in_the_program() -> None:
    kept.append(read(sys.argv[2]))


def on_exit() -> None:
    kept.append(read(sys.argv[2]))
    sys.exit(0)


def in_a_function() -> None:
    kept.append(read(sys.argv[2]).get_sources)


def in_a_module() -> None:
    vars(json)["connection"] = read(sys.argv[2])


def in_a_cycle() -> None:
    cycle: list[object] = [read(sys.argv[2])]
    cycle.append(cycle)


def in_an_exception() -> None:
    try:
        raise LookupError(read(sys.argv[2]))
    except LookupError as error:
        kept.append(error)


def in_an_ended_thread() -> None:
    connection = read(sys.argv[2])
    kept.append(connection)
    thread = threading.Thread(target=connection.get_sources)
    thread.start()
    thread.join()


def during_a_call() -> None:
    connection = ChronyConnection(sys.argv[2], timeout=600)
    connection.__enter__()
    kept.append(connection)
    print("ready", flush=True)
    sys.stdin.readline()
    for _ in range(2):
        threading.Thread(target=connection.get_tracking, daemon=True).start()
    sys.stdin.readline()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
