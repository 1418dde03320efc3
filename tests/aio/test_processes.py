"""Forks, workers, signals and ends of processes: neither side touches the other's sockets, and nothing is left."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.programs import Python

Eventually = Callable[..., None]
TRANSPORTS = ["socket", "udp"]
LOOPS = ["asyncio", "uvloop"]
PATIENCE = 60.0

#: Begins each program. Children say how they ended by their status.
PROGRAM = """
import asyncio, gc, os, signal, sys, threading, time, traceback, uvloop, warnings
import pychrony
from pychrony import aio
warnings.simplefilter("ignore", DeprecationWarning)
address = sys.argv[1]
run = {"asyncio": asyncio.run, "uvloop": uvloop.run}[sys.argv[2]]
# Nothing here takes nearly as long.
signal.alarm(25)

def sockets():
    links = [os.path.realpath(f"/proc/self/fd/{name}") for name in os.listdir("/proc/self/fd")]
    return sorted(link for link in links if "socket:" in link)

async def read(connection):
    assert (await connection.get_tracking()).stratum == 2
    assert len(await connection.get_sources()) == 3

def child(function, end=os._exit):
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        function()
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        end(status)

def ended(pid):
    assert os.waitpid(pid, 0)[1] == 0
"""


@pytest.fixture(params=[(loop, transport) for loop in LOOPS for transport in TRANSPORTS], ids="-".join)
def program(request: pytest.FixtureRequest, scripted: Daemon, python: Python) -> Callable[[str], str]:
    """Run a program with an address and a loop, and see that it leaves no folder."""
    loop, transport = request.param

    def run_one(code: str) -> str:
        output = python(PROGRAM + code, getattr(scripted, transport), loop)
        assert scripted.leftovers() == []
        return output

    return run_one


def test_a_child_has_an_error_or_a_socket_of_its_own(program: Callable[[str], str]) -> None:
    """And may end in any way; its parent's connection goes on as before, in a loop that watches it as before."""
    code = """
inherited = None

def in_a_loop_of_its_own():
    async def use():
        for call in (connection.get_tracking, connection.get_sources):
            try:
                await call()
            except RuntimeError as error:
                assert "in the process that this one was forked from" in str(error), error
            else:
                raise AssertionError("the parent's connection")
        await aio.get_tracking(address)
        async with aio.ChronyConnection(address) as own:
            await read(own)
            assert not set(sockets()) & set(inherited) - before_loop
        # Entered anew, it is the child's.
        async with connection:
            await read(connection)
            assert connection.address == address
        assert connection.address is None
    run(use())

def in_the_loop_of_its_parent():
    coroutine = connection.get_tracking()
    try:
        coroutine.send(None)
    except RuntimeError as error:
        assert "no running event loop" in str(error), error
    else:
        raise AssertionError("the parent's connection")

def by_forgetting_it():
    global connection
    del connection
    gc.collect()

async def main():
    global connection, inherited, before_loop
    before_loop = set(sockets())
    connection = aio.ChronyConnection(address)
    async with connection as mine:
        await read(mine)
        inherited = sockets()
        for use in (in_a_loop_of_its_own, in_the_loop_of_its_parent, by_forgetting_it):
            for end in (os._exit, sys.exit):
                # A child that goes on to leave the block, too.
                ended(child(use, end))
                assert sockets() == inherited
                await read(mine)
                # Over UDP a late answer leaves it with another socket.
                assert address[0] != "/" or sockets() == inherited
                inherited = sockets()
                connection = mine

try:
    run(main())
except SystemExit as status:
    # A child's, with what it has of its parent's loop.
    gc.collect()
    os._exit(status.code)
print("done")
"""
    assert program(code) == "done\n"


def test_a_fork_in_the_middle_of_calls_disturbs_none_of_them(program: Callable[[str], str]) -> None:
    """Of a function, of a method, and of one that waits for its turn; the child drops what it has of them."""
    code = """
def drop():
    for task in tasks:
        task.cancel()
    tasks.clear()
    gc.collect()
    assert not asyncio._get_running_loop()
    run(aio.get_tracking(address))

async def main():
    global tasks
    async with aio.ChronyConnection(address) as connection:
        for end in (os._exit, sys.exit):
            calls = [aio.get_sources(address), *(connection.get_sources() for _ in range(3))]
            mine = [asyncio.ensure_future(call) for call in calls]
            await asyncio.sleep(0)
            tasks = list(mine)
            pid = child(drop, end)
            assert [len(result) for result in await asyncio.gather(*mine)] == [3] * 4
            ended(pid)
            await read(connection)

try:
    run(main())
except SystemExit as status:
    gc.collect()
    os._exit(status.code)
print("done")
"""
    assert program(code) == "done\n"


BEGUN = """
task = loop.create_task(aio.get_tracking(address))
task._log_destroy_pending = False
loop.run_until_complete(asyncio.sleep(0))
"""


def test_a_program_may_end_anywhere(program: Callable[[str], str]) -> None:
    """With open connections, calls under way, and handlers that read: without a word, and with nothing left."""
    for end in (
        "loop.run_until_complete(connection.get_sources())",
        "loop.run_until_complete(connection.get_sources())\nloop.close()",
        "import atexit\natexit.register(lambda: loop.run_until_complete(read(connection)))",
        "import atexit\natexit.register(loop.close)",
        "sys.modules['os'].kept = connection",
        "try:\n    raise LookupError(connection)\nexcept LookupError as error:\n    kept = error",
        BEGUN,
    ):
        code = f"""
warnings.simplefilter("ignore", ResourceWarning)
loop = {{"asyncio": asyncio, "uvloop": uvloop}}[sys.argv[2]].new_event_loop()
connection = aio.ChronyConnection(address)
loop.run_until_complete(connection.__aenter__())
{end}
"""
        assert program(code) == ""


