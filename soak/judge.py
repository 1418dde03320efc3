"""Verdicts on the whole run: lateness, compared with the machine's; memory; and leftovers."""

from __future__ import annotations

import contextlib
import ctypes
import gc
import re
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soak.bed import Bed
from soak.calls import Tally

#: The number of sleeps that are remembered: they cover more than the longest calls.
DELAYS = 4000
#: The number of the allocator's parameter (malloc.h).
M_ARENA_MAX = -8
#: By how much memory may grow after the warm-up, without that of files, which grows whenever code runs for the first
#: time. Python takes memory by the mebibyte, and keeps all of one for a single object.
MEMORY = 2 * 1024 * 1024


class Lateness:
    """Says whether a call was later than the machine, for which a thread stands that only sleeps."""

    def __init__(self, slack: float, log: Callable[[str], None], events: Counter[str], sleeps: int = 1) -> None:
        """`slack` is by how much a call may miss its deadline, `sleeps` how often it may be as late as a sleeper."""
        self.slack = slack
        self._sleeps = sleeps
        self.worst = 0.0
        self._log = log
        self._events = events
        # Filled at the beginning, so that it takes no more memory later.
        self._delays = deque(((float(-i), float(-i)) for i in range(DELAYS)), maxlen=DELAYS)

    def watch(self, stop: threading.Event) -> None:
        """Sleep, and note how late this thread gets to run."""
        while not stop.is_set():
            due = time.monotonic() + 0.01
            time.sleep(0.01)
            self.add(due, time.monotonic())

    def add(self, due: float, woken: float) -> None:
        """Note how late a sleeper is."""
        self._delays.append((due, woken))
        self.worst = max(self.worst, woken - due)

    def judge(self, tallies: Sequence[Tally], settled: float) -> None:
        """A call may be later than its deadline by the slack and by what the sleeper was late at that time.

        Calls that ended after the moment `settled` wait until the sleeper has woken, too.
        """
        for tally in tallies:
            while tally.late and tally.late[0].ended < settled:
                late = tally.late.popleft()
                if late.ended - late.due <= self.slack:
                    continue
                spans = [woken - due for due, woken in list(self._delays) if woken >= late.due and due <= late.ended]
                delay = max(spans, default=0.0)
                said = f"{late.what}; a plain sleep was {delay:.3f} s late at the time"
                self._log(said)
                if late.ended - late.due > self.slack + self._sleeps * delay:
                    tally.violation(f"over the deadline: {said}")
                else:
                    self._events["call as late as the machine"] += 1


def steady_memory() -> None:
    """Have the allocator keep one heap; how much is free in several depends on which threads used them, and when."""
    ctypes.CDLL(None).mallopt(M_ARENA_MAX, 1)


def descriptors() -> dict[str, str]:
    """Return the open descriptors by number, without the one that this opens."""
    found = {}
    for path in Path("/proc/self/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            found[path.name] = str(path.readlink())
    return found


@dataclass
class Resources:
    """The resources of the process while nothing reads and no connection is open."""

    descriptors: dict[str, str]
    memory: int
    folders: list[str]

    @classmethod
    def of(cls, beds: Iterable[Bed[Any]]) -> Resources:
        """Look, once all garbage is collected and the allocator has given back what is free."""
        gc.collect()
        ctypes.CDLL(None).malloc_trim(0)
        rollup = Path("/proc/self/smaps_rollup").read_text()
        memory = re.search(r"^Anonymous:\s+(\d+) kB", rollup, re.MULTILINE)
        assert memory is not None, rollup
        folders = [name for bed in beds for name in bed.daemon.leftovers()]
        return cls(descriptors(), int(memory[1]) * 1024, folders)

    def compare(self, after: Resources) -> list[str]:
        """Return the faults after the run; this object is from its beginning."""
        growth = after.memory - self.memory
        print(f"Descriptors: {len(self.descriptors)} after warm-up, {len(after.descriptors)} at the end")
        print(
            f"Anonymous memory: {self.memory / 1024:.0f} KiB after warm-up, {after.memory / 1024:.0f} KiB at the end "
            f"({growth / 1024:+.0f} KiB)"
        )
        wrong = []
        if len(after.descriptors) != len(self.descriptors):
            new = [f"{fd} {file}" for fd, file in after.descriptors.items() if self.descriptors.get(fd) != file]
            wrong.append(f"the number of descriptors changed; new are {', '.join(new)}")
        if growth > MEMORY:
            wrong.append(f"anonymous memory grew by more than {MEMORY // 1024} KiB")
        return wrong


def left_running(pids: set[int]) -> list[str]:
    """Those of the processes that still run, and all children of this one."""
    left = [f"{pid}" for pid in sorted(pids) if Path(f"/proc/{pid}").exists()]
    for task in Path("/proc/self/task").iterdir():
        left += (task / "children").read_text().split()
    return left
