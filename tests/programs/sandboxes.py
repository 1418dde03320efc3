"""A program that calls chronyd where something is missing or forbidden: `sandboxes.py CASE ADDRESS`."""

from __future__ import annotations

import ctypes
import json
import os
import platform
import struct
import subprocess
import sys
from collections.abc import Callable

from common import error_of, sockets

import pychrony
from pychrony import ChronyConnection, TrackingStatus

ADDRESS = sys.argv[2]
NUMBERS = {"x86_64": {"madvise": 28, "sendto": 44}, "aarch64": {"madvise": 233, "sendto": 206}}
PR_SET_SECCOMP, PR_SET_NO_NEW_PRIVS, SECCOMP_MODE_FILTER = 22, 38, 2


def connect() -> TrackingStatus:
    # Only a call that hangs reaches this timeout.
    with ChronyConnection(ADDRESS, timeout=600) as connection:
        return connection.get_tracking()


def outcome(call: Callable[[], TrackingStatus]) -> list[object]:
    try:
        return ["", call().stratum, "", ""]
    except pychrony.ChronyError as error:
        return [*error_of(error), type(error.__cause__).__name__]


def outcomes() -> list[list[object]]:
    """Return the outcomes of both kinds of calls."""
    return [outcome(call) for call in (lambda: pychrony.get_tracking(ADDRESS, timeout=600), connect)]


def answer(call: str, errno: int) -> None:
    """Make the kernel return an error from a system call without doing it, or success if the error is 0."""
    number = NUMBERS[platform.machine()][call]
    # Load the number; if it is this one, return the error; else allow.
    lines = [(0x20, 0, 0, 0), (0x15, 0, 1, number), (0x06, 0, 0, 0x50000 | errno), (0x06, 0, 0, 0x7FFF0000)]
    code = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
    program = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(lines), ctypes.addressof(code)))
    libc = ctypes.CDLL(None)
    assert libc.prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
    assert libc.prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, program) == 0


def call_both() -> None:
    print(json.dumps(outcomes()))


def lose_dev() -> None:
    found = outcomes()
    subprocess.run(["mount", "-t", "tmpfs", "tmpfs", "/dev"], check=True)
    print(json.dumps([*found, *outcomes()]))


def lose_what_is_sent() -> None:
    with ChronyConnection(ADDRESS) as connection:
        stratum = connection.get_tracking().stratum
        answer("sendto", 1)
        found = outcome(connection.get_tracking)
    print(json.dumps([stratum, found, *outcomes()]))


def fork_where_madvise_does_nothing() -> None:
    answer("madvise", 0)
    with ChronyConnection(ADDRESS) as connection:
        connection.get_tracking()
        inherited = set(sockets())
        child = os.fork()
        if child == 0:
            connection.get_tracking()
            own = set(sockets())
            sys.exit(bool(own & inherited) + 2 * (len(own) != len(inherited)))
        status = os.waitpid(child, 0)[1]
        print(len(inherited), os.waitstatus_to_exitcode(status), connection.get_tracking().stratum)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
