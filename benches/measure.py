"""Rounds in which every contestant runs once, so that other load on the machine affects all alike."""

from __future__ import annotations

import random
import statistics
import subprocess
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from benches.bed import PEER
from benches.contestants import OURS, PYTHON, Runner

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

T = TypeVar("T")

RUN_NS = 20_000_000
"""The approximate duration of one run, which determines its number of calls."""


@dataclass(frozen=True)
class Spread:
    """A median and its quartiles."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: Iterable[float]) -> Spread:
        """Return the quartiles of some values."""
        values = sorted(values)
        if len(values) < 2:
            return cls(values[0], values[0], values[0])
        return cls(*statistics.quantiles(values, n=4, method="inclusive"))

    @classmethod
    def ratio(cls, mine: Iterable[float], theirs: Iterable[float]) -> Spread:
        """Return the quartiles of the ratios of two contestants, round by round."""
        return cls.of(one / other for one, other in zip(mine, theirs, strict=True))

    def __str__(self) -> str:
        """Return the median, with the quartiles in brackets."""
        median, low, high = (f"{value:.{2 if value >= 0.1 else 3}f}" for value in (self.median, self.low, self.high))
        return f"{median} ({low}-{high})"


def verdict(value: float, limit: float) -> str:
    """Return "met" for a value within a limit, and "not met" otherwise."""
    return "met" if value <= limit else "not met"


def turns(contestants: Sequence[T], rounds: int) -> Iterator[T]:
    """Yield each contestant once in each round, in a new order.

    In a fixed order, one contestant would always run right after chronyc, whose processes evict it from the caches.
    """
    order = random.Random(0)
    for _ in range(rounds):
        yield from order.sample(contestants, len(contestants))


@dataclass
class Result:
    """The results of the runs of one contestant, a value for each round."""

    wall: list[float] = field(default_factory=list)
    """Nanoseconds of one call or, in the cases of importing, of the import."""
    cpu: list[float] = field(default_factory=list)
    """Nanoseconds of CPU time of one call or, in the cases of importing, bytes of memory."""
    records: int = 1

    def ratio(self, other: Result) -> Spread:
        """Return the ratios of this wall time to another, round by round."""
        return Spread.ratio(self.wall, other.wall)


Results = dict[str, Result]
"""The results by contestant."""


def alternate(runners: Sequence[Runner], case: str, address: str, rounds: int) -> Results:
    """Run a case in rounds, without the contestants that do not support it."""
    counts: dict[str, int] = {}
    for runner in runners:
        first = runner.run(case, address, 1)
        if first is not None:
            second = runner.run(case, address, 1) or first
            counts[runner.key] = max(1, min(10_000, RUN_NS // max(1, second["wall"])))
    runners = [runner for runner in runners if runner.key in counts]
    results = {runner.key: Result() for runner in runners}
    for runner in turns(runners, rounds):
        count = counts[runner.key]
        if count > 1:
            runner.run(case, address, 1)
        answer = runner.run(case, address, count)
        if answer is not None:
            result = results[runner.key]
            result.wall.append(answer["wall"] / count)
            result.cpu.append(answer["cpu"] / count)
            result.records = answer["records"]
    return results


IMPORT = """
import sys, time
{path}
start = time.perf_counter_ns()
{action}
print(time.perf_counter_ns() - start)
with open("/proc/self/smaps_rollup") as file:
    fields = dict(line.split()[:2] for line in file if ":" in line.split()[0])
print(int(fields["Rss:"]) * 1024)
"""


def fresh(action: str, folder: str) -> tuple[float, float]:
    """Run an action in a new interpreter; return its nanoseconds, and the memory in use afterwards."""
    script = IMPORT.format(path=f"sys.path.insert(0, {folder!r})" if folder else "", action=action)
    command = [*PYTHON[:-1], "-c", script]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    return float(output[0]), float(output[1])


def imports(rounds: int, actions: dict[str, str]) -> Results:
    """Run each action in new interpreters, in turns. Memory excludes what a bare interpreter uses."""
    folders = {"functions": OURS, "peer": str(PEER)}
    results = {key: Result() for key in actions}
    for key, action in actions.items():
        fresh(action, folders[key])
    for key in turns([*actions], rounds):
        bare = fresh("pass", "")[1]
        wall, memory = fresh(actions[key], folders[key])
        results[key].wall.append(wall)
        results[key].cpu.append(memory - bare)
    return results
