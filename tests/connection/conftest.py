"""Machines of the tests' own, and what a connection leaves in this process.

A `Machine` is a mount and a network namespace: /run is empty, the loopback interface is up and nobody listens on port
323. It is how chronyd gets to its default places without touching the machine that the tests run on.
"""

from __future__ import annotations

import contextlib
import gc
import json
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from pychrony import ChronyConnection

if TYPE_CHECKING:
    from tests.conftest import Daemon, Python, Start

# `unshare` makes all mounts private. What mounts here is gone with the namespace.
SET_UP = """
set -eu
mount -t tmpfs tmpfs /run
if [ ! -L /var/run ]; then mount -t tmpfs tmpfs /var/run; fi
ip link set lo up
echo ready
exec cat
"""

# A folder of configuration that can be written to, in place of the machine's.
OWN_ETC = """
set -eu
mkdir /run/etc
mount -t tmpfs tmpfs /run/etc
cp -a /etc/. /run/etc
mount --move /run/etc /etc
rm -f /etc/hosts /etc/resolv.conf
printf %s "$1" > /etc/hosts
printf %s "$2" > /etc/resolv.conf
"""

#: Begins the programs that run in a machine; `tell` prints what a connection is and reads.
PROGRAM = """
import encodings.idna, json, os, pychrony.exceptions, socket, sys, time
from pychrony import ChronyConnection

def error_of(error):
    return [type(error).__name__, error.error_code, error.message]

def tell(*address, **settings):
    before = time.monotonic()
    try:
        with ChronyConnection(*address, **settings) as connection:
            stratum = connection.get_tracking().stratum
            found = [connection.address, connection.transport.name, stratum]
    except pychrony.ChronyError as error:
        found = error_of(error)
    # Threads that tell at once have to write whole lines.
    print(json.dumps([found, time.monotonic() - before]) + "\\n", end="", flush=True)

def silent(*places):
    sockets = []
    for place in places:
        family = socket.AF_UNIX if isinstance(place, str) else socket.AF_INET6 if ":" in place[0] else socket.AF_INET
        sockets.append(socket.socket(family, socket.SOCK_DGRAM))
        sockets[-1].bind(place)
        sockets[-1].setblocking(False)
    return sockets
"""

GIVE_UP_RIGHTS = """
pychrony.libchrony_path()
os.setgroups([])
os.setresgid(65534, 65534, 65534)
os.setresuid(65534, 65534, 65534)
"""


class Machine:
    """A mount and a network namespace; ends with `close`."""

    def __init__(self, python: Python, start: Start) -> None:
        """Make it."""
        self._python = python
        self._start = start
        self.process = subprocess.Popen(
            ["unshare", "--mount", "--net", "sh", "-c", SET_UP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        assert self.process.stdout is not None
        if self.process.stdout.readline() != "ready\n":
            self.close()
            pytest.fail("no namespaces of the test's own")
        self.inside = ["nsenter", f"--mount=/proc/{self.process.pid}/ns/mnt", f"--net=/proc/{self.process.pid}/ns/net"]

    def close(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def shell(self, script: str, *arguments: str) -> None:
        """Run a shell script in it."""
        subprocess.run([*self.inside, "sh", "-euc", script, "sh", *arguments], check=True)

    def own_names(self, hosts: str, resolver: str = "") -> None:
        """Give it a hosts file, and addresses of name servers."""
        servers = f"nameserver {resolver}\n" if resolver else ""
        self.shell(OWN_ETC, hosts, servers)

    def start(self, *lines: str, place: str | None = None, kind: str = "chronyd") -> Daemon:
        """Start a daemon in it; its folder may also be at another place."""
        options = [part for line in lines for part in ("--line", line)]
        daemon = self._start(kind, *options, wrapper=self.inside)
        if place is not None:
            self.shell('mkdir -p "$1" && mount --bind "$2" "$1"', place, str(daemon.folder))
        return daemon

    def run(self, code: str, *arguments: str, nobody: bool = False) -> list[Any]:
        """Run a program in it, and return what its lines say."""
        # The interpreter and the package may lie in folders that only the present user may read.
        program = PROGRAM + (GIVE_UP_RIGHTS if nobody else "") + code
        output = self._python(program, *arguments, wrapper=self.inside)
        return [json.loads(line) for line in output.splitlines()]

    def running(self, code: str) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
        """A program in it that runs while the test does something else."""
        return self._python.running(PROGRAM + code, wrapper=self.inside)

    @staticmethod
    def line(process: subprocess.Popen[str]) -> Any:  # noqa: ANN401
        """The next line of a running program, read as JSON."""
        assert process.stdout is not None
        return json.loads(process.stdout.readline())

    @staticmethod
    def go_on(process: subprocess.Popen[str]) -> None:
        """Give a running program a line to read."""
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    def tell(self, *address: str, nobody: bool = False, timeout: float = 5.0) -> list[Any]:
        """Open a connection and read: its address, transport and stratum, or the error."""
        found: list[Any]
        arguments = "".join(f"{part!r}, " for part in address)
        [[found, _]] = self.run(f"tell({arguments}timeout={timeout})", nobody=nobody)
        return found


@pytest.fixture
def machine(python: Python, start: Start) -> Iterator[Machine]:
    """A machine on which nothing of chrony runs."""
    made = Machine(python, start)
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(start_shared: Start) -> Daemon:
    """A scripted chronyd for all tests of a module."""
    return start_shared("scripted")


@pytest.fixture
def scripted(server: Daemon) -> Daemon:
    """It, in order again, with three sources and an RTC."""
    server.say("clear")
    server.say("come-back")
    server.say('values {"sources": 3, "sourcestats": 3, "rtcdata": {}, "tracking": {}}')
    return server


@pytest.fixture
def connect() -> Iterator[Callable[..., ChronyConnection]]:
    """Enter connections, which are left with the test if not before."""
    with contextlib.ExitStack() as stack:

        def enter(*address: str, **settings: Any) -> ChronyConnection:  # noqa: ANN401
            return stack.enter_context(ChronyConnection(*address, **settings))

        yield enter


class Resources:
    """What this process holds, compared with what it held at first."""

    def __init__(self, daemon: Daemon) -> None:
        """Look for the first time."""
        self.daemon = daemon
        # Of a test that has failed, something may be left.
        self.before, self.folders = self.descriptors(), self.daemon.leftovers()

    @staticmethod
    def descriptors() -> list[str]:
        """This process's descriptors and what they are, apart from the one that this takes."""
        entries = [Path("/proc/self/fd", name) for name in os.listdir("/proc/self/fd")]  # noqa: PTH208
        return sorted(f"{entry.name} {entry.readlink()}" for entry in entries if entry.is_symlink())

    def opened(self) -> int:
        """How many more sockets there are than at first."""
        return sum(" socket:" in line for line in set(self.descriptors()) - set(self.before))

    def sessions(self) -> int:
        """How many more sessions of libchrony there are than at first; each has its own source of random numbers."""
        return sum(line.endswith(" /dev/urandom") for line in set(self.descriptors()) - set(self.before))

    def assert_none_left(self) -> None:
        """Fail if a descriptor, or a folder beside the daemon's socket, is left."""
        assert set(self.descriptors()) - set(self.before) == set()
        assert set(self.daemon.leftovers()) - set(self.folders) == set()


@pytest.fixture
def resources(scripted: Daemon) -> Resources:
    """Compare with what the process holds once the scripted chronyd of the module runs and libchrony is loaded."""
    with ChronyConnection(scripted.socket):
        pass
    # What earlier tests dropped is closed now, and not while somebody counts.
    gc.collect()
    return Resources(scripted)
