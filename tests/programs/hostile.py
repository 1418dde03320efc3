"""A program that calls a hostile chronyd: `hostile.py CASE ADDRESS [ARGUMENT…]`."""

from __future__ import annotations

import re
import resource
import signal
import socket
import sys
from functools import partial
from pathlib import Path

import pychrony
from pychrony import ChronyConnection


def peak() -> int:
    """Return the peak memory of this process, in kilobytes."""
    found = re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())
    assert found is not None
    return int(found[1])


def longest_list() -> None:
    address, most, name = sys.argv[2:]
    pychrony.get_tracking(address, timeout=30)
    before = peak()
    read = getattr(pychrony, name, None) or partial(pychrony.get_report, name)
    assert len(read(address, timeout=100)) == int(most)
    print(peak() - before)


def short_of_memory() -> None:
    with ChronyConnection(sys.argv[2], timeout=30) as connection:
        connection.get_tracking()
        held = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (held + 2**20, held + 2**20))
        connection.get_sources()


def shut_down() -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
        own.bind(sys.argv[2])
        own.shutdown(socket.SHUT_RD)
        try:
            pychrony.get_tracking(sys.argv[2], timeout=0.5)
        except pychrony.ChronyConnectionError as error:
            assert error.__cause__ is not None
            print(error.error_code, error.__cause__.__cause__)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
