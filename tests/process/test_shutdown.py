"""Interpreters that end while connections are open or calls under way: at once, with success, without a word.

A connection that was opened over the Unix socket has a folder beside chronyd's. It is removed by every end but those
that leave no time for it, such as `os._exit`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.programs import Finish, Python

pytestmark = pytest.mark.blocking_only("threads that block in calls; tests/aio/test_processes.py has the loops'")

Eventually = Callable[..., None]
TRANSPORTS = ["socket", "udp"]
#: The code of the request for tracking.
TRACKING = "33"

START = """
import atexit, os, pychrony, sys, threading
from pychrony import ChronyConnection
address = sys.argv[1]
connection = ChronyConnection(address)
connection.__enter__()

class Last:
    def __init__(self, function):
        self.function = function
    def __del__(self, Error=(pychrony.ChronyError, ImportError, AttributeError, TypeError)):
        try:
            print(self.function().stratum)
        except Error as error:
            print(type(error).__name__)
"""

THREADS = """
threading.Thread(target=lambda: [connection.get_sources() for _ in range(20)]).start()
threading.Thread(target=lambda: [pychrony.get_sources(address) for _ in range(20)]).start()
"""

ORDERLY = {
    "a connection of the module": ("connection.get_sources()", ""),
    "a connection that was never used": ("", ""),
    "a handler that reads": ("atexit.register(lambda: print(connection.get_tracking().stratum))", "2\n"),
    "a handler that opens": ("atexit.register(lambda: print(len(pychrony.get_sources(address))))", "40\n"),
    "a handler that closes": ("atexit.register(connection.__exit__, None, None, None)", ""),
    "an exit in a block": ("with connection:\n    connection.get_sources()\n    sys.exit()", ""),
    "an exit in a block of its own": (
        "with ChronyConnection(address) as own:\n    own.get_sources()\n    sys.exit()",
        "",
    ),
    "threads that are waited for": (THREADS * 4, ""),
}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize(("end", "printed"), ORDERLY.values(), ids=ORDERLY.keys())
def test_an_orderly_end_leaves_nothing(end: str, printed: str, transport: str, many: Daemon, finish: Finish) -> None:
    assert finish(START + end, getattr(many, transport)) == printed
    assert many.leftovers() == []


LATE = {
    "a connection": "last = Last(connection.get_tracking)",
    "a connection that has read": "connection.get_tracking()\nlast = Last(connection.get_tracking)",
    "a function": "import functools\nlast = Last(functools.partial(pychrony.get_tracking, address))",
    "an error": "import functools\nlast = Last(functools.partial(pychrony.get_tracking, '/nowhere/chronyd.sock'))",
    "a cycle": "last = Last(connection.get_tracking)\nlast.itself = last",
    "a module that goes late": "sys.modules['os'].last = Last(connection.get_tracking)",
}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("end", LATE.values(), ids=LATE.keys())
def test_an_object_that_calls_when_modules_are_gone_gets_a_record_or_an_exception(
    end: str, transport: str, many: Daemon, finish: Finish
) -> None:
    """Python cannot import any more by then, and says so; later still, it has lost the names of modules, too."""
    printed = finish(START + end, getattr(many, transport))
    assert printed in {"2\n", "ImportError\n", "TypeError\n", "AttributeError\n"}
    assert (printed == "2\n") <= ("nowhere" not in end)
    assert many.leftovers() == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_such_an_object_gets_its_record_however_long_that_takes(transport: str, many: Daemon, finish: Finish) -> None:
    many.say("fault delay 0.3")
    end = "connection.get_tracking()\nlast = Last(connection.get_tracking)"
    assert finish(START + end, getattr(many, transport)) == "2\n"
    assert many.leftovers() == []


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_an_end_without_clean_up_leaves_one_folder_for_each_open_socket(
    transport: str, many: Daemon, finish: Finish
) -> None:
    """Nothing of ours runs at an `os._exit`, as at a SIGKILL; what is closed by then has gone."""
    address = getattr(many, transport)
    before = many.leftovers()
    finish(START + "connection.__exit__(None, None, None)\npychrony.get_sources(address)\nos._exit(0)", address)
    assert many.leftovers() == before
    finish(START + "connection.get_sources()\nos._exit(0)", address)
    assert len(set(many.leftovers()) - set(before)) == (1 if transport == "socket" else 0)
    # The folder does not disturb the next program.
    finish(START, address)


BUSY = {
    "a connection": "connection.get_sources",
    "connections": "lambda: ChronyConnection(address).__enter__().get_sources()",
    "functions": "lambda: pychrony.get_sources(address)",
}


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("call", BUSY.values(), ids=BUSY.keys())
def test_daemon_threads_in_the_middle_of_calls_do_no_harm(
    call: str, transport: str, many: Daemon, finish: Finish
) -> None:
    code = f"""
call, barrier = {call}, threading.Barrier(5)
def read():
    call()
    barrier.wait()
    while True:
        call()
for _ in range(4):
    threading.Thread(target=read, daemon=True).start()
barrier.wait()
"""
    for _ in range(5):
        assert finish(START + code, getattr(many, transport)) == ""
    assert many.leftovers() == []


def test_many_daemon_threads_that_open_and_close_at_the_end_leave_nothing(many: Daemon, finish: Finish) -> None:
    """At most ends, some of them are in the middle of either."""
    code = """
barrier = threading.Barrier(33)
def read():
    barrier.wait()
    while True:
        with ChronyConnection(address) as own:
            own.get_sources()
for _ in range(32):
    threading.Thread(target=read, daemon=True).start()
barrier.wait()
"""
    for _ in range(12):
        assert finish(START + code, many.socket) == ""
    assert many.leftovers() == []


WAIT = """
import pychrony, sys, threading
from pychrony import ChronyConnection

address, is_daemon = sys.argv[1], sys.argv[2] == "daemon"
timeout = 600 if is_daemon else 1.5
connection = ChronyConnection(address, timeout=timeout)
connection.__enter__()
print("ready", flush=True)
sys.stdin.readline()

def wait(call):
    try:
        call()
    except pychrony.ChronyConnectionError:
        # In one piece, since others print at the same time.
        print("no answer\\n", end="", flush=True)

for call in (connection.get_tracking, connection.get_tracking, lambda: pychrony.get_tracking(address, timeout=timeout)):
    threading.Thread(target=wait, args=(call,), daemon=is_daemon).start()
sys.stdin.readline()
"""


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", ["daemon", "waited for"])
def test_threads_that_wait_for_a_silent_chronyd(
    kind: str, transport: str, many: Daemon, python: Python, eventually: Eventually
) -> None:
    """Two for an answer and one for its turn. Python waits for threads that are no daemons, until their deadlines."""

    def requests() -> int:
        return int(many.say("requests")["requests"].get(TRACKING, 0))

    # `running` asks for a status of 0.
    with python.running(WAIT, getattr(many, transport), kind) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        sent = requests()
        many.say("fault silence")
        process.stdin.write("\n")
        process.stdin.flush()
        eventually(lambda: requests() >= sent + 2, "two calls under way")
        process.stdin.write("\n")
        process.stdin.flush()
        process.wait(10)
        assert process.stdout.read() == ("" if kind == "daemon" else "no answer\n" * 3)
    assert many.leftovers() == []
