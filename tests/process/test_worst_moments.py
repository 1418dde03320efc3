"""Forks, signals and closed descriptors at the worst moments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from tests.support.reports import CALLS, NAMES

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.daemon import Daemon
    from tests.support.programs import Python

pytestmark = pytest.mark.blocking_only("signal handlers that call or raise in the middle of a blocking call")

TRANSPORTS = ["socket", "udp"]

#: Begins each program. Nothing here takes nearly as long as the alarm.
PROGRAM = """
import os, pychrony, signal, sys, threading, time, warnings
from pathlib import Path
from pychrony import ChronyConnection
warnings.simplefilter("ignore", DeprecationWarning)
address, folder = sys.argv[1], Path(sys.argv[2])
signal.alarm(25)

def folders():
    return sorted(path.name for path in folder.iterdir() if path.name.startswith("libchrony."))
"""


@pytest.fixture(params=TRANSPORTS)
def run(request: pytest.FixtureRequest, scripted: Daemon, python: Python) -> Callable[..., str]:
    """Run a program with the scripted chronyd's address."""

    def run_one(code: str, *wrapper: str) -> str:
        output: str = python(
            PROGRAM + code, getattr(scripted, request.param), str(scripted.folder), wrapper=list(wrapper)
        )
        assert scripted.leftovers() == []
        return output

    return run_one


def test_what_a_handler_raises_in_a_child_it_forks_ends_the_child(scripted: Daemon, run: Callable[..., str]) -> None:
    """As by `sys.exit`; two copies of the program would go on."""
    scripted.say("fault delay 2")
    code = """
def handle(number, frame):
    global child
    child = os.fork()
    if child == 0:
        sys.exit(7)

signal.signal(signal.SIGUSR1, handle)
program = os.getpid()
threading.Timer(0.2, os.kill, (program, signal.SIGUSR1)).start()
assert pychrony.get_tracking(address).stratum == 2
assert os.getpid() == program
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""
    assert run(code) == "7\n"


def test_a_child_that_has_its_parents_number_is_another_process_all_the_same(run: Callable[..., str]) -> None:
    """The first process of each PID namespace has number 1; elsewhere a number is given again in time."""
    code = """
import ctypes
connection = ChronyConnection(address, timeout=2)
connection.__enter__()
before = folders()
assert ctypes.CDLL(None).unshare(0x20000000) == 0  # CLONE_NEWPID
child = os.fork()
if child == 0:
    assert os.getpid() == 1
    connection.__exit__(None, None, None)
    os._exit(0)
assert os.getpid() == 1 and os.waitpid(child, 0)[1] == 0
assert folders() == before
connection.__exit__(None, None, None)
print("done")
"""
    assert run(code, "unshare", "--pid", "--fork") == "done\n"


def test_no_python_code_runs_below_a_call(run: Callable[..., str]) -> None:
    """A daemon thread that is in some at the interpreter's end would unwind through the extension, and crash it."""
    code = """
call, calls, below = None, 0, []
def watch(frame, event, argument):
    global call, calls
    if event == "c_call":
        own = argument.__module__ == "pychrony._core" or isinstance(argument.__self__, ChronyConnection)
        call, calls = (argument, calls + 1) if own else (None, calls)
    elif event in ("c_return", "c_exception"):
        call = None
    elif call is not None:
        below.append(f"{frame.f_code.co_name} below {call}")

def use(address):
    for name in NAMES:
        try:
            getattr(pychrony, name)(address)
        except pychrony.ChronyError:
            pass
    connection = ChronyConnection(address)
    try:
        connection.__enter__()
    except pychrony.ChronyError:
        return
    connection.get_sources()
    connection.__exit__(None, None, None)

sys.setprofile(watch)
use(address)
use(str(folder / "missing.sock"))
sys.setprofile(None)
assert below == [], below
print(calls)
"""
    # Two of each function and of entering, and one of reading and leaving.
    assert run(NAMES + code) == f"{2 * (len(CALLS) + 1) + 2}\n"


def test_a_handler_may_use_the_connection_that_its_thread_is_waiting_on(
    scripted: Daemon, run: Callable[..., str]
) -> None:
    scripted.say("fault delay 1")
    code = """
with ChronyConnection(address, timeout=5) as connection:
    signal.signal(signal.SIGUSR1, lambda *_: print(connection.get_tracking().stratum))
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    start = time.monotonic()
    print(connection.get_tracking().stratum)
    assert time.monotonic() - start < 4
"""
    assert run(code) == "2\n2\n"


