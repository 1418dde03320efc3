"""A connection and the children of its process: a socket for each, and none harmed by another's end."""

from __future__ import annotations

import signal
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.reports import Report, each_report

if TYPE_CHECKING:
    from tests.support.daemon import Daemon, Start
    from tests.support.programs import Python

pytestmark = pytest.mark.blocking_only("no thread of a child runs the loop; tests/aio/test_processes.py has forks")

Eventually = Callable[..., None]
TRANSPORTS = ["socket", "udp"]

#: Begins each program. Its `look` describes a connection; children say how they ended by their status.
PROGRAM = """
import gc, json, os, signal, sys, threading, time, traceback, warnings
from pathlib import Path
from pychrony import ChronyConnection
warnings.simplefilter("ignore", DeprecationWarning)
address, folder, expected = sys.argv[1], Path(sys.argv[2]), int(sys.argv[3])
# Nothing here takes nearly as long.
signal.alarm(25)

def folders():
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("libchrony."))

def sockets():
    links = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
    return sorted(link for link in links if "socket:" in link)

def assert_works(connection):
    assert connection.get_tracking().stratum == 3
    assert len(connection.get_sources()) == expected
    assert connection.address == address

# There a late answer leaves a connection with another socket.
is_udp = not address.startswith("/")

def child(function):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        signal.alarm(20)
        function()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)

def ended(pid):
    assert os.waitpid(pid, 0)[1] == 0
"""


@pytest.fixture(scope="module")
def real(start_shared: Start) -> Daemon:
    """A real chronyd with sources enough for several lanes."""
    lines = [part for number in range(1, 61) for part in ("--line", f"server 127.0.7.{number} offline")]
    return start_shared("chronyd", "--command-port", "--line", "local stratum 3", *lines)


@pytest.fixture(params=TRANSPORTS)
def run(request: pytest.FixtureRequest, real: Daemon, python: Python) -> Callable[[str], str]:
    """Run a program with the chronyd's address, and see that it leaves no folder."""

    def run_one(code: str) -> str:
        address = getattr(real, request.param)
        output = python(PROGRAM + code, address, str(real.folder), "60")
        assert real.leftovers() == []
        return output

    return run_one


def test_a_child_reads_through_a_socket_of_its_own(run: Callable[[str], str]) -> None:
    code = """
def use():
    inherited = sockets()
    assert connection.address is None or connection.address == address
    assert_works(connection)
    assert not set(sockets()) & set(inherited)
    assert_works(connection)
    connection.__exit__(None, None, None)
    assert sockets() == []

with ChronyConnection(address) as connection:
    assert_works(connection)
    first = (sockets(), folders())
    for _ in range(3):
        before = (sockets(), folders())
        assert len(before[0]) >= 1
        assert is_udp or before == first
        ended(child(use))
        assert (sockets(), folders()) == before
        assert_works(connection)
    assert is_udp or (sockets(), folders()) == first
assert (sockets(), folders()) == ([], [])
print("done")
"""
    assert run(code) == "done\n"


@each_report
@pytest.mark.parametrize("transport", TRANSPORTS)
def test_parent_and_child_read_every_report(transport: str, report: Report, scripted: Daemon, python: Python) -> None:
    code = f"""
import pychrony

def read():
    assert connection.{report.call}() == pychrony.{report.call}(address) == before

with ChronyConnection(address) as connection:
    before = connection.{report.call}()
    for _ in range(3):
        pid = child(read)
        read()
        ended(pid)
print("done")
"""
    assert python(PROGRAM + code, getattr(scripted, transport), str(scripted.folder), "3") == "done\n"


def test_parent_and_child_read_in_turns_and_at_once(run: Callable[[str], str]) -> None:
    """Neither gets the other's answers, whoever ends first."""
    code = """
def read(number):
    for _ in range(number):
        assert_works(connection)

def use():
    read(40)
    connection.__exit__(None, None, None)

with ChronyConnection(address) as connection:
    read(1)
    children = [child(use) for _ in range(3)]
    read(60)
    for pid in children:
        ended(pid)
    read(1)
print("done")
"""
    assert run(code) == "done\n"


@pytest.mark.parametrize("end", ["pass", "os._exit(0)", "sys.exit()", "del connection; gc.collect()"])
def test_a_child_that_never_calls_harms_nothing(end: str, run: Callable[[str], str]) -> None:
    code = f"""
connection = ChronyConnection(address)
with connection:
    assert_works(connection)
    before = folders()
    pid = os.fork()
    if pid == 0:
        {end}
        os._exit(0)
    ended(pid)
    assert folders() == before
    assert_works(connection)
    pid = os.fork()
    if pid == 0:
        connection.__exit__(None, None, None)
        {end}
        # This is an orderly end, with all clean-up.
        sys.exit(0)
    ended(pid)
    assert folders() == before
    assert_works(connection)
print("done")
"""
    assert run(code) == "done\n"


