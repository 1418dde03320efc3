"""A chronyd's socket that sees each request, and sends what a test makes of the reply."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable

from tests.support.daemon import Daemon

Address = str | tuple[str, int]
#: Sends something in place of a reply: by this socket, of this right reply, to this client.
Answer = Callable[[socket.socket, bytes, Address], object]


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
        # A reply that is missed would cost a call all of its time.
        self._behind.settimeout(0.5)
        self._behind.connect(("127.0.0.1", int(daemon.described["command_port"])))
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def address(self) -> str:
        """The address for a client."""
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
            # A reply that came too late is not the one to the next request.
            while select.select([self._behind], [], [], 0)[0]:
                with contextlib.suppress(OSError):
                    self._behind.recv(2048)
            self._behind.send(request)
            # The scripted chronyd keeps silent, or the client has gone.
            with contextlib.suppress(OSError):
                self.answer(self._socket, self._behind.recv(2048), client)

    def close(self) -> None:
        """End it. An empty datagram is no request."""
        with socket.socket(self._socket.family, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.place)
        self._thread.join()
        self._socket.close()
        self._behind.close()
