"""A scripted chronyd, and one who stands before it: who sees each request, and sends what a test makes of the reply."""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import Daemon, Python, Start

Address = str | tuple[str, int]
#: Sends something in place of a reply: by this socket, of this right reply, to this client.
Answer = Callable[[socket.socket, bytes, Address], object]

#: Begins the programs of another local user.
PRELUDE = """
import os, socket, sys
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
"""


class Front:
    """A chronyd's socket whose replies come from a scripted chronyd and go through a function."""

    def __init__(self, daemon: Daemon, place: Address) -> None:
        """Listen at a path, or at an IPv4 address and port."""
        self.requests: list[bytes] = []
        self.answer: Answer = self.right
        self._socket = socket.socket(socket.AF_UNIX if isinstance(place, str) else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(place)
        self.place: Address = self._socket.getsockname()
        self._behind = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._behind.settimeout(0.05)
        self._behind.connect(("127.0.0.1", int(daemon.described["command_port"])))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def address(self) -> str:
        """What a client is given."""
        return self.place if isinstance(self.place, str) else "{}:{}".format(*self.place)

    @staticmethod
    def right(own: socket.socket, reply: bytes, client: Address) -> object:
        """Send the reply as it is."""
        return own.sendto(reply, client)

    def _serve(self) -> None:
        while True:
            request, client = self._socket.recvfrom(2048)
            if not request:
                return
            self.requests.append(request)
            self._behind.send(request)
            # It keeps silent, or the client has gone.
            with contextlib.suppress(OSError):
                self.answer(self._socket, self._behind.recv(2048), client)

    def close(self) -> None:
        """End it. An empty datagram is no request."""
        with socket.socket(self._socket.family, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.place)
        self._thread.join()
        self._socket.close()
        self._behind.close()


@pytest.fixture(scope="module")
def server(start_shared: Start) -> Daemon:
    """A scripted chronyd for all tests of a module."""
    return start_shared("scripted")


@pytest.fixture
def scripted(server: Daemon) -> Daemon:
    """It, in order again, with enough sources for all lanes and an RTC."""
    server.say("clear")
    server.say('values {"sources": 40, "sourcestats": 40, "rtcdata": {}, "tracking": {}}')
    return server


@pytest.fixture
def fronts(scripted: Daemon, folder: Path) -> Iterator[list[Front]]:
    """One at a Unix socket and one at a command port."""
    opened = [Front(scripted, str(folder / "c.sock")), Front(scripted, ("127.0.0.1", 0))]
    yield opened
    for front in opened:
        front.close()


@pytest.fixture
def front(fronts: list[Front]) -> Front:
    """The one at a Unix socket."""
    return fronts[0]


@pytest.fixture
def other_user(python: Python) -> Iterator[Callable[..., str]]:
    """Start a program of another local user, and return its first line; it runs until the end of the test."""
    with contextlib.ExitStack() as stack:

        def run(code: str, *arguments: str) -> str:
            command = python.command(PRELUDE + code, *arguments)
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            assert process.stdout is not None
            return process.stdout.readline().strip()

        yield run
