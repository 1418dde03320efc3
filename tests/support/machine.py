"""Machines for the tests, made of namespaces.

A `Machine` is a mount namespace and a network namespace. In it, /run is empty, the loopback interface is up, and
nothing listens on port 323. A chronyd there uses its default paths and port without touching the real machine.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
from typing import Any

import pytest
from tests.support.daemon import Daemon, Start
from tests.support.programs import Python

# `unshare` makes all mounts private, so these mounts end with the namespace.
SET_UP = """
set -eu
mount -t tmpfs tmpfs /run
if [ ! -L /var/run ]; then mount -t tmpfs tmpfs /var/run; fi
ip link set lo up
echo ready
exec cat
"""

# Replaces /etc with a copy that can be changed.
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
    """A mount namespace and a network namespace, which `close` ends."""

    def __init__(self, python: Python, start: Start) -> None:
        """Create the namespaces."""
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
        """End the process that holds the namespaces."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()

    def shell(self, script: str, *arguments: str) -> None:
        """Run a shell script in it."""
        subprocess.run([*self.inside, "sh", "-euc", script, "sh", *arguments], check=True)

    def own_names(self, hosts: str, resolver: str = "") -> None:
        """Give it a hosts file, and the address of a name server."""
        servers = f"nameserver {resolver}\n" if resolver else ""
        self.shell(OWN_ETC, hosts, servers)

    def start(self, *lines: str, place: str | None = None, kind: str = "chronyd") -> Daemon:
        """Start a daemon in it, whose folder is also mounted at a place if there is one."""
        options = [part for line in lines for part in ("--line", line)]
        daemon = self._start(kind, *options, wrapper=self.inside)
        if place is not None:
            self.shell('mkdir -p "$1" && mount --bind "$2" "$1"', place, str(daemon.folder))
        return daemon

    def run(self, program: str, *arguments: str) -> list[Any]:
        """Run a program in it, and return its output lines, read as JSON."""
        output = self._python(program, *arguments, wrapper=self.inside)
        return [json.loads(line) for line in output.splitlines()]

    def running(self, program: str, *arguments: str) -> contextlib.AbstractContextManager[subprocess.Popen[str]]:
        """Run a program in it while the test does something else."""
        return self._python.running(program, *arguments, wrapper=self.inside)

    @staticmethod
    def line(process: subprocess.Popen[str]) -> Any:  # noqa: ANN401
        """Return the next line of a running program, read as JSON."""
        assert process.stdout is not None
        return json.loads(process.stdout.readline())

    @staticmethod
    def go_on(process: subprocess.Popen[str]) -> None:
        """Let a running program continue that waits for a line."""
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()

    def tell(self, *address: str, nobody: bool = False, timeout: float = 5.0) -> list[Any]:
        """Open a connection and read. Return the address, transport and stratum, or the error."""
        found: list[Any]
        options = ["--nobody"] if nobody else []
        [[found, _]] = self.run("tell.py", f"--timeout={timeout}", *options, *address)
        return found


#: Runs a command with /run empty and /var/run a real folder, even if /var/run is a link outside. The first argument is
#: a folder for temporary mounts.
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
