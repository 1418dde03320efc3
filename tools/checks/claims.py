"""Check that docs/libchrony.md and SECURITY.md name code and tests that exist (`make lint`).

Both name items and tests but not files, so that they stay valid when a file moves. A name must be unique, or qualified
until it is: by the module or folder (`fields::NAME`), the type (`Socket::drop`), or the test file
(`test_sources::NAME`). Items are searched for in the crate libchrony, or in the crate that a qualifier names. Tests are
searched for in all crates and below tests/.
"""

from __future__ import annotations

import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "Cargo.lock").is_file())
CRATE = "libchrony"
#: The minimum number of traps in the ledger.
TRAPS = 46
#: The points of each trap.
POINTS = ["What", "Why", "Our way", "Code", "Test"]
NAMES = re.compile(r"`([A-Za-z_][\w:-]*)`")
ITEM = re.compile(
    r"^(?:(?:pub(?:\([^)]*\))?|const|async|unsafe|extern \"C\") )*"
    r"(?:fn|struct|enum|trait|const|static|type|mod|macro_rules!) (\w+)"
)
#: A field, a constant, or a line of a report's table. Its name must be qualified by a word of an enclosing block.
LINE = re.compile(r"^(\w+)(?:: | = )")
#: Marks a function as a test that runs with every driver.
DRIVEN = "<D: Driver>"
PYTHON_TEST = re.compile(r"^ *(?:async )?def (test_\w+)\(")


class Definition(NamedTuple):
    """A place that defines a name, the words that may qualify it, and words of which at least one is required."""

    place: str
    owners: frozenset[str]
    required: frozenset[str] = frozenset()


Definitions = defaultdict[str, list[Definition]]


def lines_in(file: Path) -> Iterator[tuple[int, str, list[str]]]:
    """Yield the lines of code in a file, each with its number and the first lines of the enclosing blocks."""
    around: list[tuple[int, str]] = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
        code = line.strip()
        if not code or code.startswith(("//", "}", ")")):
            continue
        depth = len(line) - len(line.lstrip())
        around = [(outer, text) for outer, text in around if outer < depth]
        yield number, code, [text for _, text in around]
        if not code.startswith("#"):
            around.append((depth, code))


def defined(file: Path, number: int, around: Iterable[str] = (), *, is_line: bool = False) -> Definition:
    """Return the definition at a line of a file, given the first lines of the enclosing blocks."""
    path = file.relative_to(ROOT)
    blocks = frozenset(word for text in around for word in re.findall(r"\w+", text))
    owners = blocks.union(path.with_suffix("").parts)
    return Definition(f"{path}:{number}", owners, blocks if is_line else frozenset())


def rust(items: Definitions, tests: Definitions) -> None:
    """Add the items and tests of all crates."""
    for file in sorted(ROOT.glob("crates/*/**/*.rs")):
        is_test = False
        for number, code, around in lines_in(file):
            if code.startswith("#["):
                is_test = code == "#[test]" or (is_test and not code.startswith("#[ignore"))
                continue
            is_inside = any(re.search(r"\bfn \w+", text) for text in around)
            if item := ITEM.match(code):
                (tests if is_test or DRIVEN in code else items)[item[1]].append(defined(file, number, around))
            elif not is_inside and (item := LINE.match(code)):
                items[item[1]].append(defined(file, number, around, is_line=True))
            is_test = False


def python(tests: Definitions) -> None:
    """Add the Python tests."""
    for file in sorted(ROOT.glob("tests/**/*.py")):
        for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), 1):
            if test := PYTHON_TEST.match(line):
                tests[test[1]].append(defined(file, number))


def check(name: str, definitions: Definitions, scope: str | None = None) -> str | None:
    """Return the finding for a name, if there is one."""
    *qualifiers, last = name.split("::")
    needed = set(qualifiers)
    if scope and not any((ROOT / "crates" / word).is_dir() for word in qualifiers):
        needed |= {scope, "src"}
    found = [
        place
        for place, owners, required in definitions[last]
        if needed <= owners and (not required or needed & required)
    ]
    if not found:
        return f"`{name}` is not defined"
    return f"`{name}` is ambiguous: {', '.join(found)}" if len(found) > 1 else None


def ledger(items: Definitions, tests: Definitions) -> Iterator[str]:
    """Yield the findings in the ledger."""
    text, _, _ = (ROOT / "docs/libchrony.md").read_text(encoding="utf-8").partition("## Notes")
    _, *parts = re.split(r"^### (\d+)\. .+$", text, flags=re.MULTILINE)
    traps = dict(zip(map(int, parts[::2]), parts[1::2], strict=True))
    for number in range(1, max(TRAPS, *traps) + 1):
        _, *points = re.split(r"^- \*\*(.+)\*\*: ", traps.get(number, ""), flags=re.MULTILINE)
        if points[::2] != POINTS:
            yield f"trap {number}: its points are not {', '.join(POINTS)}"
            continue
        code, test = (NAMES.findall(point) for point in points[7::2])
        if not (code and test):
            yield f"trap {number}: does not name both code and a test"
        wrong = [check(name, items, CRATE) for name in code] + [check(name, tests) for name in test]
        yield from (f"trap {number}: {one}" for one in wrong if one)


def security(tests: Definitions) -> Iterator[str]:
    """Yield the findings in SECURITY.md: in the last column of its tables, and in the Python tests that it names."""
    text = (ROOT / "SECURITY.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\|(?!.*\| test \|$| --- )(.*)\|$", text, re.MULTILINE)
    if not rows:
        yield "has no table of claims"
    named = [name for name in NAMES.findall(text) if re.search(r"\btest_\w+$", name)]
    for row in rows:
        tests_of_row = NAMES.findall(row.rpartition(" | ")[2])
        named += tests_of_row
        if not tests_of_row:
            yield f"no test for: {row}"
    yield from filter(None, (check(name, tests) for name in dict.fromkeys(named)))


def main() -> int:
    """Print the findings; return 1 if there are any."""
    items: Definitions = defaultdict(list)
    tests: Definitions = defaultdict(list)
    rust(items, tests)
    python(tests)
    wrong = [f"docs/libchrony.md: {one}" for one in ledger(items, tests)]
    wrong += [f"SECURITY.md: {one}" for one in security(tests)]
    print("\n".join(wrong), file=sys.stderr, end="\n" if wrong else "")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