DAEMONS = """
import logging
logging.disable()
barrier = threading.Barrier(5)

async def work():
    async with aio.ChronyConnection(address) as connection:
        await read(connection)
        barrier.wait()
        while True:
            await asyncio.gather(connection.get_sources(), aio.get_tracking(address))

for _ in range(4):
    threading.Thread(target=lambda: run(work()), daemon=True).start()
barrier.wait()
"""


def test_loops_in_daemon_threads_do_no_harm_at_the_end(program: Callable[[str], str]) -> None:
    for _ in range(5):
        assert program(DAEMONS) == ""


WORKERS = """
import asyncio, multiprocessing, sys
from pychrony import aio

loop = None

def read(address):
    global loop, connection
    if loop is None:
        loop = asyncio.new_event_loop()
        connection = aio.ChronyConnection(address)
        loop.run_until_complete(connection.__aenter__())
    return loop.run_until_complete(connection.get_tracking()).stratum

if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[2])
    with context.Pool(3, maxtasksperchild=2) as pool:
        assert pool.map(read, [sys.argv[1]] * 24, chunksize=1) == [2] * 24
        pool.close()
        pool.join()
    print("done")
"""


@pytest.mark.parametrize("start_method", ["fork", "forkserver", "spawn"])
def test_workers_that_leave_connections_open_leave_nothing(start_method: str, scripted: Daemon, tmp_path: Path) -> None:
    program = tmp_path / "program.py"
    program.write_text(WORKERS)
    command = [sys.executable, str(program), scripted.socket, start_method]
    done = subprocess.run(command, text=True, capture_output=True, timeout=PATIENCE, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
    assert scripted.leftovers() == []


INTERRUPTED = """
async def main():
    async with aio.ChronyConnection(address, timeout=600) as connection:
        print("ready", flush=True)
        sys.stdin.readline()
        own = aio.get_tracking(address, timeout=600)
        await asyncio.gather(connection.get_sources(), connection.get_tracking(), own)

try:
    run(main())
except KeyboardInterrupt:
    print("interrupted", sockets())
"""


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("loop", LOOPS)
def test_an_interrupt_ends_the_calls(
    loop: str, transport: str, scripted: Daemon, python: Python, eventually: Eventually
) -> None:
    def requests() -> int:
        return sum(scripted.say("requests")["requests"].values())

    with python.running(PROGRAM + INTERRUPTED, getattr(scripted, transport), loop) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        sent = requests()
        scripted.say("fault silence")
        process.stdin.write("\n")
        process.stdin.flush()
        eventually(lambda: requests() >= sent + 2, "two calls under way")
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "interrupted []\n"
    assert scripted.leftovers() == []


def test_the_end_leaves_a_round_alone_that_is_under_way(program: Callable[[str], str], scripted: Daemon) -> None:
    """A loop in a daemon thread may go on until the interpreter has gone; from the end on, it keeps nothing."""
    scripted.say("fault delay 0.1")
    code = """
async def count(fleet):
    return len([one async for one in fleet.read(aio.get_tracking, aio.get_sources)])

async def main():
    before = sockets()
    async with aio.Fleet([address] * 20) as fleet:
        for _ in range(2):
            task = asyncio.create_task(count(fleet))
            await asyncio.sleep(0.01)
            # As Python does at its end.
            pychrony._core.close_kept()
            assert await task == 20
            assert sockets() == before

run(main())
print("done")
"""
    assert program(code) == "done\n"


def test_the_end_closes_what_a_round_has_read_already(program: Callable[[str], str]) -> None:
    code = """
import socket

async def main():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as silent:
        silent.bind(("127.0.0.1", 0))
        async with aio.Fleet([address] * 20 + ["%s:%d" % silent.getsockname()]) as fleet:
            before = sockets()
            round_ = fleet.read(aio.get_tracking)
            for _ in range(20):
                await round_.__anext__()
            assert len(sockets()) == len(before) + 21
            pychrony._core.close_kept()
            assert len(sockets()) == len(before) + 1
            os._exit(0)

run(main())
"""
    assert program(code) == ""


@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("loop", LOOPS)
def test_a_child_with_the_number_of_its_parent_does_not_disturb_it(
    loop: str, transport: str, scripted: Daemon, python: Python
) -> None:
    """Which has the answers when they come, and not when it looks by itself, a second after the requests."""
    scripted.say("fault delay 0.3")
    code = """
import ctypes

async def read_all(fleet):
    return [one async for one in fleet.read(aio.get_tracking)]

def leave():
    # The first process of each PID namespace.
    assert os.getpid() == 1
    for one in (connection, fleet):
        try:
            one.__aexit__(None, None, None).send(None)
        except StopIteration:
            pass

async def main():
    global connection, fleet
    assert os.getpid() == 1
    async with aio.ChronyConnection(address) as connection, aio.Fleet([address]) as fleet:
        await connection.get_tracking()
        status = asyncio.ensure_future(read_all(fleet))
        await asyncio.sleep(0)
        assert ctypes.CDLL(None).unshare(0x20000000) == 0  # CLONE_NEWPID
        ended(child(leave))
        start = time.monotonic()
        await asyncio.gather(status, connection.get_tracking())
        assert time.monotonic() - start < 0.9

run(main())
print("done")
"""
    arguments = (getattr(scripted, transport), loop)
    assert python(PROGRAM + code, *arguments, wrapper=("unshare", "--pid", "--fork")) == "done\n"
    assert scripted.leftovers() == []
