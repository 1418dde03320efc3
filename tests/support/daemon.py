"""The daemons of the test bed. A `Daemon` is the program `testbed`, which runs a real or a scripted chronyd.

Commands go to the program over a pipe. Each daemon ends with the fixture that started it. A missing program fails the
test: nothing is skipped.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

from tests.support.waiting import PATIENCE

ROOT = Path(__file__).resolve().parent.parent.parent
TESTBED = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug" / "testbed"


class Daemon:
    """The program `testbed`: `chronyd`, `pair` or `scripted`, with the options and commands that its help lists."""

    def __init__(self, *arguments: str, wrapper: Sequence[str] = ()) -> None:
        """Start the program, as the last arguments of `wrapper`, and wait until it is ready."""
        assert TESTBED.exists(), f"{TESTBED} is missing; run: make build"
        # In its own session: Ctrl-C ends the tests, and leaves the program time to clean up.
        self.process = subprocess.Popen(
            [*wrapper, str(TESTBED), *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            bufsize=1,
            start_new_session=True,
        )
        self.described: dict[str, Any] = {}
        try:
            self.described = self._answer("ready")
            if arguments == ("scripted",):
                # As chrony 4.7 with `opencommands`, so that every report can be read over every transport.
                self.say('values {"open": true}')
        except BaseException:
            self.close()
            raise

    def _answer(self, to: str) -> dict[str, Any]:
        assert self.process.stdout is not None
        assert select.select([self.process.stdout], [], [], PATIENCE)[0], f"no answer to {to!r} within {PATIENCE} s"
        line = self.process.stdout.readline()
        assert line, f"the test bed ended instead of answering {to!r}"
        answer: dict[str, Any] = json.loads(line)
        assert "error" not in answer, f"{to}: {answer['error']}"
        return answer

    def say(self, command: str) -> dict[str, Any]:
        """Send a command and return the answer. An error fails the test."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        answer = self._answer(command)
        if "socket" in answer:
            self.described = answer
        return answer

    def close(self) -> None:
        """End the program, which ends all that it started and removes its folder."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        with contextlib.suppress(BrokenPipeError):
            self.process.stdin.close()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            raise
        finally:
            self.process.stdout.close()

    @property
    def socket(self) -> str:
        """The path of its Unix socket."""
        return str(self.described["socket"])

    @property
    def folder(self) -> Path:
        """The folder of its Unix socket."""
        return Path(self.described["folder"])

    @property
    def pid(self) -> int:
        """The process of its chronyd."""
        return int(self.described["pid"])

    @property
    def ntp_port(self) -> int:
        """The port it serves NTP on."""
        return int(self.described["ntp_port"])

    @property
    def udp(self) -> str:
        """The address of its command port over IPv4."""
        return f"127.0.0.1:{self.described['command_port']}"

    @property
    def udp6(self) -> str:
        """The address of its command port over IPv6."""
        return f"[::1]:{self.described['command_port']}"

    def chronyc(self, command: str) -> str:
        """Return what `chronyc -c -n` prints for a command."""
        return str(self.say(f"chronyc {command}")["output"])

    def rows(self, report: str) -> list[list[str]]:
        """Return what `chronyc -c -n` prints for a report, split into lines and fields."""
        return [line.split(",") for line in self.chronyc(report).splitlines()]

    def inside(self, *namespaces: str) -> list[str]:
        """Return the beginning of a command line that runs in the daemon's namespaces: mount, net, ipc."""
        return ["nsenter", *(f"--{name}=/proc/{self.process.pid}/ns/{name_of(name)}" for name in namespaces), "--"]

    def leftovers(self) -> list[str]:
        """Return the folders of clients' sockets that are next to its own."""
        return sorted(path.name for path in self.folder.iterdir() if path.name.startswith("libchrony."))


class Server(Daemon):
    """The server of a pair, which runs in the pair's program."""

    def __init__(self, pair: Daemon) -> None:
        """Refer to the server of a pair. The pair ends it."""
        self.process = pair.process
        self.described = pair.described["server"]

    def say(self, command: str) -> dict[str, Any]:
        """Give the server a command."""
        return super().say(f"server {command}")


def name_of(namespace: str) -> str:
    """Return the name of a namespace in /proc/PID/ns."""
    return {"mount": "mnt"}.get(namespace, namespace)


class Start(Protocol):
    """Starts a daemon that ends with the fixture."""

    def __call__(self, *arguments: str, wrapper: Sequence[str] = ()) -> Daemon:
        """Start a `Daemon` with these arguments."""


@contextlib.contextmanager
def starter() -> Iterator[Start]:
    """Yield a function that starts daemons, which end with this context."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: str, wrapper: Sequence[str] = ()) -> Daemon:
            daemon = Daemon(*arguments, wrapper=wrapper)
            stack.callback(daemon.close)
            return daemon

        yield start
