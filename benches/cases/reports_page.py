"""The limits and the tables of the case reports, on the screen and, with a plot, in docs/performance.md."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benches import markdown
from benches.contestants import CONTESTANTS
from benches.measure import Result, Results, Spread, verdict
from benches.plot import Panel, picture

if TYPE_CHECKING:
    from collections.abc import Mapping

REFERENCES = {"raw": "of raw", "peer": "of 2.0.3"}


@dataclass(frozen=True)
class Bar:
    """A limit for the ratio of two contestants in a case; "best raw" is the raw contestant with the smallest median."""

    case: str
    who: str
    limit: float
    than: str


BARS = (
    Bar("import", "functions", 0.6, "peer"),
    *(Bar(f"one-shot tracking, {transport}", "functions", 0.95, "peer") for transport in ("unix", "udp")),
    *(Bar(f"one-shot tracking, {transport}", "functions", 1.15, "raw") for transport in ("unix", "udp")),
    Bar("one-shot tracking, unix", "connection", 0.85, "peer"),
    Bar("one-shot tracking, unix", "connection", 1.15, "raw"),
    *(Bar(f"open tracking, {transport}", "connection", 0.65, "peer") for transport in ("unix", "udp")),
    *(Bar(f"open tracking, {transport}", "connection", 1.10, "raw") for transport in ("unix", "udp")),
    *(
        Bar(f"open {report} 950, {transport}", "connection", limit, than)
        for report in ("sources", "sourcestats")
        for transport in ("unix", "udp")
        for limit, than in ((0.125, "peer"), (1.25, "best raw"))
    ),
    Bar("open ntpdata 950, unix", "connection", 1.25, "best raw"),
)


def _time(nanoseconds: float) -> str:
    microseconds = nanoseconds / 1000
    return f"{microseconds:,.1f}" if microseconds < 1000 else f"{microseconds:,.0f}"


def name(key: str) -> str:
    """Return a contestant's name in the tables."""
    return CONTESTANTS[key].name


def _rows(results: Results) -> list[list[str]]:
    """Return a row for each contestant: median, quartiles, CPU time per record, ratios."""
    rows = []
    for key, result in results.items():
        wall, cpu = Spread.of(result.wall), Spread.of(result.cpu)
        row = [name(key), _time(wall.median), f"{_time(wall.low)}-{_time(wall.high)}"]
        row.append(_time(cpu.median / max(1, result.records)))
        others = [other if other in results and other != key else "" for other in REFERENCES]
        rows.append([*row, *(str(result.ratio(results[other])) if other else "" for other in others)])
    return rows


HEAD = ["", "us a call", "quartiles", "CPU us a record", *REFERENCES.values()]
IMPORT_HEAD = ["", "ms", "quartiles", "memory KiB", *REFERENCES.values()]
THREADS_HEAD = ["", "calls a second", "quartiles", "CPU us a call", *REFERENCES.values()]


def _table(title: str, results: Results) -> tuple[list[str], list[list[str]]]:
    """Return the head and the rows of a case's table."""
    rows = _rows(results)
    if title.startswith("import"):
        for row, result in zip(rows, results.values(), strict=True):
            wall = Spread.of(result.wall)
            row[1:4] = [
                f"{wall.median / 1e6:.1f}",
                f"{wall.low / 1e6:.1f}-{wall.high / 1e6:.1f}",
                f"{Spread.of(result.cpu).median / 1024:,.0f}",
            ]
        return IMPORT_HEAD, rows
    if " threads " in title:
        threads = int(title.rpartition(" ")[2])
        for row, result in zip(rows, results.values(), strict=True):
            rate = Spread.of(threads * 1e9 / wall for wall in result.wall)
            cpu = Spread.of(result.cpu).median / threads
            row[1:4] = [f"{rate.median:,.0f}", f"{rate.low:,.0f}-{rate.high:,.0f}", _time(cpu)]
        return THREADS_HEAD, rows
    return HEAD, rows


def print_case(title: str, results: Results) -> None:
    """Print a case's table."""
    head, rows = _table(title, results)
    print(f"\n{title}")
    if rows:
        markdown.show(head, *rows)


def _reference(bar: Bar, results: Results) -> tuple[str, Result] | None:
    """Return the name and the result of the contestant that a bar compares with."""
    if bar.than != "best raw":
        return (name(bar.than), results[bar.than]) if bar.than in results else None
    raw = {key: result for key, result in results.items() if key.partition("-")[0] in ("raw", "own", "turns", "shared")}
    if not raw:
        return None
    best = min(raw, key=lambda key: Spread.of(raw[key].wall).median)
    return f"the best raw read ({name(best)})", raw[best]


