"""What was measured, as tables on the screen, and as a page with a plot in docs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from measure import Result, Results, Spread, name

if TYPE_CHECKING:
    from collections.abc import Mapping

REFERENCES = {"raw": "of raw", "peer": "of 2.0.3"}


@dataclass(frozen=True)
class Bar:
    """A limit for the ratio of two contestants in one case; "best raw" is the raw read with the least median."""

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


def _ratio(spread: Spread) -> str:
    return f"{spread.median:.2f} ({spread.low:.2f}-{spread.high:.2f})"


def _rows(results: Results) -> list[list[str]]:
    """A row for each contestant: median and quartiles, CPU time per record, ratios."""
    rows = []
    for key, result in results.items():
        wall, cpu = Spread.of(result.wall), Spread.of(result.cpu)
        row = [name(key), _time(wall.median), f"{_time(wall.low)}-{_time(wall.high)}"]
        row.append(_time(cpu.median / max(1, result.records)))
        others = [other if other in results and other != key else "" for other in REFERENCES]
        rows.append([*row, *(_ratio(result.ratio(results[other])) if other else "" for other in others)])
    return rows


HEAD = ["", "us a call", "quartiles", "CPU us a record", *REFERENCES.values()]
IMPORT_HEAD = ["", "ms", "quartiles", "memory KiB", *REFERENCES.values()]
THREADS_HEAD = ["", "calls a second", "quartiles", "CPU us a call", *REFERENCES.values()]


def _table(title: str, results: Results) -> tuple[list[str], list[list[str]]]:
    """The head and the rows of a case's table."""
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
        widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
        for row in (head, *rows):
            cells = (text.rjust(width) for text, width in zip(row[1:], widths[1:], strict=True))
            print("  " + "  ".join((row[0].ljust(widths[0]), *cells)).rstrip(), flush=True)


def _reference(bar: Bar, results: Results) -> tuple[str, Result] | None:
    """The contestant that a bar is measured by."""
    if bar.than != "best raw":
        return (name(bar.than), results[bar.than]) if bar.than in results else None
    raw = {key: result for key, result in results.items() if key.partition("-")[0] in ("raw", "own", "turns", "shared")}
    if not raw:
        return None
    best = min(raw, key=lambda key: Spread.of(raw[key].wall).median)
    return f"the best raw read ({name(best)})", raw[best]


def bars(measured: Mapping[str, Results]) -> list[list[str]]:
    """A row for each bar whose case was measured: what, ratio, limit, whether it is met."""
    rows = []
    for bar in BARS:
        results = measured.get(bar.case, {})
        reference = _reference(bar, results)
        if bar.who not in results or reference is None:
            continue
        ratio = results[bar.who].ratio(reference[1])
        verdict = "met" if ratio.median <= bar.limit else "not met"
        rows.append([f"{bar.case}: {name(bar.who)} / {reference[0]}", _ratio(ratio), f"{bar.limit:g}", verdict])
    return rows


