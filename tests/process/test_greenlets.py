"""Greenlets: calls in one after the other work, and a signal's handler that switches in the middle of one is told."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.daemon import Daemon
    from tests.support.programs import Python

pytestmark = pytest.mark.blocking_only("greenlets switch in a thread that blocks")

#: Begins each program. The scripted chronyd takes its time, so that a signal comes in the middle of a call.
PROGRAM = """
import os, pychrony, signal, sys, threading
from greenlet import GreenletExit, getcurrent, greenlet
from pychrony import ChronyConnection

address = sys.argv[1]
connection = ChronyConnection(address)
connection.__enter__()
call = {"function": lambda: pychrony.get_tracking(address), "connection": connection.get_tracking}[sys.argv[2]]
found = []

def read(name):
    try:
        found.append((name, call().stratum))
    except (GreenletExit, RuntimeError) as error:
        found.append((name, str(error)))

def signal_in(seconds):
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGUSR1)).start()

def assert_told(text):
    assert text.startswith("a signal's handler switched greenlets in the middle of a call of pychrony"), text
    assert "call pychrony in a thread of its own" in text
"""


@pytest.fixture(params=["function", "connection"])
def run(request: pytest.FixtureRequest, scripted: Daemon, python: Python) -> Callable[..., None]:
    """Run a program to its end, with answers that come after so many seconds."""

    def run_one(code: str, delay: float = 0.3) -> None:
        scripted.say(f"fault delay {delay}")
        assert python(PROGRAM + code + "\nprint('done')", scripted.socket, request.param) == "done\n"
        assert scripted.leftovers() == []

    return run_one


def test_greenlets_that_switch_between_calls_read(run: Callable[..., None]) -> None:
    run("""
def read_twice(name):
    read(name)
    main.switch()
    read(name)

main = getcurrent()
two = [greenlet(read_twice) for _ in range(2)]
for _ in range(2):
    for name, each in enumerate(two):
        each.switch(name)
assert found == [(0, 2), (1, 2)] * 2, found
""")


def test_no_other_greenlet_can_call_while_one_is_in_a_call(run: Callable[..., None]) -> None:
    code = """
other = greenlet(read)
signal.signal(signal.SIGUSR1, lambda *_: other.switch("other"))
signal_in(0.25)
read("first")
read("again")
(refused, text), *rest = found
assert refused == "other" and rest == [("first", 2), ("again", 2)], found
assert_told(text)
"""
    run(code, delay=0.7)


def test_a_greenlet_that_is_left_in_a_call_can_go_on_or_be_dropped(run: Callable[..., None]) -> None:
    code = """
main = getcurrent()
signal.signal(signal.SIGUSR1, lambda *_: main.switch())
for name in ("goes on", "dropped"):
    other = greenlet(read)
    signal_in(0.25)
    other.switch(name)
    read("refused")
    if name == "goes on":
        other.switch()
    del other
    read("main")
(_, first), on, main_1, (_, second), (dropped, why), main_2 = found
assert_told(first)
assert_told(second)
assert (on, main_1, dropped, main_2) == (("goes on", 2), ("main", 2), "dropped", ("main", 2)), found
assert "Killing the greenlet" in why
"""
    run(code, delay=0.7)


def test_a_scheduler_in_a_handler_is_told_and_does_no_harm(run: Callable[..., None]) -> None:
    """As by time slices: each greenlet is left and gone on with wherever it happens to be."""
    run("""
def read_often(name):
    for _ in range(3):
        read(name)

def next_one():
    alive.append(alive.pop(0))
    return alive[0]

def switch(*_):
    alive[:] = [each for each in alive if not each.dead]
    if alive and next_one() is not getcurrent():
        alive[0].switch()

alive = [greenlet(lambda name=name: read_often(name)) for name in range(3)]
signal.signal(signal.SIGALRM, switch)
signal.setitimer(signal.ITIMER_REAL, 0.07, 0.07)
while any(not each.dead for each in alive):
    switch()
signal.setitimer(signal.ITIMER_REAL, 0)
assert len(found) == 9, found
for _, answer in found:
    if answer != 2:
        assert_told(answer)
found.clear()
read("main")
thread = threading.Thread(target=read, args=("thread",))
thread.start()
thread.join()
assert found == [("main", 2), ("thread", 2)], found
""")
