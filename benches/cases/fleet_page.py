"""The section "Fleets" of docs/performance.md and its plot, from the rows of fleet.py."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benches import markdown
from benches.plot import Panel, picture

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    Figures = dict[str, Any]

SECTION = """\
One thread of the test bed plays the daemons, on 127.0.0.0/8. `libchrony::fleet` reads the tracking report of all of
them in a thread of another process, {in_flight} at once, round after round. It runs in turns with three others:

- raw: raw libchrony, with an open session for each daemon and one event queue
- asyncio: `pychrony.aio.Fleet` in one Python thread
- pool of 2.0.3: 64 Python threads with a connection of pychrony 2.0.3 to each daemon

All share {processors} processors with the daemons and with other programs. Times are medians. Ratios are medians of the
ratios to the other contestant within a round. "First" is the first round, which opens the sessions. The ratio of times
to asyncio is also the part of the crate's rate that asyncio reaches.

![Time of a round and memory against the number of daemons](fleets.svg)

{rate}
"Wrong" is the number of results that belong to another daemon. libchrony has one buffer for the strings of all threads,
and pychrony 2.0.3 does not lock it. A read of the fleet makes the system calls of libchrony, and one to check that the
descriptor is still its own. It takes longer than the raw calls because of the deadlines, the check of each field
against its table, and the memory of ten thousand sessions. Each session is out of the processor's caches when its turn
comes.

The next table has the memory of a kept session in the process, without the kernel's part, which is 4 to 5 KiB for a
socket and two open files:

{memory}
### Silent daemons

One daemon of ten is silent, and the timeout of each address is {timeout:g} s. The round ends one timeout after the last
address was tried. A silent address counts among the {in_flight} for 0.1 s only. "Late" is the number of other daemons
that failed.

{silent}
### Losses

These are five rounds with kept sessions. Responses are lost at random. Each time is from the start of a round to the
result of an address. A request is sent again after 50 ms or more, and the wait doubles each time. With a loss of 10 % a
few of 50,000 reads fail at their deadline of 5 s, after three or four lost requests. There the round trip was unknown,
so that the first wait is 1 s, or a long one had been measured.

{loss}
### Daemons that come and go

In each of a hundred rounds a different tenth of the daemons is away.

{turnover}
### A million

At the figures above a round of a million daemons takes {cpu:.0f} s of one processor if each session is kept. The
sessions take {gib:.1f} GiB in the process and 4 to 5 in the kernel. They need two million descriptors, but Linux gives
a process at most 1,048,576 unless fs.nr_open is raised. They also need a million UDP ports, but a network namespace has
at most 64,512, and by default 28,232 for all of its programs. If sessions are opened for each read, there are enough
ports, and the round takes {first:.0f} s.

So a faster thread does not help. A million daemons need dozens of processes in separate network namespaces, a way to
share the daemons between them, retries for daemons that did not answer, and storage for a million results each minute.
Prometheus does this. An exporter next to each chronyd reads it over the Unix socket, which does not need `cmdallow` and
does not lose datagrams. Servers that share the targets by hash collect, retry and store.
"""

COLUMNS = {
    "rate": {
        "daemons": "daemons",
        "who": "who",
        "next_to": "next to",
        "us": "us a read",
        "cpu_us": "CPU us a read",
        "first_us": "first, us a read",
        "a_second": "reads a second",
        "cpu_of_the_other": "CPU, ratio",
        "wall_of_the_other": "time, ratio",
        "wrong": "wrong",
        "failed": "failed",
    },
    "memory": {"daemons": "daemons", "kib": "KiB", "kib_each": "KiB a daemon"},
    "silent": {
        "daemons": "daemons",
        "silent": "silent",
        "sessions": "sessions",
        "round_s": "round s",
        "last_answer_s": "last answer s",
        "cpu_s": "CPU s",
        "late": "late",
        "wrong": "wrong",
    },
    "loss": {
        "daemons": "daemons",
        "percent": "lost %",
        "reads": "answers",
        "p50_ms": "p50 ms",
        "p90_ms": "p90 ms",
        "p99_ms": "p99 ms",
        "max_ms": "longest ms",
        "failed": "failed",
        "wrong": "wrong",
    },
    "turnover": {
        "daemons": "daemons",
        "away": "away",
        "rounds": "rounds",
        "kib": "KiB",
        "descriptors": "descriptors",
        "late": "late",
        "wrong": "wrong",
    },
}
"""The figures that each table shows, with their column heads."""


def _table(rows: Iterable[Figures], columns: dict[str, str]) -> str:
    """Return a table with some figures as columns; a cell is empty if its row lacks the figure."""

    def cell(value: object) -> str:
        return markdown.number(value) if isinstance(value, int | float) else str(value)

    return markdown.table([*columns.values()], [[cell(row.get(key, "")) for key in columns] for row in rows])


def write_docs(rows: Sequence[Figures], in_flight: int, processors: int) -> None:
    """Write the section and its plot."""
    by_case: dict[str, list[Figures]] = {}
    for row in rows:
        by_case.setdefault(row["case"], []).append(row)
    fleet = max((row for row in by_case["rate"] if row["who"] == "fleet"), key=lambda row: int(row["daemons"]))
    most = max(by_case["memory"], key=lambda row: int(row["daemons"]))
    section = SECTION.format(
        in_flight=in_flight,
        processors=processors,
        timeout=by_case["silent"][0]["timeout_s"],
        **{case: _table(rows, COLUMNS[case]) for case, rows in by_case.items()},
        cpu=fleet["cpu_us"],
        first=fleet["first_us"],
        gib=most["kib_each"] * 1e6 / (1 << 20),
    )
    markdown.write_section("fleet", section)
    (markdown.DOCS / "fleets.svg").write_text(_plot(by_case), encoding="utf-8")


def _plot(by_case: dict[str, list[Figures]]) -> str:
    """Return a plot of the duration of a round and of the memory."""
    times: dict[str, dict[int, float]] = {}
    for row in by_case["rate"]:
        # The fleet is measured once next to each of the others; the first measurement counts.
        times.setdefault(row["who"], {}).setdefault(int(row["daemons"]), row["us"] * row["read"] / 1000)
    memory = {"fleet": {int(row["daemons"]): row["kib"] / 1024 for row in by_case["memory"]}}
    panels = (Panel("milliseconds of a round", times), Panel("MiB of memory, sessions kept", memory, left=500))
    return picture("number of daemons", *panels)
