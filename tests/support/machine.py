"""Machines of the tests' own.

A `Machine` is a mount and a network namespace: /run is empty, the loopback interface is up and nothing listens on port
323. It is how chronyd gets to its default places without touching the machine that the tests run on.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from typing import Any

import pytest
from tests.support.daemon import Daemon, Start
from tests.support.programs import Python

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

    def run(self, program: str, *arguments: str) -> list[Any]:
        """Run a program in it, and return what its lines say."""
        output = self._python(program, *arguments, wrapper=self.inside)
        return [json.loads(line) for line in output.splitlines()]

    def running(self, program: str, *arguments: str) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
        """A program in it that runs while the test does something else."""
        return self._python.running(program, *arguments, wrapper=self.inside)

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
        options = ["--nobody"] if nobody else []
        [[found, _]] = self.run("tell.py", f"--timeout={timeout}", *options, *address)
        return found


#: Makes /run empty and /var/run a real folder, also where it is a link outside. The first argument is a folder to
#: work in.
PRIVATE_RUN = """
set -eu
old=$1/old new=$1/new; shift
mount -t tmpfs tmpfs /run
mkdir -p "$old" "$new"
mount --rbind /var "$old"
mount -t tmpfs tmpfs "$new"
for entry in "$old"/* "$old"/.[!.]*; do
    name=${entry##*/}
    if [ "$name" = run ]; then mkdir "$new/run"
    elif [ -L "$entry" ]; then cp -P "$entry" "$new"
    elif [ -d "$entry" ]; then mkdir "$new/$name"; mount --rbind "$entry" "$new/$name"
    elif [ -e "$entry" ]; then touch "$new/$name"; mount --bind "$entry" "$new/$name"
    fi
done
mount --rbind "$new" /var
exec "$@"
"""
