"""Checks of the whole run: late calls, memory, and leftovers."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soak import log
from soak.bed import Bed
from soak.calls import Tally

#: The number of sleeps to remember. They span more time than the longest call.
DELAYS = 4000
#: The number of the allocator's parameter (malloc.h).
M_ARENA_MAX = -8
#: The maximum growth of anonymous memory after the warm-up. Memory of files does not count: it grows whenever code runs
#: for the first time. Python allocates arenas of 1 MiB, and one live object keeps a whole arena.
MEMORY = 2 * 1024 * 1024


class Lateness:
    """Compares late calls with a thread or task that only sleeps, since a busy machine delays both."""

    def __init__(self, slack: float, events: Counter[str], sleeps: int = 1) -> None:
        """A call may end `slack` seconds after its deadline, plus `sleeps` times the delay of the sleeper."""
        self.slack = slack
        self._sleeps = sleeps
        self.worst = 0.0
        self._events = events
        # Filled at the beginning, so that its memory does not grow.
        self._delays = deque(((float(-i), float(-i)) for i in range(DELAYS)), maxlen=DELAYS)

    def watch(self, stop: threading.Event) -> None:
        """Sleep repeatedly, and note the delay of each wake-up."""
        while not stop.is_set():
            due = time.monotonic() + 0.01
            time.sleep(0.01)
            self.add(due, time.monotonic())

    def add(self, due: float, woken: float) -> None:
        """Note when a sleeper was due, and when it woke."""
        self._delays.append((due, woken))
        self.worst = max(self.worst, woken - due)

    def judge(self, tallies: Sequence[Tally], settled: float) -> None:
        """Note a violation for each call that was later than the slack and the sleeper's delay at the time allow.

        Calls that ended after the time `settled` are left for later, when the sleeper has woken, too.
        """
        for tally in tallies:
            while tally.late and tally.late[0].ended < settled:
                late = tally.late.popleft()
                if late.ended - late.due <= self.slack:
                    continue
                spans = [woken - due for due, woken in list(self._delays) if woken >= late.due and due <= late.ended]
                delay = max(spans, default=0.0)
                text = f"{late.what}; a plain sleep was {delay:.3f} s late at the time"
                log.write(text)
                if late.ended - late.due > self.slack + self._sleeps * delay:
                    tally.violation(f"after the deadline: {text}")
                else:
                    self._events["call as late as the machine"] += 1


def steady_memory() -> None:
    """Limit the allocator to one heap. With several, the free memory depends on which threads used which, and when."""
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def descriptors() -> dict[str, str]:
    """Return the open descriptors by number, without the one that lists them."""
    found = {}
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[path.name] = str(path.readlink())
    return found


@dataclass
class Resources:
    """The resources that the process uses while no connection is open."""

    descriptors: dict[str, str]
    memory: int
    folders: list[str]

    @classmethod
    def of(cls, beds: Iterable[Bed[Any]]) -> Resources:
        """Return the current resources, after garbage collection and after the allocator has released free memory."""
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        rollup = Path("/proc/self/smaps_rollup").read_text()
        memory = re.search(r"^Anonymous:\s+(\d+) kB", rollup, re.MULTILINE)
        assert memory is not None, rollup
        folders = [name for bed in beds for name in bed.daemon.leftovers()]
        return cls(descriptors(), int(memory[1]) * 1024, folders)

    def compare(self, after: Resources) -> list[str]:
        """Return the findings when `after` is from the end of the run, and this object from its beginning."""
        growth = after.memory - self.memory
        print(f"Descriptors: {len(self.descriptors)} after warm-up, {len(after.descriptors)} at the end")
        print(
            f"Anonymous memory: {self.memory / 1024:.0f} KiB after warm-up, {after.memory / 1024:.0f} KiB at the end "
            f"({growth / 1024:+.0f} KiB)"
        )
        wrong = []
        if len(after.descriptors) != len(self.descriptors):
            new = [f"{fd} {file}" for fd, file in after.descriptors.items() if self.descriptors.get(fd) != file]
            wrong.append(f"the number of descriptors changed; new ones: {', '.join(new)}")
        if growth > MEMORY:
            wrong.append(f"anonymous memory grew by more than {MEMORY // 1024} KiB")
        return wrong


def left_running(pids: set[int]) -> list[str]:
    """Return those of the processes that still run, and all children of this process."""
    left = [f"{pid}" for pid in sorted(pids) if Path(f"/proc/{pid}").exists()]
    for task in Path("/proc/self/task").iterdir():
        left += (task / "children").read_text().split()
    return left
