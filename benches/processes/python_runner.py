"""The contestants of the benchmark that are written in Python, and chronyc, in a long-lived process.

    python -I -S benches/processes/python_runner.py CONTESTANT [FOLDER]

FOLDER becomes the first entry of `sys.path`. The process answers each line `CASE ADDRESS COUNT` on stdin with one line
of JSON: the wall time and the CPU time of COUNT calls in nanoseconds, including chronyc's, and the number of records of
one call. With the prefix `once-`, each call of a case opens and closes its own connection. With another prefix
`N-threads-` before that, N threads make COUNT calls each, and each thread has its own connection.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import sys
import threading
import time
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    Call = Callable[[], Any]

METHODS = {
    "tracking": "get_tracking",
    "sources": "get_sources",
    "sourcestats": "get_source_stats",
    "ntpdata": "get_ntp_data",
}


class UnsupportedError(Exception):
    """The contestant does not support the case."""


class Functions:
    """The functions of pychrony, which open, read and close."""

    def __init__(self) -> None:
        """Import the package."""
        import pychrony  # noqa: PLC0415

        self.package = pychrony

    def call(self, report: str, address: str, *, once: bool) -> Call:
        """Return a function that reads a report."""
        if not once:
            raise UnsupportedError
        function = getattr(self.package, METHODS[report])
        return lambda: function(address)


class Connection:
    """The class `ChronyConnection`, which both versions of pychrony have."""

    def __init__(self) -> None:
        """Import the package."""
        import pychrony  # noqa: PLC0415

        self.connect = getattr(pychrony, "ChronyConnection", None)
        self.kept = contextlib.ExitStack()
        self.open: dict[tuple[int, str], Any] = {}

    def call(self, report: str, address: str, *, once: bool) -> Call:
        """Return a function that reads a report, on this thread's connection or on a new one in each call."""
        if self.connect is None:
            raise UnsupportedError
        connect, method = self.connect, METHODS[report]
        if once:

            def read() -> Any:  # noqa: ANN401
                with connect(address) as connection:
                    return getattr(connection, method)()

            return read
        key = (threading.get_ident(), address)
        if key not in self.open:
            self.open[key] = self.kept.enter_context(connect(address))
        bound: Call = getattr(self.open[key], method)
        return bound

    def forget(self) -> None:
        """Close the connections of threads that have ended."""
        self.kept.close()
        self.open.clear()


class Chronyc:
    """A chronyc process for each call; the output is discarded."""

    def call(self, report: str, address: str, *, once: bool) -> Call:
        """Return a function that runs chronyc."""
        if not once:
            raise UnsupportedError
        host, _, port = (address, "", "") if address.startswith("/") else address.rpartition(":")
        command = ["chronyc", "-c", "-n", "-h", host, *(["-p", port] if port else []), report]
        quiet = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]

        def run() -> None:
            process = os.posix_spawnp(command[0], command, os.environ, file_actions=quiet)
            status = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
            if status != 0:
                raise ChildProcessError(f"{' '.join(command)} ended with {status}")

        return run


CONTESTANTS: dict[str, type[Functions | Connection | Chronyc]] = {
    "functions": Functions,
    "connection": Connection,
    "chronyc": Chronyc,
}


def cpu_time() -> int:
    """Return the CPU time of this process and of its children that have ended, in nanoseconds."""
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time_ns() + int((children.ru_utime + children.ru_stime) * 1e9)


def measure(run: Callable[[], Any]) -> dict[str, int]:
    """Measure a function that makes all calls and returns the last result."""
    cpu, wall = cpu_time(), time.perf_counter_ns()
    result = run()
    wall, cpu = time.perf_counter_ns() - wall, cpu_time() - cpu
    return {"wall": wall, "cpu": cpu, "records": len(result) if isinstance(result, list) else 1}


def repeat(call: Call, count: int) -> object:
    """Make a number of calls, and return the last result."""
    result = None
    for _ in range(count):
        result = call()
    return result


def measure_threads(make: Callable[[], Call], threads: int, count: int) -> dict[str, int]:
    """Measure `count` calls in each of several threads, starting when all are ready."""
    ready = threading.Barrier(threads + 1)
    failures: list[BaseException] = []

    def work() -> None:
        try:
            call = make()
            call()
            ready.wait()
            repeat(call, count)
        except Exception as error:  # noqa: BLE001
            failures.append(error)
            ready.abort()

    def join() -> None:
        for worker in workers:
            worker.join()

    workers = [threading.Thread(target=work) for _ in range(threads)]
    for worker in workers:
        worker.start()
    with contextlib.suppress(threading.BrokenBarrierError):
        ready.wait()
    numbers = measure(join)
    if failures:
        raise failures[0]
    return numbers


def answer(contestant: Functions | Connection | Chronyc, line: str) -> dict[str, object]:
    """Return the answer to a line of the driver."""
    case, address, count = line.split(" ")
    threads = 0
    if "-threads-" in case:
        number, _, case = case.partition("-threads-")
        threads = int(number)
    once = case.startswith("once-")
    report = case.removeprefix("once-")
    if report not in METHODS:
        return {"unsupported": True}
    try:
        if threads:
            try:
                return {**measure_threads(lambda: contestant.call(report, address, once=once), threads, int(count))}
            finally:
                if isinstance(contestant, Connection):
                    contestant.forget()
        call = contestant.call(report, address, once=once)
        return {**measure(lambda: repeat(call, int(count)))}
    except UnsupportedError:
        return {"unsupported": True}
    except Exception as error:  # noqa: BLE001
        return {"error": f"{type(error).__name__}: {error}"}


def main() -> None:
    """Answer requests until stdin ends."""
    sys.path[:0] = sys.argv[2:3]
    contestant: Functions | Connection | Chronyc = CONTESTANTS[sys.argv[1]]()
    for line in sys.stdin:
        print(json.dumps(answer(contestant, line.strip())), flush=True)


if __name__ == "__main__":
    main()
