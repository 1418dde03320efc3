"""Check that docs/libchrony.md and SECURITY.md name code and tests that exist (`make lint`).

A test is written as `FILE::NAME`, code as `FILE` followed by the names of its items, each in backticks. The Rust files
of the ledger are below crates/libchrony, and those without a folder anywhere in its test suite, as it says itself; all
others are below the repository's root.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
CRATE = ROOT / "crates/libchrony"
#: Traps that the ledger has at least, and what is said of each.
TRAPS = 44
POINTS = ["What", "Why", "Our way", "Code", "Test"]
CODE = re.compile(r"`([^`]+)`")
#: A definition, or a line of a report's table.
ITEM = r"\b(?:fn|struct|enum|trait|const|static|type|mod|macro_rules!)\s+{0}\b|^\s+{0}(?:: | = )"


def text_of(file: Path) -> str:
    """The text of a file, nothing if there is none."""
    return file.read_text() if file.is_file() else ""


def has_test(file: Path, name: str) -> bool:
    """Whether the file has a test of this name, and not merely a function."""
    name = re.escape(name)
    pattern = rf"^def {name}\(" if file.suffix == ".py" else rf"#\[test\]\s+(?:#\[(?!ignore)[^\n]*\]\s+)*fn {name}\(\)"
    return name.startswith("test_") >= (file.suffix == ".py") and bool(re.search(pattern, text_of(file), re.MULTILINE))


def has_item(file: Path, item: str) -> bool:
    """Whether the file defines `Type::name`, `name`, or has the `impl` line."""
    text = text_of(file)
    if item.startswith("impl "):
        return item in text
    *owner, name = item.split("::")
    found = re.search(ITEM.format(re.escape(name)), text, re.MULTILINE)
    return bool(found) and all(re.search(rf"\b{part}\b", text) for part in owner)


def tests_in(text: str, folder: Path) -> list[tuple[Path, str]]:
    """The tests that a text names."""
    found = []
    for code in CODE.findall(text):
        file, _, name = code.partition("::")
        if name and file.endswith((".rs", ".py")):
            root = ROOT if file.endswith(".py") else folder
            suite = (root / "tests/suite").rglob(file) if "/" not in file else ()
            found.append((next((one for one in suite if has_test(one, name)), root / file), name))
    return found


def ledger() -> list[str]:
    """What is wrong with the ledger."""
    text, _, _ = (ROOT / "docs/libchrony.md").read_text().partition("## Notes")
    _, *parts = re.split(r"^### (\d+)\. .+$", text, flags=re.MULTILINE)
    traps = dict(zip(map(int, parts[::2]), parts[1::2], strict=True))
    wrong = [f"no trap {number}" for number in range(1, max(TRAPS, *traps) + 1) if number not in traps]
    for number, trap in traps.items():
        _, *points = re.split(r"^- \*\*(.+)\*\*: ", trap, flags=re.MULTILINE)
        if points[::2] != POINTS:
            wrong.append(f"trap {number}: not {', '.join(POINTS)}")
            continue
        file, items = None, 0
        for code in CODE.findall(points[7]):
            if code.endswith(".rs"):
                file = CRATE / "src" / code
                items += file.is_file()
            elif file is None or not has_item(file, code):
                wrong.append(f"trap {number}: no `{code}` in {file}")
        named = tests_in(points[9], CRATE)
        wrong += [f"trap {number}: no test {name} in {file}" for file, name in named if not has_test(file, name)]
        if not (items and named):
            wrong.append(f"trap {number}: names no code or no test")
    return wrong


def security() -> list[str]:
    """What is wrong with SECURITY.md."""
    text = (ROOT / "SECURITY.md").read_text()
    named = tests_in(text, ROOT)
    wrong = [f"SECURITY.md: no test {name} in {file}" for file, name in named if not has_test(file, name)]
    rows = re.findall(r"^\|(?!.*\| test \|$| --- )(.*)\|$", text, re.MULTILINE)
    wrong += [f"SECURITY.md: no test for: {row}" for row in rows if "::" not in row.rpartition(" | ")[2]]
    return wrong if rows else ["SECURITY.md makes no claim"]


if __name__ == "__main__":
    sys.exit("\n".join(ledger() + security()) or None)
