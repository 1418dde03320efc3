"""A program of another local user: `other_user.py CASE ARGUMENT…`."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Callable
from pathlib import Path

from common import give_up_rights


def squat() -> None:
    """Answer at one port of 127.0.0.1 with the replies of the scripted chronyd at another."""
    own, behind = socket.socket(socket.AF_INET, socket.SOCK_DGRAM), socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    own.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    own.bind(("127.0.0.1", int(sys.argv[2])))
    behind.connect(("127.0.0.1", int(sys.argv[3])))
    print("ready", flush=True)
    while True:
        request, client = own.recvfrom(2048)
        behind.send(request)
        own.sendto(behind.recv(2048), client)


def client_socket(beside: str) -> str:
    """Return the path of the only client's socket, which every process may read in /proc/net/unix."""
    sockets = Path("/proc/net/unix").read_text().splitlines()
    (client,) = [line.split()[-1] for line in sockets if f" {beside}/libchrony." in line]
    return client


def result(call: Callable[..., object], *arguments: object) -> object:
    try:
        return call(*arguments) or "done"
    except OSError as error:
        return os.strerror(error.errno or 0)


def reach() -> None:
    """Try everything that could disturb a client's socket."""
    beside, other = sys.argv[2:]
    client = client_socket(beside)
    inner, folder = Path(client).parent, Path(client).parent.parent
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as own:
        found = [
            result(os.listdir, folder),
            result(os.listdir, inner),
            result(os.unlink, client),
            result(os.rename, folder, f"{beside}/other"),
            result(own.sendto, b"planted", client),
            result(own.connect, client),
            result(own.sendto, b"planted", other),
        ]
    print(*found, sep=", ", flush=True)


def misdirect() -> None:
    """Replace the client's folder with a new one, in which the inner folder is a link to another folder."""
    beside, other = sys.argv[2:]
    inner = Path(client_socket(beside)).parent
    inner.parent.rename(f"{beside}/moved")
    inner.parent.mkdir()
    inner.symlink_to(other)
    print("done", flush=True)


if __name__ == "__main__":
    give_up_rights()
    globals()[sys.argv[1]]()
