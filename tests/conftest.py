"""The test bed's daemons and child processes, for the tests of all folders.

A `Daemon` is the test bed's program with a chronyd inside, real or scripted; its commands go over a pipe. Everything
started here ends with the fixture that started it. There are no expectations about pychrony in this file, and nothing
is skipped: what is missing fails.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

ROOT = Path(__file__).resolve().parent.parent
#: Has pychrony read by an event loop of this kind, in the tests and in the programs that they run: see
#: aio/blocking_facade.py.
DRIVER = os.environ.get("PYCHRONY_TEST_DRIVER")
USE_DRIVER = f"""
import sys
sys.path.insert(0, {str(ROOT / "tests" / "aio")!r})
import blocking_facade
blocking_facade.install({DRIVER!r})
"""
if DRIVER is not None:
    # As the programs do.
    exec(USE_DRIVER)
TESTBED = ROOT / os.environ.get("CARGO_TARGET_DIR", "target") / "debug" / "testbed"
#: Nothing that is started or asked here takes nearly as long; this is for a machine in trouble.
PATIENCE = 30.0
#: The user and group of processes without rights; they need not exist.
NOBODY = 65534


def wait_until(condition: Callable[[], object], what: str, patience: float = PATIENCE) -> None:
    """Wait until the condition holds; fail with `what` if it does not in time."""
    end = time.monotonic() + patience
    while not condition():
        assert time.monotonic() < end, f"not within {patience} s: {what}"
        time.sleep(0.005)


Result = TypeVar("Result")


def punctually(call: Callable[[], Result], seconds: float, slack: float = 0.2, tries: int = 12) -> Result:
    """Call until it takes the given time, and at most `slack` more; return its result then.

    Every call has to take that time at least. A machine that is busy, or that shares its processors with others, can
    make some calls late; it cannot make all of them late, and it never makes one early.
    """
    taken = []
    for _ in range(tries):
        before = time.monotonic()
        result = call()
        taken.append(time.monotonic() - before)
        assert taken[-1] >= seconds, f"too early: after {taken[-1]} s of {seconds} s"
        if taken[-1] < seconds + slack:
            return result
    raise AssertionError(f"always too late: after {taken} s instead of {seconds} s")


class Daemon:
    """The test bed's program: `chronyd`, `pair` or `scripted`, with the options and commands that its help lists."""

    def __init__(self, *arguments: str, wrapper: Sequence[str] = ()) -> None:
        """Start it, as the last arguments of `wrapper`, and wait until it is ready."""
        assert TESTBED.exists(), f"{TESTBED} is missing; run: make build"
        # In a session of its own, so that a Ctrl-C for the tests lets it clean up.
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
        """Give a command and return its answer; an error fails the test."""
        assert self.process.stdin is not None
        self.process.stdin.write(command + "\n")
        answer = self._answer(command)
        if "socket" in answer:
            self.described = answer
        return answer

    def close(self) -> None:
        """End it, and all it started, and remove its folder."""
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
        """What `chronyc -c -n` prints for a command."""
        return str(self.say(f"chronyc {command}")["output"])

    def rows(self, report: str) -> list[list[str]]:
        """What `chronyc -c -n` prints for a report, split into lines and fields."""
        return [line.split(",") for line in self.chronyc(report).splitlines()]

    def inside(self, *namespaces: str) -> list[str]:
        """The beginning of a command line that runs in its namespaces: mount, net, ipc."""
        return ["nsenter", *(f"--{name}=/proc/{self.process.pid}/ns/{name_of(name)}" for name in namespaces), "--"]

    def leftovers(self) -> list[str]:
        """The folders of clients' sockets beside its own."""
        return sorted(path.name for path in self.folder.iterdir() if path.name.startswith("libchrony."))