def print_bars(measured: Mapping[str, Results]) -> None:
    """Print the bars."""
    rows = bars(measured)
    if rows:
        print("\nBars: median of the ratios within a round (quartiles), limit")
        widths = [max(len(row[column]) for row in rows) for column in range(4)]
        for row in rows:
            print("  " + "  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())


# --- docs ----------------------------------------------------------------------------------------------------------

PAGE = """\
# Performance

Written by `tools/run python benches/bench.py --write-docs`; `make bench` prints the same tables. Not to be edited.

The processor was {processor}, used by other programs at the same time. Every contestant is a process of its own; in
each of {rounds} rounds every one runs once, in a new order. Times are medians over the rounds, ratios medians of the
ratios within a round, and quartiles are in brackets. "of raw" compares with libchrony's own functions, one request
after the other; "of 2.0.3" with the published pychrony 2.0.3. Memory is what the interpreter has in use after the
import, less what it has without it.

How long a single request takes depends above all on whether the scheduler puts chronyd and its client on one CPU:
waking another one takes longer than all the rest. In the cases of open tracking both are kept on one CPU, since the
ratios would be of the scheduler's choices otherwise. That is also why the quartiles of lists that are read with one
request in flight are far apart.

A one-shot call over UDP makes 11 system calls by libchrony's functions, and 10 of ours:

- `fcntl(F_SETFD)`, twice: libchrony opens its socket and its /dev/urandom without close-on-exec, and child programs
  would inherit them;
- `fcntl(F_DUPFD)`, `close` and `fstat`: they find the number of that /dev/urandom, which libchrony does not tell;
- `setsockopt`, twice: neither a receive nor a send waits beyond the deadline;
- `fstat` when the socket is opened, and before both descriptors are closed: programs that become daemons close all
  numbers, and a number may be of another file by then.

They take most of what the crate needs beyond the raw calls, which the machine's price of a system call decides. What
the function in Python needs beyond the crate is its arguments, the release of the GIL, and an object with 15 fields.
None of these can be left out. A `ChronyConnection` pays for all of it once.

A read over an open connection has one system call more than the raw calls, an `fstat`: it makes sure that the socket
is still ours. The raw calls for tracking execute 15,500 instructions, the crate 14,400 (it looks fields up where they
were expected), and `ChronyConnection.get_tracking` 23,100 (on x86-64, by callgrind; without the kernel's). Of the last
8,700, 6,000 make the object, nearly half of them CPython's own insertions into its dictionary; 1,900 are the
interpreter's for the call and for the end of the object, and 500 release and take the GIL.

A one-shot call over the Unix socket makes 44 system calls, 32 of them libchrony's, which makes and removes folders,
sockets and links beside chronyd's. That is why no client that uses libchrony is much faster than another there: the raw
calls alone take 0.8 to 0.86 of the time of pychrony 2.0.3, so that 0.85 with all of Python's part is out of reach.

![Time of a read against the number of sources](performance.svg)

## Bars

{bars}
{tables}"""

COLOURS = ("#0072b2", "#56b4e9", "#009e73", "#d55e00", "#cc79a7", "#e69f00", "#000000")


ASYNCIO = "\n## asyncio\n"
"""The beginning of the section that aio.py writes, before that of fleet.py."""

FLEETS = "\n## Fleets\n"
"""The beginning of the section that fleet.py writes."""
COMMAND = "\n## The command chrony-report\n"
"""The beginning of the section that command.py writes, the last one."""


def markdown(head: list[str], rows: list[list[str]]) -> str:
    """A table."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return "of a model without a name"


def write_docs(folder: Path, measured: Mapping[str, Results], rounds: int) -> None:
    """Write the page and its plot, and keep the sections that aio.py and fleet.py write."""
    tables = "".join(
        f"\n## {title[0].upper()}{title[1:]}\n\n{markdown(*_table(title, results))}"
        for title, results in measured.items()
        if results
    )
    rows = markdown(["", "ratio", "limit", ""], bars(measured))
    text = PAGE.format(processor=_processor(), rounds=rounds, bars=rows, tables=tables)
    page = folder / "performance.md"
    _, *others = page.read_text(encoding="utf-8").partition(ASYNCIO)
    page.write_text(text + "".join(others), encoding="utf-8")
    (folder / "performance.svg").write_text(_plot(measured), encoding="utf-8")


def _plot(measured: Mapping[str, Results]) -> str:
    """Milliseconds of one call against the number of sources, both logarithmic: the read of the sources over Unix."""
    lines: dict[str, list[tuple[int, float]]] = {}
    for title, results in measured.items():
        words = title.removesuffix(", unix").split()
        if title.endswith(", unix") and words[:2] == ["open", "sources"]:
            for key, result in results.items():
                if "-" not in key:
                    lines.setdefault(name(key), []).append((int(words[2]), Spread.of(result.wall).median / 1e6))
        elif title.endswith(", unix") and words[:2] == ["one-shot", "sources"] and "chronyc" in results:
            point = (int(words[2]), Spread.of(results["chronyc"].wall).median / 1e6)
            lines.setdefault(name("chronyc"), []).append(point)
    points = [point for line in lines.values() for point in line]
    if not points:
        return '<svg xmlns="http://www.w3.org/2000/svg"/>\n'
    low = math.floor(min(math.log10(y) for _, y in points))
    high = math.ceil(max(math.log10(y) for _, y in points))

    def at(x: float, y: float) -> tuple[float, float]:
        return 70 + math.log10(x) * 150, 350 - (math.log10(y) - low) / (high - low) * 310

    svg = ['<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 760 400" font-family="sans-serif" font-size="12">']
    svg.append('<rect width="760" height="400" fill="white"/>')
    for power in range(low, high + 1):
        _, y = at(1, 10**power)
        svg.append(f'<path d="M70 {y:.1f}H520" stroke="#ddd"/>')
        svg.append(f'<text x="62" y="{y + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for number in sorted({x for x, _ in points}):
        x, _ = at(number, 10**low)
        svg.append(f'<path d="M{x:.1f} 350V40" stroke="#eee"/>')
        svg.append(f'<text x="{x:.1f}" y="368" text-anchor="middle">{number}</text>')
    svg.append('<text x="295" y="390" text-anchor="middle">number of sources</text>')
    svg.append('<text x="70" y="24">milliseconds for reading all sources (Unix socket, open connection)</text>')
    for number, (label, line) in enumerate(lines.items()):
        colour = COLOURS[number % len(COLOURS)]
        path = " ".join("{:.1f},{:.1f}".format(*at(*point)) for point in sorted(line))
        svg.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        y = 60 + 22 * number
        svg.append(f'<path d="M540 {y - 4}h24" stroke="{colour}" stroke-width="2"/>')
        svg.append(f'<text x="570" y="{y}">{label}</text>')
    return "\n".join([*svg, "</svg>\n"])