def test_an_exception_of_a_handler_leaves_nothing_open_behind_its_block(run: Callable[..., str]) -> None:
    """It comes before, in, or after the entering or the leaving, and the next block is whole each time."""
    code = """
import random
class Stop(Exception):
    pass
armed = False
def handle(number, frame):
    global armed
    if armed:
        armed = False
        raise Stop
signal.signal(signal.SIGALRM, handle)
connection = ChronyConnection(address)

def is_open():
    try:
        connection.get_tracking()
    except RuntimeError:
        return False
    return True

def lasts():
    start = time.perf_counter()
    with connection:
        pass
    return time.perf_counter() - start

longest = 1.2 * sorted(lasts() for _ in range(50))[25]
stopped, end = 0, time.monotonic() + 6
while stopped < 2000 and time.monotonic() < end:
    try:
        armed = True
        signal.setitimer(signal.ITIMER_REAL, random.uniform(1e-6, longest))
        with connection:
            pass
        armed = False
    except Stop:
        stopped += 1
        if is_open():
            # The `with` statement of later versions has a step of its own in between.
            assert sys.version_info >= (3, 14), f"the {stopped}th exception has left it open"
            connection.__exit__(None, None, None)
        with connection:
            assert connection.get_tracking().stratum == 2
        assert not is_open()
signal.setitimer(signal.ITIMER_REAL, 0)
assert folders() == []
assert stopped > 50
print("done")
"""
    assert run(code) == "done\n"


def test_descriptors_that_others_have_closed_are_left_alone(run: Callable[..., str]) -> None:
    """Daemons close all that they inherit; then the numbers are those of their own files."""
    code = """
connection = ChronyConnection(address)
connection.__enter__()
child = os.fork()
if child == 0:
    os.closerange(3, 256)
    mine = [os.open("/", os.O_RDONLY) for _ in range(12)]
    assert connection.get_tracking().stratum == 2
    connection.__exit__(None, None, None)
    assert all(os.path.samestat(os.fstat(fd), os.stat("/")) for fd in mine)
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
connection.__exit__(None, None, None)
print("done")
"""
    assert run(code) == "done\n"


def test_an_exit_removes_nothing_of_those_who_closed_the_descriptors(scripted: Daemon, python: Python) -> None:
    """What has a socket's number by then may be bound to a path, too."""
    code = """
import ctypes, socket
connection = ChronyConnection(address)
connection.__enter__()
ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))  # Never dropped.
os.closerange(3, 256)
for number in range(12):
    own = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
    own.bind(str(folder / f"own{number}"))
    own.detach()
"""
    python(PROGRAM + code, scripted.socket, str(scripted.folder))
    own = sorted(Path(scripted.folder).glob("own*"))
    assert len(own) == 12
    for path in own:
        path.unlink()


def test_a_number_that_is_anothers_by_now_gets_no_request(run: Callable[..., str]) -> None:
    """A receive on another's socket might wait for ever; neither that nor what was `/dev/urandom` is closed."""
    code = """
import shutil, socket
connection = ChronyConnection(address, timeout=2)
connection.__enter__()
path = {}
for fd in os.listdir("/proc/self/fd"):
    if os.path.islink(f"/proc/self/fd/{fd}"):
        path[int(fd)] = os.readlink(f"/proc/self/fd/{fd}")
(own,) = [fd for fd, what in path.items() if what.startswith("socket:")]
(urandom,) = [fd for fd, what in path.items() if what == "/dev/urandom"]
for name in folders():
    shutil.rmtree(folder / name)
mine, other = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
file = os.open("/", os.O_RDONLY)
os.dup2(mine.fileno(), own)
os.dup2(file, urandom)
assert connection.get_tracking().stratum == 2
other.setblocking(False)
try:
    other.recv(1000)
    print("a request")
except BlockingIOError:
    pass
connection.__exit__(None, None, None)
assert os.path.samestat(os.fstat(urandom), os.stat("/"))
assert os.path.samestat(os.fstat(own), os.fstat(mine.fileno()))
print("done")
"""
    assert run(code) == "done\n"
