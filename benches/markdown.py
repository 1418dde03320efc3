"""Tables of results, on the screen and in docs/performance.md, and the sections of that page."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benches.bed import ROOT

if TYPE_CHECKING:
    from collections.abc import Sequence

DOCS = ROOT / "docs"
PAGE = DOCS / "performance.md"

#: The heading of each case's section, in the order of the page.
SECTIONS = {
    "reports": "# Performance",
    "aio": "## asyncio",
    "fleet": "## Fleets",
    "command": "## The command chrony-report",
}


def table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Return a table in Markdown."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def show(*rows: Sequence[str]) -> None:
    """Print a table. The first column is aligned to the left, all others to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *others in rows:
        cells = (text.rjust(width) for text, width in zip(others, widths[1:], strict=True))
        print("  " + "  ".join((first.ljust(widths[0]), *cells)).rstrip(), flush=True)


def number(value: float) -> str:
    """Return a number with three significant digits, or as an integer if it is one or has at least four digits."""
    return f"{value:,.0f}" if isinstance(value, int) or value >= 1000 else f"{value:.3g}"


def line(figures: dict[str, object]) -> str:
    """Return figures as a line of text."""
    cells = ((key, number(value) if isinstance(value, int | float) else value) for key, value in figures.items())
    return "  ".join(f"{key} {cell}" for key, cell in cells)


def write_section(case: str, text: str) -> None:
    """Replace the section of a case."""
    heads = "|".join(map(re.escape, SECTIONS.values()))
    _, *parts = re.split(rf"^({heads})\n", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)
    bodies = {head: body.strip("\n") for head, body in zip(parts[::2], parts[1::2], strict=True)}
    written = f"Written by `tools/run python -m benches {case} --write-docs`, which `make bench` runs. Do not edit it."
    bodies[SECTIONS[case]] = f"{written}\n\n{text.strip()}"
    sections = [f"{head}\n\n{bodies[head].strip()}\n" for head in SECTIONS.values() if head in bodies]
    PAGE.write_text("\n".join(sections), encoding="utf-8")