def name_of(namespace: str) -> str:
    """The name of a namespace below /proc."""
    return {"mount": "mnt"}.get(namespace, namespace)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what is not of pychrony's calls, where these are made by an event loop."""
    if DRIVER is None:
        return
    facade = importlib.import_module("blocking_facade")
    left_out = [item for item in items if not facade.is_of_calls(item.nodeid)]
    config.hook.pytest_deselected(items=left_out)
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for chronyd's socket and libchrony's beside it."""
    with tempfile.TemporaryDirectory(prefix="t-") as name:
        yield Path(name)


class Start(Protocol):
    """Starts a daemon that ends with the fixture."""

    def __call__(self, *arguments: str, wrapper: Sequence[str] = ()) -> Daemon:
        """As `Daemon`."""


@contextlib.contextmanager
def starter() -> Iterator[Start]:
    """A function that starts daemons; all of them end together."""
    with contextlib.ExitStack() as stack:

        def start(*arguments: str, wrapper: Sequence[str] = ()) -> Daemon:
            daemon = Daemon(*arguments, wrapper=wrapper)
            stack.callback(daemon.close)
            return daemon

        yield start


class Python:
    """Runs Python programs as processes of their own, in the environment of the tests with changes."""

    def command(self, code: str, *arguments: str, wrapper: Sequence[str] = (), nobody: bool = False) -> list[str]:
        """The command line of a program. As nobody, it gives up all rights once pychrony and libchrony are loaded."""
        if nobody:
            # The interpreter and the package may lie in folders that only the present user may read.
            code = (
                "import json, os, pychrony, pychrony.exceptions\npychrony.libchrony_path()\nos.setgroups([])\n"
                f"os.setresgid({NOBODY}, {NOBODY}, {NOBODY})\nos.setresuid({NOBODY}, {NOBODY}, {NOBODY})\n{code}"
            )
        return [
            *wrapper,
            sys.executable,
            "-W",
            "error",
            "-c",
            code if DRIVER is None else USE_DRIVER + code,
            *arguments,
        ]

    def environment(self, changes: Mapping[str, str | None]) -> dict[str, str]:
        """The present environment with changes; None removes a variable."""
        environment = {**os.environ, **changes}
        return {name: value for name, value in environment.items() if value is not None}

    def __call__(
        self,
        code: str,
        *arguments: str,
        wrapper: Sequence[str] = (),
        nobody: bool = False,
        environment: Mapping[str, str | None] | None = None,
        cwd: Path | None = None,
    ) -> str:
        """Run a program to its end and return what it printed; a failure fails the test."""
        done = subprocess.run(
            self.command(code, *arguments, wrapper=wrapper, nobody=nobody),
            env=self.environment(environment or {}),
            cwd=cwd,
            text=True,
            capture_output=True,
            timeout=PATIENCE,
            check=False,
        )
        assert done.returncode == 0, f"status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done.stdout

    @contextlib.contextmanager
    def running(self, code: str, *arguments: str, wrapper: Sequence[str] = ()) -> Iterator[subprocess.Popen[str]]:
        """A program that runs while the test does something else to it; it has to end by itself, without a failure."""
        process = subprocess.Popen(
            self.command(code, *arguments, wrapper=wrapper),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        with process:
            try:
                yield process
                assert process.wait(PATIENCE) == 0
            finally:
                process.kill()


def has_socket(pid: int) -> bool:
    """Whether a process has a socket open, which a child of `Python` has only while it waits for chronyd."""
    with contextlib.suppress(FileNotFoundError):
        return any(
            str(entry.readlink()).startswith("socket:")
            for entry in Path(f"/proc/{pid}/fd").iterdir()
            if entry.is_symlink()
        )
    return False


@pytest.fixture(scope="session", autouse=True)
def _deliver_sigint() -> Iterator[None]:
    """Make Ctrl-C work in the children, even where the tests run in the background of a shell that ignores it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def start() -> Iterator[Start]:
    """Start daemons that end with the test."""
    with starter() as function:
        yield function


@pytest.fixture(scope="module")
def start_shared() -> Iterator[Start]:
    """Start daemons that end with the module's tests, for fixtures of the same scope."""
    with starter() as function:
        yield function


@pytest.fixture(scope="session")
def pair() -> Iterator[Daemon]:
    """A client that is synchronised to a server on 127.0.0.1, with a command port. Not to be stopped."""
    with starter() as function:
        yield function("pair", "--command-port")


@pytest.fixture(scope="session")
def python() -> Python:
    """Run Python programs as processes of their own."""
    return Python()


@pytest.fixture(scope="session")
def eventually() -> Callable[..., None]:
    """Wait for a condition: `eventually(condition, what)`."""
    return wait_until


@pytest.fixture(scope="session")
def timed() -> Callable[..., Any]:
    """Call until it takes the given time and hardly more: `timed(call, seconds)`."""
    return punctually


@pytest.fixture(scope="session")
def waits_for_chronyd() -> Callable[[int], bool]:
    """Tell whether a process has a socket open."""
    return has_socket


@pytest.fixture(scope="session")
def stub() -> str:
    """The file of the stub libchrony."""
    assert TESTBED.exists(), f"{TESTBED} is missing; run: make build"
    done = subprocess.run([TESTBED, "stub"], text=True, stdout=subprocess.PIPE, check=True)
    return str(json.loads(done.stdout)["library"])
