"""Forks, signals and closed descriptors at the worst moments."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.conftest import Daemon, Python

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
    scripted.say("fault delay 0.6")
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


#: Waits in the midst of the first lookup of a record's class.
LOOKUP = """
class Lookup:
    def __init__(self, then):
        self.then, self.came = then, False
    def __call__(self, frame, event, argument):
        if frame.f_code.co_name == "__iter__" and "enum" in frame.f_code.co_filename and not self.came:
            self.came = True
            self.then()
"""


def test_a_fork_during_another_threads_first_call(run: Callable[..., str]) -> None:
    code = f"""{LOOKUP}
inside, go_on = threading.Event(), threading.Event()
def first():
    sys.setprofile(Lookup(lambda: [inside.set(), go_on.wait(10)]))
    pychrony.get_tracking(address)
thread = threading.Thread(target=first)
thread.start()
assert inside.wait(10)
child = os.fork()
if child == 0:
    signal.alarm(10)
    os._exit(0 if pychrony.get_tracking(address).stratum == 2 else 1)
go_on.set()
thread.join()
print(os.waitpid(child, 0)[1])
"""
    assert run(code) == "0\n"


def test_a_handler_that_calls_during_the_first_call(run: Callable[..., str]) -> None:
    code = f"""{LOOKUP}
signal.signal(signal.SIGUSR1, lambda *_: print(pychrony.get_tracking(address).stratum))
sys.setprofile(Lookup(lambda: os.kill(os.getpid(), signal.SIGUSR1)))
print(pychrony.get_tracking(address).stratum)
"""
    assert run(code) == "2\n2\n"


def test_a_handler_may_use_the_connection_that_its_thread_is_waiting_on(
    scripted: Daemon, run: Callable[..., str]
) -> None:
    scripted.say("fault delay 0.5")
    code = """
with ChronyConnection(address, timeout=5) as connection:
    signal.signal(signal.SIGUSR1, lambda *_: print(connection.get_tracking().stratum))
    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGUSR1)).start()
    start = time.monotonic()
    print(connection.get_tracking().stratum)
    assert time.monotonic() - start < 4
"""
    assert run(code) == "2\n2\n"


def test_an_exception_of_a_handler_while_entering_leaves_nothing_open(run: Callable[..., str]) -> None:
    """Raised once entering is done it would, since no `__exit__` follows. In the last instant it still can be."""
    code = """
import random
class Stop(Exception):
    pass
armed = False
def handle(number, frame):
    if armed:
        raise Stop
signal.signal(signal.SIGUSR1, handle)
main, go_on, stopped, still_open = threading.get_ident(), True, 0, 0
def send():
    while go_on:
        time.sleep(random.uniform(0.0001, 0.001))
        signal.pthread_kill(main, signal.SIGUSR1)
thread = threading.Thread(target=send)
thread.start()
while stopped < 300:
    connection = ChronyConnection(address)
    try:
        armed = True
        with connection:
            armed = False
    except Stop:
        armed = False
        stopped += 1
        try:
            connection.get_tracking()
            still_open += 1
        except RuntimeError:
            pass
    del connection
go_on = False
thread.join()
assert still_open < stopped / 4, (still_open, stopped)
print("done")
"""
    assert run(code) == "done\n"


def test_descriptors_that_others_have_closed_are_nobodys_business(run: Callable[..., str]) -> None:
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
