"""A hostile chronyd. tests/values and the Rust tests send other wrong replies."""

from __future__ import annotations

import array
import contextlib
import os
import platform
import signal
import socket
import struct
import subprocess
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.reports import Report, defaults, each_list_shape

import pychrony
from pychrony import ChronyConnection, ChronyConnectionError, ChronyDataError

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.front import Address, Answer, Front
    from tests.support.programs import Python

MOST = 65_536


@each_list_shape
def test_the_longest_list_takes_bounded_memory(report: Report, scripted: Daemon, python: Python) -> None:
    """One more record than that is refused before any record is requested."""
    before = scripted.say("requests")["requests"].get(str(report.request), 0)
    scripted.say(defaults(MOST + 1))
    for read in (report.function, partial(pychrony.get_report, report.name)):
        with pytest.raises(ChronyDataError, match=f"^Invalid number of .* {MOST + 1},"):
            read(scripted.socket)
    assert scripted.say("requests")["requests"].get(str(report.request), 0) == before
    scripted.say(defaults(MOST))
    kilobytes = int(python("hostile.py", "longest_list", scripted.socket, str(MOST), report.call, patience=100))
    assert 0 < kilobytes < 128 * 1024


def test_the_longest_list_that_is_read_by_name_takes_bounded_memory(scripted: Daemon, python: Python) -> None:
    """ntpdata has the most fields. Each record keeps what libchrony says of its fields, but equal parts are shared."""
    scripted.say(defaults(MOST))
    kilobytes = int(python("hostile.py", "longest_list", scripted.socket, str(MOST), "ntpdata", patience=100))
    assert 0 < kilobytes < 768 * 1024


def test_a_program_that_gets_no_memory_is_aborted(scripted: Daemon, python: Python) -> None:
    """Rust programs end this way. There is no exception, and no shorter list."""
    scripted.say(f'values {{"sources": {MOST}}}')
    done = subprocess.run(
        python.command("hostile.py", "short_of_memory", scripted.socket), capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGABRT
    assert "memory allocation of " in done.stderr


def descriptors() -> dict[str, str]:
    """Return this process's descriptors and their targets, except for the one that this function opens."""
    entries = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
    return {entry.name: str(entry.readlink()) for entry in entries if entry.is_symlink()}


#: True if the kernel lets a receiver refuse descriptors; the sender gets an error then.
REFUSES = tuple(int(number) for number in platform.release().split(".")[:2]) >= (6, 16)


def with_descriptors(*sent: int) -> Answer:
    """Return an answer that sends descriptors with the reply, or the reply alone if the kernel refuses them."""
    rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", sent))]

    def answer(own: socket.socket, reply: bytes, client: Address) -> None:
        if REFUSES:
            with pytest.raises(PermissionError):
                own.sendmsg([reply], rights, 0, client)
            own.sendto(reply, client)
        else:
            own.sendmsg([reply], rights, 0, client)

    return answer


def test_descriptors_that_come_with_a_reply_are_dropped(front: Front) -> None:
    front.answer = with_descriptors(0, 1, 2)
    with ChronyConnection(front.address) as connection:
        before = descriptors()
        assert len(connection.get_sources()) == 40
        lanes = {name for name, what in descriptors().items() if before.get(name) != what}
        assert {descriptors()[name] for name in lanes} == {"/dev/urandom"}
        before = descriptors()
        for _ in range(10):
            assert len(connection.get_sources()) == 40
        assert descriptors() == before


@contextlib.contextmanager
def slow_to_close(seconds: int) -> Iterator[socket.socket]:
    """Yield a socket whose last owner waits when closing it, because the data sent on it is never read."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        slow = socket.create_connection(server.getsockname())
        unread, _ = server.accept()
    with unread, slow:
        slow.settimeout(0)
        with contextlib.suppress(BlockingIOError):
            while True:
                slow.send(bytes(65_536))
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, seconds))
        yield slow


def test_a_descriptor_that_is_slow_to_close_does_not_hold_a_call(front: Front) -> None:
    """The kernel closes a descriptor that is not taken, in the receiver's time. Linux 6.16 and later can refuse it.

    Descriptors cannot be sent over UDP.
    """
    clients: list[tuple[socket.socket, Address]] = []

    def remember(own: socket.socket, reply: bytes, client: Address) -> None:
        clients.append((own, client))
        own.sendto(reply, client)

    front.answer = remember
    with ChronyConnection(front.address, timeout=1.5) as connection, slow_to_close(3) as slow:
        connection.get_tracking()
        own, client = clients[0]
        with_descriptors(slow.fileno())(own, b"no reply", client)
        slow.close()
        if not REFUSES:
            with pytest.raises(ChronyConnectionError):
                connection.get_tracking()
        assert connection.get_tracking().stratum == 2


def test_a_socket_that_is_shut_down_is_an_error_and_no_signal(folder: Path, python: Python) -> None:
    assert python("hostile.py", "shut_down", str(folder / "c.sock")) == "-1 [Errno 32] Broken pipe\n"
