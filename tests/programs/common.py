"""Functions that several programs share."""

from __future__ import annotations

import contextlib
import encodings.idna  # noqa: F401  # Without rights, it may be too late to import.
import json
import os
import resource
import signal
import socket
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pychrony
import pychrony.exceptions
from pychrony import ChronyConnection, ChronyError

NOBODY = 65534


def give_up_rights() -> None:
    """Load libchrony, which other users may be unable to read, and become a user without rights."""
    pychrony.libchrony_path()
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(NOBODY, NOBODY, NOBODY)


def silent(*places: str) -> list[socket.socket]:
    """Bind sockets that never answer to paths, or to addresses with a port."""
    sockets = []
    for place in places:
        if place.startswith("/"):
            sockets.append(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
            sockets[-1].bind(place)
        else:
            host, _, port = place.rpartition(":")
            family = socket.AF_INET6 if host.startswith("[") else socket.AF_INET
            sockets.append(socket.socket(family, socket.SOCK_DGRAM))
            sockets[-1].bind((host.strip("[]"), int(port)))
        sockets[-1].settimeout(0)
    return sockets


def drain(server: socket.socket) -> int:
    """Read all that a socket has received; return the number of datagrams."""
    received = 0
    with contextlib.suppress(BlockingIOError):
        while True:
            server.recv(1024)
            received += 1
    return received


def error_of(error: ChronyError) -> list[object]:
    """Return the parts of an error that tests compare."""
    return [type(error).__name__, error.error_code, error.message]


def tell(address: str | None = None, *, timeout: float = 5.0) -> None:
    """Print a connection's address, transport and stratum, or its error, and the time that this took."""
    before = time.monotonic()
    found: list[object]
    try:
        with ChronyConnection(address, timeout=timeout) as connection:
            stratum = connection.get_tracking().stratum
            transport = connection.transport
            found = [connection.address, transport and transport.name, stratum]
    except ChronyError as error:
        found = error_of(error)
    # One write for the whole line, because other threads may print at the same time.
    print(json.dumps([found, time.monotonic() - before]) + "\n", end="", flush=True)


def sockets() -> list[str]:
    """Return this process's sockets."""
    links = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
    return sorted(link for link in links if "socket:" in link)


def folders(folder: Path) -> list[str]:
    """Return the folders of clients' sockets in chronyd's folder."""
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("libchrony."))


def child(function: Callable[[], object], end: Callable[[int], NoReturn] = os._exit) -> int:
    """Run a function in a child process, and return its PID. The child's status is 0 unless the function raises."""
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        # Nothing takes nearly as long.
        signal.alarm(20)
        function()
        status = 0
    except BaseException:  # noqa: BLE001
        traceback.print_exc()
    return end(status)


def ended(pid: int) -> None:
    """Wait for a child, and fail unless its status is 0."""
    assert os.waitpid(pid, 0)[1] == 0


def fill_table(limit: int) -> list[int]:
    """Limit the number of descriptors, and open files up to that limit."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
    opened = []
    with contextlib.suppress(OSError):
        while True:
            opened.append(os.open("/dev/null", os.O_RDONLY))
    return opened
