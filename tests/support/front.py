"""A proxy in front of a scripted chronyd, which records each request and lets a test replace each reply."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
from collections.abc import Callable

from tests.support.daemon import Daemon

Address = str | tuple[str, int]
#: Answers a client. The arguments are the socket to send from, chronyd's reply, and the address of the client.
Answer = Callable[[socket.socket, bytes, Address], object]


class Front:
    """A socket like chronyd's, whose replies come from a scripted chronyd and go through the function `answer`."""

    def __init__(self, daemon: Daemon, place: Address) -> None:
        """Listen at a path, or at an IPv4 address and port."""
        self.requests: list[bytes] = []
        self.answer: Answer = self.right
        self._socket = socket.socket(socket.AF_UNIX if isinstance(place, str) else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(place)
        self.place: Address = self._socket.getsockname()
        self._behind = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        # Less than the timeout of a call, so that the front is ready for the next request of a call after a lost reply.
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
            # Drop late replies, which do not belong to this request.
            while select.select([self._behind], [], [], 0)[0]:
                with contextlib.suppress(OSError):
                    self._behind.recv(2048)
            self._behind.send(request)
            # The scripted chronyd may be silent, or the client gone.
            with contextlib.suppress(OSError):
                self.answer(self._socket, self._behind.recv(2048), client)

    def close(self) -> None:
        """Close the sockets. An empty datagram ends the thread."""
        with socket.socket(self._socket.family, socket.SOCK_DGRAM) as last:
            last.sendto(b"", self.place)
        self._thread.join()
        self._socket.close()
        self._behind.close()
