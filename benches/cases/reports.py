"""Measure reads of reports: pychrony and the crate libchrony, next to the raw library and other clients.

    tools/run python -m benches reports --quick         a few rounds, fewer lengths
    tools/run python -m benches reports --only lanes    the cases with "lanes" in their name

Each contestant is a process that runs until the benchmark ends.
"""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benches import bed
from benches.cases import reports_page
from benches.contestants import SESSIONS, Runner
from benches.measure import Results, alternate, imports

if TYPE_CHECKING:
    import argparse
    from collections.abc import Iterable, Iterator, Mapping

ROUNDS = 31
OURS = ("functions", "connection", "crate")
OTHERS = ("raw", "peer", "candm", "chronyc")
FORMS = ("own", "turns", "shared")
LANES = {form: tuple(f"{form}-{number}" for number in SESSIONS[1:]) for form in FORMS}

LENGTHS = (1, 10, 100, 950)
TRANSPORTS = ("unix", "udp")
REPORTS = ("sources", "sourcestats")
THREADS = (1, 2, 4, 8)


@dataclass(frozen=True)
class Case:
    """A table: the call, its chronyd, and the contestants."""

    name: str
    call: str
    chronyd: int
    transport: str
    contestants: tuple[str, ...]


def cases(*, quick: bool) -> Iterator[Case]:
    """Yield all cases except those of importing."""
    for transport in TRANSPORTS:
        yield Case(f"one-shot tracking, {transport}", "once-tracking", 0, transport, (*OURS, *OTHERS))
    for transport in TRANSPORTS:
        yield Case(f"open tracking, {transport}", "tracking", 0, transport, (*OURS, *OTHERS))
    for transport in TRANSPORTS:
        for name in REPORTS:
            for length in LENGTHS if not quick else LENGTHS[::3]:
                best = (*LANES["own"], *LANES["shared"]) if length == LENGTHS[-1] else ()
                who = ("connection", "crate", "raw", *best, "peer", "candm")
                yield Case(f"open {name} {length}, {transport}", name, length, transport, who)
                who = ("functions", "crate", "raw", "peer", "candm", "chronyc")
                yield Case(f"one-shot {name} {length}, {transport}", f"once-{name}", length, transport, who)
    # chronyd serves this report over UDP only with `opencommands`, since version 4.7.
    best = ("raw", *LANES["own"], *LANES["shared"])
    yield Case("open ntpdata 950, unix", "ntpdata", LENGTHS[-1], "unix", ("connection", "crate", *best))
    for number in THREADS:
        call = f"{number}-threads-"
        yield Case(f"one-shot threads {number}", f"{call}once-tracking", 0, "unix", ("functions", "connection", "peer"))
        yield Case(f"open threads {number}", f"{call}tracking", 0, "unix", ("connection", "peer"))
    for transport in TRANSPORTS:
        for length in (2, 4, 8, 16, 32, 64, 128, 256, 950):
            for once in ("", "once-"):
                word = "one-shot" if once else "open"
                who = ("raw", *(key for form in FORMS for key in LANES[form]))
                yield Case(f"lanes {word} {length}, {transport}", f"{once}sources/{length}", 950, transport, who)


def add_options(parser: argparse.ArgumentParser) -> None:
    """Add the options of this case."""
    parser.add_argument("--only", default="", metavar="TEXT", help="measure the cases with TEXT in their name")
    parser.add_argument(
        "--placement",
        choices=["free", "same", "apart"],
        default="free",
        help="leave the choice of CPUs to the scheduler, except for open tracking (free, the default), or keep "
        "chronyd and all others on the same CPU, or on different ones (apart)",
    )


def place(placement: str, chronyds: Mapping[int, bed.Chronyd]) -> None:
    """Keep chronyd on one CPU, and this process and its future children on the same CPU or on the others."""
    cpus = sorted(os.sched_getaffinity(0))
    if placement == "free" or len(cpus) < 2:
        return
    for chronyd in chronyds.values():
        os.sched_setaffinity(chronyd.pid, cpus[:1])
    os.sched_setaffinity(0, cpus[:1] if placement == "same" else cpus[1:])


@contextlib.contextmanager
def on_one_cpu(pids: Iterable[int]) -> Iterator[None]:
    """Keep processes on one CPU during the block."""
    before = {pid: os.sched_getaffinity(pid) for pid in pids}
    one = {min(set.intersection(*before.values()), default=0)}
    for pid in before:
        os.sched_setaffinity(pid, one)
    try:
        yield
    finally:
        for pid, cpus in before.items():
            os.sched_setaffinity(pid, cpus)


def measure_case(
    case: Case, chronyds: Mapping[int, bed.Chronyd], runners: Mapping[str, Runner], rounds: int, placement: str
) -> Results:
    """Run one case."""
    chronyd = chronyds[case.chronyd]
    if bed.PRIVATE in os.environ:
        bed.link_default_socket_to(chronyd.folder)
    chosen = [runners[key] for key in case.contestants]
    # Otherwise the scheduler's placement would dominate the time of a single request.
    is_single = case.call == "tracking" and placement == "free"
    pids = [chronyd.pid, *(runner.process.pid for runner in chosen)] if is_single else []
    with on_one_cpu(pids) if pids else contextlib.nullcontext():
        return alternate(chosen, case.call, chronyd.addresses[case.transport], rounds)


def run(options: argparse.Namespace) -> None:
    """Build, start, measure, print."""
    if bed.PRIVATE not in os.environ:
        bed.build()
    if not bed.with_private_mounts():
        print("Without root and a mount namespace, chrony-candm is not measured on the Unix socket.")
    chosen = [case for case in cases(quick=options.quick) if options.only in case.name]
    if not options.only:
        # The lanes of the raw library are measured only on request.
        chosen = [case for case in chosen if not case.name.startswith("lanes ")]

    measured: dict[str, Results] = {}
    with contextlib.ExitStack() as stack:
        chronyds = stack.enter_context(bed.chronyds({case.chronyd for case in chosen}))
        place(options.placement, chronyds)
        runners: dict[str, Runner] = {}
        for name, action in {
            "import": "import pychrony",
            "import and first call": "import pychrony; {call}",
        }.items():
            if options.only in name:
                address = chronyds[0].addresses["unix"]
                calls = {
                    "functions": f"pychrony.get_tracking({address!r})",
                    "peer": f"\nwith pychrony.ChronyConnection({address!r}) as chronyd: chronyd.get_tracking()",
                }
                results = imports(options.rounds, {key: action.format(call=call) for key, call in calls.items()})
                measured[name] = results
                reports_page.print_case(name, results)
        for case in chosen:
            for key in case.contestants:
                if key not in runners:
                    runners[key] = Runner(key)
                    stack.callback(runners[key].close)
            try:
                results = measure_case(case, chronyds, runners, options.rounds, options.placement)
            except bed.ProcessError as error:
                raise SystemExit(str(error)) from error
            measured[case.name] = results
            reports_page.print_case(case.name, results)
    reports_page.print_bars(measured)
    if options.write_docs:
        reports_page.write_docs(measured, options.rounds)
