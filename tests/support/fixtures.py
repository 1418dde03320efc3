"""The fixtures of all tests: daemons, programs, machines, and ways of waiting."""

from __future__ import annotations

import contextlib
import gc
import json
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.support import chronyc
from tests.support.daemon import ROOT, TESTBED, Daemon, Start, starter
from tests.support.front import Front
from tests.support.held import Resources
from tests.support.machine import PRIVATE_RUN, Machine
from tests.support.programs import Finish, Python
from tests.support.reports import defaults
from tests.support.waiting import PATIENCE, has_socket, punctually, wait_until

import pychrony
from pychrony import ChronyConnection


@pytest.fixture(scope="session", autouse=True)
def _deliver_sigint() -> Iterator[None]:
    """Make SIGINT work in child processes, even if a shell runs the tests in the background and so ignores SIGINT."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder whose path is short enough for chronyd's socket and libchrony's next to it."""
    with tempfile.TemporaryDirectory(prefix="t-") as name:
        yield Path(name)


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
    """A client with a command port, synchronised to a server on 127.0.0.1. Tests must not stop it."""
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
    """Call a function, and check the time that it takes: `timed(call, seconds)`."""
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


@pytest.fixture
def machine(python: Python, start: Start) -> Iterator[Machine]:
    """A machine on which chronyd does not run yet."""
    made = Machine(python, start)
    yield made
    made.close()


@pytest.fixture(scope="module")
def server(start_shared: Start) -> Daemon:
    """A scripted chronyd for all tests of a module."""
    return start_shared("scripted")


@pytest.fixture
def scripted(server: Daemon) -> Daemon:
    """The module's scripted chronyd without faults, with default records of every report and three sources."""
    server.say("clear")
    server.say("come-back")
    server.say(defaults())
    return server


@pytest.fixture
def many(start: Start) -> Daemon:
    """A scripted chronyd of the test's own, with enough sources for all lanes."""
    daemon = start("scripted")
    daemon.say(defaults(40))
    return daemon


@pytest.fixture
def connect() -> Iterator[Callable[..., ChronyConnection]]:
    """Enter connections, which are closed at the end of the test."""
    with contextlib.ExitStack() as stack:

        def enter(*address: str, **settings: Any) -> ChronyConnection:  # noqa: ANN401
            return stack.enter_context(ChronyConnection(*address, **settings))

        yield enter


@pytest.fixture
def resources(scripted: Daemon) -> Resources:
    """The resources of the process once the module's scripted chronyd runs and libchrony is loaded."""
    with ChronyConnection(scripted.socket):
        pass
    # Close what earlier tests dropped now, and not while a test counts.
    gc.collect()
    return Resources(scripted)


@pytest.fixture
def private_run(tmp_path: Path) -> list[str]:
    """The beginning of a command line that runs with an empty /run and /var/run."""
    return ["unshare", "--mount", "sh", "-c", PRIVATE_RUN, "sh", str(tmp_path)]


@pytest.fixture
def start_at(start: Start, private_run: list[str]) -> Callable[..., Daemon]:
    """Start a daemon whose folder is also mounted at the given place, in its mount namespace (`inside("mount")`)."""

    def start_one(place: str, *arguments: str) -> Daemon:
        daemon = start(*arguments, wrapper=private_run)
        mount = 'mkdir -p "$1" && mount --bind "$2" "$1"'
        command = [*daemon.inside("mount"), "sh", "-c", mount, "sh", place, str(daemon.folder)]
        subprocess.run(command, check=True)
        return daemon

    return start_one


@pytest.fixture
def finish(python: Python) -> Finish:
    """Run a program to its end; it must succeed and leave stderr empty."""

    def run(program: str, *arguments: str, wrapper: Sequence[str] = ()) -> str:
        command = python.command(program, *arguments, wrapper=wrapper)
        done = subprocess.run(command, text=True, capture_output=True, timeout=PATIENCE, check=False)
        assert (done.returncode, done.stderr) == (0, ""), f"{done.stdout}\n{done.stderr}"
        return done.stdout

    return run


@pytest.fixture(scope="session")
def crowd() -> Callable[..., list[dict[str, Any]]]:
    """Run one case of the benchmark `crowd` with options, and return its figures."""

    def run(case: str, address: str, *options: str) -> list[dict[str, Any]]:
        command = [sys.executable, "-m", "benches", "crowd", "--only", case, "--json", "--address", address, *options]
        done = subprocess.run(command, cwd=ROOT, text=True, stdout=subprocess.PIPE, check=True)
        return [json.loads(line) for line in done.stdout.splitlines()]

    return run


@pytest.fixture(scope="session")
def compare() -> Callable[..., dict[str, Any]]:
    """Read reports at an address, and compare every field with chronyc's."""
    return chronyc.compare


@pytest.fixture(scope="session")
def quieten(eventually: Callable[..., None]) -> Callable[[Daemon], None]:
    """Stop the NTP requests of a daemon. Its values then change steadily, or not at all."""

    def run(daemon: Daemon) -> None:
        daemon.chronyc("offline")

        def is_offline() -> bool:
            # Sources that are online, offline, in a burst before they go online or offline, and unresolved.
            online, _, burst_online, burst_offline, _ = daemon.rows("activity")[0]
            return (online, burst_online, burst_offline) == ("0", "0", "0")

        eventually(is_offline, "no source online")

    return run


@pytest.fixture
def quiet_pair(
    start: Callable[..., Daemon], eventually: Callable[..., None], quieten: Callable[[Daemon], None]
) -> Daemon:
    """A synchronised client with a command port that takes no more samples, so that its values hardly change."""
    client = start("pair", "--command-port")
    # Enough samples for statistics of all fields.
    eventually(lambda: pychrony.get_source_stats(client.socket)[0].samples >= 8, "eight samples")
    quieten(client)
    return client


@pytest.fixture(scope="session")
def in_threads() -> Callable[..., list[Any]]:
    """Return a function that calls another in threads at once, with the thread's number, and returns the results."""

    def run(function: Callable[[int], Any], number_of_threads: int) -> list[Any]:
        barrier = threading.Barrier(number_of_threads)

        def call(index: int) -> object:
            barrier.wait()
            return function(index)

        with ThreadPoolExecutor(number_of_threads) as pool:
            return list(pool.map(call, range(number_of_threads)))

    return run


@pytest.fixture
def fronts(scripted: Daemon, folder: Path) -> Iterator[list[Front]]:
    """A front at a Unix socket, and a front at a UDP port."""
    opened = [Front(scripted, str(folder / "c.sock")), Front(scripted, ("127.0.0.1", 0))]
    yield opened
    for front in opened:
        front.close()


@pytest.fixture
def front(fronts: list[Front]) -> Front:
    """The front at a Unix socket."""
    return fronts[0]


@pytest.fixture
def other_user(python: Python) -> Iterator[Callable[..., str]]:
    """Start a case of `other_user.py`, and return its first line; it runs until the end of the test."""
    with contextlib.ExitStack() as stack:

        def run(case: str, *arguments: str) -> str:
            command = python.command("other_user.py", case, *arguments)
            process = stack.enter_context(subprocess.Popen(command, stdout=subprocess.PIPE, text=True))
            stack.callback(process.kill)
            assert process.stdout is not None
            return process.stdout.readline().strip()

        yield run
