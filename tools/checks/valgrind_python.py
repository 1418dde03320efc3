"""The Python program that tools/checks/valgrind runs: it opens, reads, fails and closes thousands of times.

The argument is the path of the test bed. The results of the calls are not checked, but an unexpected exception fails.
"""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
from typing import IO, Any

import pychrony
from pychrony import ChronyConnection, ChronyError

TIMES = 60
#: The name of each method or function that reads, with its arguments: those of single reports, and `get_report`.
CALLS: list[tuple[str, list[str]]] = [
    (name, []) for name in vars(ChronyConnection) if name.startswith("get_") and name != "get_report"
]
CALLS += [("get_report", [report]) for report in pychrony.list_reports()]
FAULTS = ("status 1", "status 2", "count -1", "truncate 40", "reply-code 99")


class Bed:
    """A scripted chronyd."""

    def __init__(self, stdin: IO[str], stdout: IO[str]) -> None:
        self._stdin = stdin
        self._stdout = stdout
        self.described = self._answer()

    def _answer(self) -> dict[str, Any]:
        answer: dict[str, Any] = json.loads(self._stdout.readline())
        if "error" in answer:
            raise RuntimeError(answer["error"])
        return answer

    def say(self, command: str) -> None:
        """Send a command."""
        self._stdin.write(command + "\n")
        self._stdin.flush()
        self._answer()


def attempt(function: Any, *arguments: object, **settings: float) -> int:  # noqa: ANN401
    """Call a function; return 1 if it failed."""
    try:
        function(*arguments, **settings)
    except (ChronyError, ValueError, TypeError):
        return 1
    return 0


def functions(address: str) -> tuple[int, int]:
    """Call each function many times; return the number of calls, and the number of failures."""
    failed = [attempt(getattr(pychrony, name), *which, address) for name, which in CALLS for _ in range(TIMES)]
    return len(failed), sum(failed)


def connection(address: str, lanes: int) -> tuple[int, int]:
    """Call each method many times, on several connections; return the number of calls, and the number of failures."""
    failed = []
    for _ in range(TIMES // 10):
        with contextlib.suppress(ChronyError), ChronyConnection(address, parallel=lanes) as opened:
            failed += [attempt(getattr(opened, name), *which) for name, which in CALLS for _ in range(10)]
            repr((opened, opened.address, opened.transport))
    return len(failed), sum(failed)


def main() -> None:
    """Make all calls, and print their number."""
    with subprocess.Popen([sys.argv[1], "scripted"], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as bed:
        if bed.stdin is None or bed.stdout is None:
            raise RuntimeError("the test bed lacks standard input or output")
        chronyd = Bed(bed.stdin, bed.stdout)
        chronyd.say('values {"sources": 40}')
        addresses = (chronyd.described["socket"], f"127.0.0.1:{chronyd.described['command_port']}")
        rounds = [functions(address) for address in addresses]
        rounds += [connection(address, lanes) for address in addresses for lanes in (1, 8)]
        for fault in FAULTS:
            chronyd.say(f"fault {fault}")
            rounds += [round_ for address in addresses for round_ in (functions(address), connection(address, 8))]
            chronyd.say("clear")
        chronyd.say("fault silence")
        for address in (*addresses, f"{addresses[0]}.none", "127.0.0.1:1", "[::1]:99999", "\0", 1):
            rounds.append((100, sum(attempt(pychrony.get_sources, address, timeout=0.01) for _ in range(100))))
        rounds.append((TIMES, sum(attempt(pychrony.get_tracking, timeout=0.0) for _ in range(TIMES))))
        bed.stdin.close()
    calls = sum(times for times, _ in rounds)
    failed = sum(times for _, times in rounds)
    print(f"{calls} calls, {failed} of which failed")


if __name__ == "__main__":
    main()
