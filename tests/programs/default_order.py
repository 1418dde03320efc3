"""A program that uses the default addresses, in a `Machine` of a test: `default_order.py CASE [ARGUMENT…]`."""

from __future__ import annotations

import contextlib
import json
import socket
import sys

from common import silent, tell

from pychrony import ChronyConnection


def hold() -> None:
    """Bind sockets that never answer, until stdin ends."""
    sockets = silent(*sys.argv[2:])
    print(json.dumps("bound"), flush=True)
    sys.stdin.read()
    del sockets


def tell_beside_a_silent_socket() -> None:
    servers = silent(sys.argv[2])
    for timeout in (1.6, 4):
        tell(timeout=timeout)
    servers[0].close()


def tell_beside_a_full_socket() -> None:
    servers = silent(sys.argv[2])
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as client:
        client.settimeout(0)
        client.connect(sys.argv[2])
        with contextlib.suppress(BlockingIOError):
            while True:
                client.send(b"junk")
        for _ in range(2):
            tell(timeout=2)
    servers[0].close()


def move() -> None:
    with ChronyConnection() as connection:
        for _ in range(4):
            stratum = connection.get_tracking().stratum
            assert connection.transport is not None
            print(json.dumps([connection.address, connection.transport.name, stratum]), flush=True)
            sys.stdin.readline()


if __name__ == "__main__":
    globals()[sys.argv[1]]()
