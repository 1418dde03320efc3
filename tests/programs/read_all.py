"""A program that reads reports with functions and one with a connection, and prints each result with its time."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

from common import error_of, give_up_rights

import pychrony
from pychrony import ChronyConnection, ChronyError


def connect(*address: str, timeout: float) -> list[object]:
    with ChronyConnection(*address, timeout=timeout) as connection:
        return [connection.address, connection.get_tracking()]


def outcome(function: Callable[..., object], *address: str, timeout: float) -> list[object]:
    """Return the error's name and code, the representation or message, the cause's name, and the time."""
    before = time.monotonic()
    found: list[object]
    try:
        found = ["", None, repr(function(*address, timeout=timeout)), ""]
    except ChronyError as error:
        found = [*error_of(error), type(error.__cause__).__name__]
    return [*found, time.monotonic() - before]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("calls", nargs="*", help="the names of the functions")
    parser.add_argument("--address", action="append", default=[])
    parser.add_argument("--timeout", type=float, default=5.0)
    parser.add_argument("--nobody", action="store_true", help="without rights")
    options = parser.parse_args()
    if options.nobody:
        give_up_rights()
    functions = {**{name: getattr(pychrony, name) for name in options.calls}, "connection": connect}
    found = {name: outcome(one, *options.address, timeout=options.timeout) for name, one in functions.items()}
    print(json.dumps(found))
