"""A program whose standard streams are closed: `streams.py CASE ADDRESS OUTPUT`."""

from __future__ import annotations

import errno
import json
import os
import resource
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pychrony
from pychrony import ChronyConnection

ADDRESS, OUTPUT = sys.argv[2], Path(sys.argv[3])


def descriptors() -> dict[int, str]:
    paths = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
    return {int(path.name): str(path.readlink()) for path in paths if path.is_symlink()}


def failure(function: Callable[[], object]) -> str:
    """Return the name of a call's error, or the representation of its result."""
    try:
        return repr(function())
    except OSError as error:
        return errno.errorcode[error.errno or 0]


def read() -> None:
    before = descriptors()
    with ChronyConnection(ADDRESS) as connection:
        found = [connection.get_tracking().stratum, len(connection.get_sources())]
        during = descriptors()
        # A use of a standard stream now has the same result as without a connection.
        uses = {
            number: failure(partial(os.read, 0, 1) if number == 0 else partial(os.write, number, b"to a closed stream"))
            for number in range(3)
            if number not in before
        }
        found += [connection.get_tracking().stratum, len(connection.get_sources())]
    found += [pychrony.get_tracking(ADDRESS).stratum, len(pychrony.get_sources(ADDRESS))]
    streams = [[opened.get(number) for number in range(3)] for opened in (before, during)]
    OUTPUT.write_text(json.dumps([found, streams, uses, descriptors() == before, len(during) - len(before)]))


def print_on() -> None:
    """Close the streams as daemons do, and continue to print."""
    for number in range(3):
        os.close(number)
    before = descriptors()
    with ChronyConnection(ADDRESS) as connection:
        words = [failure(partial(print, "to nobody", file=one, flush=True)) for one in (sys.stdout, sys.stderr)]
        words.append(failure(sys.stdin.readline))
        stratum = connection.get_tracking().stratum
    OUTPUT.write_text(json.dumps([words, stratum, descriptors() == before]))
    # A normal exit would complain that Python cannot flush the output.
    os._exit(0)


def leave_room_only_there() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (16, 16))
    held: list[int] = []
    while failure(lambda: held.append(os.open("/dev/null", os.O_RDONLY))) == "None":
        pass
    os.close(1)
    os.close(2)
    message = None
    try:
        pychrony.get_tracking(ADDRESS)
    except pychrony.ChronyConnectionError as error:
        message = error.message
    for descriptor in held:
        os.close(descriptor)
    OUTPUT.write_text(json.dumps([message, pychrony.get_tracking(ADDRESS).stratum]))


if __name__ == "__main__":
    # Load the library now: once loaded, it does not need a descriptor.
    pychrony.libchrony_path()
    globals()[sys.argv[1]]()