def bars(measured: Mapping[str, Results]) -> list[list[str]]:
    """Return a row for each bar whose case was measured: name, ratio, limit, verdict."""
    rows = []
    for bar in BARS:
        results = measured.get(bar.case, {})
        reference = _reference(bar, results)
        if bar.who not in results or reference is None:
            continue
        ratio = results[bar.who].ratio(reference[1])
        title = f"{bar.case}: {name(bar.who)} / {reference[0]}"
        rows.append([title, str(ratio), f"{bar.limit:g}", verdict(ratio.median, bar.limit)])
    return rows


def print_bars(measured: Mapping[str, Results]) -> None:
    """Print the bars."""
    rows = bars(measured)
    if rows:
        print("\nBars: median of the ratios within a round (quartiles), limit")
        markdown.show(*rows)


# --- The page ---------------------------------------------------------------------------------------------------------

PAGE = """\
The processor was {processor}. Other programs used it at the same time. Each contestant is a separate process. In each
of {rounds} rounds each contestant runs once, in a new order. Times are medians over the rounds. Ratios are medians of
the ratios within a round, with quartiles in brackets. "of raw" compares with raw libchrony, one request after the
other. "of 2.0.3" compares with the published pychrony 2.0.3. Memory is the memory of the interpreter after the
import, minus its memory without the import.

The time of a single request depends mostly on the scheduler. If chronyd and its client are on two CPUs, waking the
other CPU takes longer than everything else. In the cases of open tracking both are kept on one CPU. Otherwise the
ratios would show the scheduler's choices. For the same reason the quartiles of lists with one request in flight are far
apart.

A one-shot call over UDP makes 11 system calls in libchrony, and 13 of ours:

- `fcntl(F_SETFD)`, twice: libchrony opens its socket and its /dev/urandom without close-on-exec, so child programs
  would inherit them.
- `fcntl(F_DUPFD)`, `close` and `fstat`: they find the descriptor of this /dev/urandom, which libchrony does not return.
- `fcntl(F_SETSIG)`, and `fcntl(F_GETSIG)` twice: they mark this /dev/urandom, and check the mark before it is closed.
- `setsockopt`, twice: sends and receives do not wait beyond the deadline.
- `fstat` after the socket is opened, and before each of the two descriptors is closed: a program that becomes a daemon
  closes all descriptors, and a number may then belong to another file.

These calls make up most of the difference between the crate and the raw calls. The difference depends on how long the
machine takes for a system call. The function in Python also parses its arguments, releases the GIL, and makes an object
with 15 fields. A `ChronyConnection` opens and closes only once.

A read over an open connection makes one system call more than the raw calls. This `fstat` makes sure that the socket is
still ours. The raw calls for tracking execute 15,500 instructions, the crate 14,400 (it looks fields up where they were
expected), and `ChronyConnection.get_tracking` 23,100 (on x86-64, by callgrind, without the kernel). Of the 8,700 that
Python adds, 6,000 make the object, nearly half of them in CPython's insertions into its dictionary. The interpreter
takes 1,900 for the call and for freeing the object, and 500 release and take the GIL.

A one-shot call over the Unix socket makes 47 system calls. libchrony makes 32 of them, to create and remove
directories, sockets and links next to chronyd's socket. Therefore no client that uses libchrony is much faster there
than another one. The raw calls alone take 0.8 to 0.86 of the time of pychrony 2.0.3, so the limit of 0.85 cannot be met
once Python's part is added.

![Time of a read against the number of sources](performance.svg)

## Bars

{bars}
{tables}"""


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "of a model without a name"


def write_docs(measured: Mapping[str, Results], rounds: int) -> None:
    """Write the first section of the page and its plot."""
    tables = "".join(
        f"\n## {title[0].upper()}{title[1:]}\n\n{markdown.table(*_table(title, results))}"
        for title, results in measured.items()
        if results
    )
    rows = markdown.table(["", "ratio", "limit", ""], bars(measured))
    text = PAGE.format(processor=_processor(), rounds=rounds, bars=rows, tables=tables)
    markdown.write_section("reports", text)
    lines = _lines(measured)
    if lines:
        panel = Panel("milliseconds for reading all sources (Unix socket, open connection)", lines, width=640)
        (markdown.DOCS / "performance.svg").write_text(picture("number of sources", panel), encoding="utf-8")


def _lines(measured: Mapping[str, Results]) -> dict[str, dict[int, float]]:
    """Return the milliseconds that a read takes for each contestant, by the number of sources."""
    lines: dict[str, dict[int, float]] = {}
    for title, results in measured.items():
        words = title.removesuffix(", unix").split()
        if not title.endswith(", unix") or words[1] != "sources":
            continue
        # chronyc cannot keep a connection open.
        shown = [key for key in results if "-" not in key] if words[0] == "open" else ["chronyc"]
        for key in shown:
            if key in results:
                lines.setdefault(name(key), {})[int(words[2])] = Spread.of(results[key].wall).median / 1e6
    return lines
