"""A program whose greenlets call chronyd: `greenlets.py CASE ADDRESS function|connection`."""

from __future__ import annotations

import os
import signal
import sys
import threading

from greenlet import GreenletExit, getcurrent, greenlet  # type: ignore[import-untyped]

import pychrony
from pychrony import ChronyConnection

ADDRESS = sys.argv[2]
connection = ChronyConnection(ADDRESS)
connection.__enter__()
call = {"function": lambda: pychrony.get_tracking(ADDRESS), "connection": connection.get_tracking}[sys.argv[3]]
found: list[tuple[object, object]] = []


def read(name: object) -> None:
    try:
        found.append((name, call().stratum))
    except (GreenletExit, RuntimeError) as error:
        found.append((name, str(error)))


def signal_in(seconds: float) -> None:
    threading.Timer(seconds, os.kill, (os.getpid(), signal.SIGUSR1)).start()


def assert_told(text: object) -> None:
    assert str(text).startswith("a signal's handler switched greenlets in the middle of a call of pychrony"), text
    assert "call pychrony in a thread of its own" in str(text)


def between_calls() -> None:
    def read_twice(name: int) -> None:
        read(name)
        main.switch()
        read(name)

    main = getcurrent()
    two = [greenlet(read_twice) for _ in range(2)]
    for _ in range(2):
        for name, each in enumerate(two):
            each.switch(name)
    assert found == [(0, 2), (1, 2)] * 2, found


def during_a_call() -> None:
    other = greenlet(read)
    signal.signal(signal.SIGUSR1, lambda *_: other.switch("other"))
    signal_in(0.25)
    read("first")
    read("again")
    (refused, text), *rest = found
    assert refused == "other", found
    assert rest == [("first", 2), ("again", 2)], found
    assert_told(text)


def left_in_a_call() -> None:
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
    assert "Killing the greenlet" in str(why)


def time_slices() -> None:
    def read_often(name: int) -> None:
        for _ in range(3):
            read(name)

    def switch(*_: object) -> None:
        alive[:] = [each for each in alive if not each.dead]
        if alive:
            alive.append(alive.pop(0))
            if alive[0] is not getcurrent():
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


if __name__ == "__main__":
    globals()[sys.argv[1]]()
    print("done")