def test_the_parent_may_leave_first(run: Callable[[str], str]) -> None:
    code = """
readable, writable = os.pipe()

def use():
    assert_works(connection)
    mine = (sockets(), folders())
    os.write(ready, b"1")
    # The parent has left by now.
    assert os.read(readable, 1) == b"2"
    assert_works(connection)
    assert is_udp or sockets() == mine[0]
    connection.__exit__(None, None, None)
    assert (sockets(), folders()) == ([], [])
    with connection:
        assert_works(connection)

waiting, ready = os.pipe()
with ChronyConnection(address) as connection:
    assert_works(connection)
    pid = child(use)
    assert os.read(waiting, 1) == b"1"
os.write(writable, b"2")
ended(pid)
print("done")
"""
    assert run(code) == "done\n"


def test_a_grandchild_reads_too(run: Callable[[str], str]) -> None:
    code = """
def use(depth):
    if depth % 2:
        assert_works(connection)
    if depth:
        ended(child(lambda: use(depth - 1)))
    assert_works(connection)
    connection.__exit__(None, None, None)

connection = ChronyConnection(address)
connection.__enter__()
assert_works(connection)
before = folders()
ended(child(lambda: use(4)))
assert folders() == before
assert_works(connection)
connection.__exit__(None, None, None)
print("done")
"""
    assert run(code) == "done\n"


def test_a_connection_made_before_and_entered_after_a_fork(run: Callable[[str], str]) -> None:
    code = """
connection = ChronyConnection(address)

def use():
    with connection:
        assert_works(connection)
    assert sockets() == []

ended(child(use))
with connection:
    assert_works(connection)
    ended(child(lambda: [assert_works(connection), connection.__exit__(None, None, None)]))
    assert_works(connection)
print("done")
"""
    assert run(code) == "done\n"


def test_children_of_a_process_whose_threads_are_in_calls(run: Callable[[str], str]) -> None:
    """Whatever the threads held at the fork, the child reads by its deadline."""
    code = """
stop = threading.Event()

def hammer():
    while not stop.is_set():
        assert_works(connection)

def use():
    before = time.monotonic()
    assert_works(connection)
    connection.__exit__(None, None, None)

with ChronyConnection(address, timeout=15) as connection:
    threads = [threading.Thread(target=hammer) for _ in range(3)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        ended(child(use))
    stop.set()
    for thread in threads:
        thread.join()
    assert_works(connection)
print("done")
"""
    assert run(code) == "done\n"


def test_children_of_a_process_whose_event_loop_reads_come_to_their_end(run: Callable[[str], str]) -> None:
    """A child closes at its end what the loop was reading with when it was forked."""
    code = """
import asyncio, atexit
from pychrony import _core, aio
stop = threading.Event()

async def read():
    async with aio.ChronyConnection(address) as connection, aio.Fleet([address] * 50) as fleet:
        while not stop.is_set():
            await asyncio.gather(*(connection.get_tracking() for _ in range(20)))
            async for _ in fleet.read(aio.get_tracking):
                begun.set()

begun = threading.Event()
loop = threading.Thread(target=asyncio.run, args=[read()])
loop.start()
begun.wait()
for _ in range(100):
    ended(child(_core.close_kept))
stop.set()
loop.join()
print("done")
"""
    assert run(code) == "done\n"


HANDLER = """
def handle(number, frame):
    pid = os.fork()
    if pid == 0:
        children.append(0)
    else:
        children.append(pid)
        print("forked", flush=True)

children = []
connection = ChronyConnection(address, timeout=20)
connection.__enter__()
connection.get_tracking()
inherited = sockets()
signal.signal(signal.SIGUSR1, handle)
print("ready", flush=True)
sys.stdin.readline()
print("reading", flush=True)
stratum = connection.get_tracking().stratum
if children == [0]:
    # The child goes on in the middle of its parent's call, on a socket of its own.
    assert stratum == 3, stratum
    assert not set(sockets()) & set(inherited)
    assert_works(connection)
    connection.__exit__(None, None, None)
    os._exit(0)
# The parent's call is still on its old socket, or over UDP on a further one: its answer was not taken.
assert stratum == 3, stratum
assert sockets() == inherited or not address.startswith("/")
ended(children[0])
assert_works(connection)
connection.__exit__(None, None, None)
print("done", flush=True)
"""


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_fork_in_a_signal_handler_during_a_wait(
    transport: str, start: Start, python: Python, eventually: Eventually
) -> None:
    """Parent and child both go on; the child leaves the parent's answer to the parent."""
    daemon = start("chronyd", "--command-port", "--line", "local stratum 3")
    arguments = (getattr(daemon, transport), str(daemon.folder), "0")
    with python.running(PROGRAM + HANDLER, *arguments) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        daemon.say("suspend")
        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "reading\n"
        place = Path(f"/proc/{process.pid}/wchan")
        eventually(lambda: any(wait in place.read_text() for wait in ("poll", "packet")), "waiting for chronyd")
        process.send_signal(signal.SIGUSR1)
        assert process.stdout.readline() == "forked\n"
        daemon.say("resume")
        assert process.stdout.readline() == "done\n"
    assert daemon.leftovers() == []
