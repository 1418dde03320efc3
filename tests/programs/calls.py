"""A program that calls chronyd, with signals and forks during its calls: `calls.py CASE ADDRESS`."""

from __future__ import annotations

import json
import os
import signal
import sys
import threading
import time
import warnings
from typing import NoReturn

from common import fill_table

import pychrony

warnings.simplefilter("ignore", DeprecationWarning)
ADDRESS = sys.argv[2]


def interrupted() -> None:
    print("ready", flush=True)
    try:
        pychrony.get_tracking(ADDRESS, timeout=20)
    except KeyboardInterrupt:
        print(json.dumps(["interrupted", time.monotonic()]), flush=True)
        # The interpreter still works afterwards.
        try:
            pychrony.get_tracking(ADDRESS, timeout=0.05)
        except pychrony.ChronyConnectionError:
            print("again", flush=True)


def handled() -> None:
    seen = []

    def handle(_number: int, _frame: object) -> None:
        seen.append(threading.current_thread() is threading.main_thread())
        # The signal may arrive during a `print`, which is not reentrant.
        os.write(1, b"handled\n")

    signal.signal(signal.SIGUSR1, handle)
    print("ready", flush=True)
    tracking = pychrony.get_tracking(ADDRESS, timeout=20)
    print(tracking.stratum, seen, flush=True)


def raised() -> None:
    def handle(_number: int, _frame: object) -> NoReturn:
        raise LookupError("from the handler")

    signal.signal(signal.SIGUSR1, handle)
    try:
        pychrony.get_sources(ADDRESS, timeout=20)
    except LookupError as error:
        print(error)


def forked_among_threads() -> None:
    stop = threading.Event()

    def addresses() -> list[str]:
        return [source.address for source in pychrony.get_sources(ADDRESS)]

    expected = addresses()

    def hammer() -> None:
        while not stop.is_set():
            assert addresses() == expected

    threads = [threading.Thread(target=hammer) for _ in range(4)]
    for thread in threads:
        thread.start()
    statuses = []
    for _ in range(40):
        child = os.fork()
        if child == 0:
            # The child must not wait for a lock that another thread held at the fork.
            signal.alarm(10)
            os._exit(0 if addresses() == expected else 3)
        statuses.append(os.waitpid(child, 0)[1])
    stop.set()
    for thread in threads:
        thread.join()
    print(len(expected), set(statuses))


def forked_during_a_call() -> None:
    found = []
    thread = threading.Thread(target=lambda: found.append(pychrony.get_tracking(ADDRESS, timeout=20).stratum))
    thread.start()
    sys.stdin.readline()
    child = os.fork()
    if child == 0:
        # An exit with all clean-up.
        sys.exit(0)
    print(os.waitpid(child, 0)[1], flush=True)
    thread.join()
    print(found)


def ended_during_a_call() -> None:
    options = {"timeout": 600}
    threading.Thread(target=pychrony.get_tracking, args=(ADDRESS,), kwargs=options, daemon=True).start()
    sys.stdin.readline()


def out_of_descriptors() -> None:
    pychrony.get_tracking(ADDRESS)
    opened = fill_table(16)
    message = None
    try:
        pychrony.get_tracking(ADDRESS)
    except pychrony.ChronyConnectionError as error:
        message = error.message
    for descriptor in opened:
        os.close(descriptor)
    pychrony.get_tracking(ADDRESS)
    print(message)


if __name__ == "__main__":
    globals()[sys.argv[1]]()
