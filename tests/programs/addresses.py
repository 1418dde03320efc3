"""A program that uses host names, with a name server of its own: `addresses.py CASE [ARGUMENT]`."""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from common import drain, silent, tell

from pychrony import ChronyConnection

NAME_SERVER = "127.0.0.1:53"


def resolved_again() -> None:
    with ChronyConnection("moves.example") as connection:
        for _ in range(2):
            print(json.dumps([connection.get_tracking().stratum, connection.address]), flush=True)
            sys.stdin.readline()


def resumed() -> None:
    sockets = silent(NAME_SERVER)
    pid = int(sys.argv[2])
    with ChronyConnection("chrony.example", timeout=6) as connection:
        connection.get_tracking()
        Path("/etc/hosts").write_text("127.0.0.1 localhost\n")
        os.kill(pid, signal.SIGSTOP)
        threading.Timer(1.5, os.kill, (pid, signal.SIGCONT)).start()
        print(connection.get_tracking().stratum)
    sockets[0].close()


def interrupted() -> None:
    sockets = silent(NAME_SERVER)

    def handle(_number: int, _frame: object) -> NoReturn:
        raise LookupError("from the handler")

    signal.signal(signal.SIGALRM, handle)
    signal.setitimer(signal.ITIMER_REAL, 0.1)
    before = time.monotonic()
    try:
        ChronyConnection("missing.example", timeout=20).__enter__()
    except LookupError as error:
        print(json.dumps([str(error), time.monotonic() - before]))
    sockets[0].close()


def is_resolver(task: str) -> bool:
    try:
        return Path(f"/proc/self/task/{task}/comm").read_text().startswith("libchrony-resol")
    except (FileNotFoundError, ProcessLookupError):
        return False


def resolvers() -> int:
    """Return the number of this process's threads that look up names."""
    return sum(map(is_resolver, os.listdir("/proc/self/task")))  # noqa: PTH208


class NameServer:
    """A name server that is silent until it serves, and then answers every query with one address."""

    def __init__(self) -> None:
        """Bind its port."""
        [self.socket] = silent(NAME_SERVER)
        self.socket.settimeout(None)

    def _serve(self, ip: str) -> None:
        while True:
            query, peer = self.socket.recvfrom(512)
            end = query.index(b"\0", 12) + 5
            kind = query[end - 4 : end - 2]
            address = socket.inet_pton(socket.AF_INET6 if ":" in ip else socket.AF_INET, ip)
            is_asked = kind == (b"\0\x1c" if ":" in ip else b"\0\1")
            answer = b"\xc0\x0c" + kind + b"\0\1\0\0\0\0\0" + bytes([len(address)]) + address if is_asked else b""
            counts = b"\0\1" + (b"\0\1" if answer else b"\0\0") + b"\0\0\0\0"
            self.socket.sendto(query[:2] + b"\x81\x80" + counts + query[12:end] + answer, peer)

    def serve(self, ip: str) -> None:
        """Begin to answer."""
        threading.Thread(target=self._serve, args=[ip], daemon=True).start()

    def receive_two(self) -> None:
        """Receive the queries for an IPv4 and for an IPv6 address."""
        for _ in range(2):
            self.socket.recv(512)


def tell_in_threads(addresses: Sequence[str], timeout: float) -> list[threading.Thread]:
    threads = [threading.Thread(target=tell, args=[one], kwargs={"timeout": timeout}) for one in addresses]
    for thread in threads:
        thread.start()
    return threads


def join(threads: Sequence[threading.Thread]) -> None:
    for thread in threads:
        thread.join()


def answered() -> None:
    NameServer().serve(sys.argv[3])
    tell(sys.argv[2])


def hanging() -> None:
    server = NameServer()
    for address in ("slow.example", "SLOW.example", "slow.example:777"):
        tell(address, timeout=0.05)
    join(tell_in_threads(["slow.example"] * 8, timeout=0.2))
    number = resolvers()
    server.socket.settimeout(0)
    print(json.dumps([number, drain(server.socket)]))


def given_up() -> None:
    server = NameServer()
    tell("slow.example", timeout=0.1)
    server.serve("127.0.0.5")
    tell("slow.example")


def look_up_many(timeout: float) -> list[threading.Thread]:
    """Begin more look-ups than there may be threads, and wait until all those threads run."""
    threads = tell_in_threads([f"h{number}.example" for number in range(30)], timeout)
    while resolvers() < 16:
        time.sleep(0.01)
    return threads


def many_hanging() -> None:
    server = NameServer()
    join(look_up_many(1))
    print(json.dumps(resolvers()))
    server.socket.close()


def many_answered() -> None:
    server = NameServer()
    threads = look_up_many(20)
    server.serve("127.0.0.5")
    join(threads)


def forked() -> None:
    warnings.simplefilter("ignore", DeprecationWarning)
    server = NameServer()
    tell("slow.example", timeout=0.1)
    server.receive_two()
    if os.fork() == 0:
        tell("slow.example", timeout=2)
        os._exit(0)
    # The parent's resolver asks again only after 5 s.
    server.socket.settimeout(4)
    server.receive_two()
    assert os.wait()[1] == 0


if __name__ == "__main__":
    globals()[sys.argv[1]]()
