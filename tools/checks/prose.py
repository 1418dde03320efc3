"""Check the words of documentation comments, docstrings and documents (`make lint`).

    tools/run python tools/checks/prose.py            all files of the checkout
    tools/run python tools/checks/prose.py PATH…      these files, and those below these folders

A documentation comment or a docstring begins with a verb, or with an article and a noun. Some phrases are not used, in
documents either. Code in backticks or fences is not read; string literals and plain comments are not, either.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = next(folder for folder in Path(__file__).resolve().parents if (folder / "Cargo.lock").is_file())
#: Written by `make fields` and `make bench`.
GENERATED = {"docs/fields.md", "docs/performance.md"}

FIRST = re.compile(r"\W*(what|how|whether|why|where|when|has|it)\b", re.IGNORECASE)
#: "and so on", "depends on" and "built on" are not the end of a "from … on".
ON = (
    r"from(?: (?!(?:so|depends?|based|built|go|goes|later) )[^\s.,;:()]+(?:\.\d+)*){1,4} on"
    r"(?=[.,;:)]|$| (?:and|but|it|they|is|are)\b)"
)
PHRASES = [
    "is told",
    "to be told",
    "of no use",
    "in vain",
    "so many",
    "so much",
    "at last",
    "to be had",
    r"(?-i:is none)",
    "no chronyd's",
    "be it",
    r"as(?: [^\s.,;:()]+){1,4} has it",
    "what becomes of",
    "heed(?:s|ed|ing)?",
    "beside",
    "whom",
    "nor",
    ON,
]
PHRASE = re.compile(rf"\b(?:{'|'.join(PHRASES)})(?!\w)".replace(" ", r"\s+"), re.IGNORECASE)
CODE = re.compile(r"`[^`]+`")
DOC_COMMENT = {".rs": re.compile(r"\s*(///|//!)(?!/) ?(.*)"), ".py": re.compile(r"\s*(#:) ?(.*)")}
#: A line that begins a paragraph of its own: an item of a list, a row of a table, a heading.
ITEM = re.compile(r"\s*(?:[-*#|]|\d+\. )")


class Block(NamedTuple):
    """Lines of text that belong together, and the number of the first."""

    line: int
    lines: list[str]


def comments(lines: list[str], suffix: str) -> Iterator[Block]:
    """Yield the documentation comments of a file, which differ by their marker."""
    block, marker = Block(0, []), ""
    for number, line in enumerate([*lines, ""], 1):
        found = DOC_COMMENT[suffix].fullmatch(line)
        if block.lines and (found is None or found[1] != marker):
            yield block
            block = Block(0, [])
        if found:
            marker = found[1]
            block = Block(block.line or number, [*block.lines, found[2]])


def docstrings(text: str) -> Iterator[Block]:
    """Yield the docstrings of a module, of all in it, and of its attributes."""
    for node in ast.walk(ast.parse(text)):
        body = getattr(node, "body", None)
        for statement in body if isinstance(body, list) else []:
            match statement:
                case ast.Expr(value=ast.Constant(value=str())):
                    lines = text.splitlines()[statement.lineno - 1 : statement.end_lineno]
                    yield Block(statement.lineno, lines)


def paragraphs(block: Block) -> Iterator[Block]:
    """Yield the paragraphs of a block, without its code."""
    paragraph, is_code = Block(block.line, []), False
    for number, line in enumerate([*block.lines, ""], block.line):
        is_fence = line.lstrip().startswith("```")
        is_text = bool(line.strip()) and not is_fence and not is_code
        if paragraph.lines and (not is_text or ITEM.match(line)):
            yield paragraph
            paragraph = Block(number, [])
        if is_text:
            paragraph = Block(paragraph.line if paragraph.lines else number, [*paragraph.lines, line])
        is_code ^= is_fence


def phrases(block: Block) -> Iterator[tuple[int, str]]:
    """Yield the phrases of a block that are not used, each with its line."""
    for paragraph in paragraphs(block):
        text = CODE.sub(lambda code: re.sub(r"\S", "`", code[0]), "\n".join(paragraph.lines))
        for found in PHRASE.finditer(text):
            line = paragraph.line + text.count("\n", 0, found.start())
            yield line, f'"{" ".join(found[0].split())}"'


def findings(file: Path) -> Iterator[tuple[int, str]]:
    """Yield the findings in a file, each with its line."""
    text = file.read_text(encoding="utf-8")
    lines = text.splitlines()
    documentation: list[Block] = []
    if file.suffix == ".md":
        yield from phrases(Block(1, lines))
    elif file.suffix == ".rs":
        documentation = [*comments(lines, ".rs")]
    else:
        documentation = [*comments(lines, ".py"), *docstrings(text)]
    for block in documentation:
        if first := FIRST.match("\n".join(block.lines)):
            yield block.line, f'begins with "{first[1]}"'
        yield from phrases(block)


def files(arguments: list[str]) -> Iterator[Path]:
    """Yield the files of the checkout that have words, or those below some paths."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "--", *arguments]
    for name in subprocess.check_output(command, cwd=ROOT, text=True).splitlines():
        file = ROOT / name
        if file.suffix in {".md", ".rs", ".py", ".pyi"} and name not in GENERATED and file.is_file():
            yield file


def main() -> int:
    """Print the findings; 1 if there are any."""
    found = [
        f"{file.relative_to(ROOT)}:{line}: {finding}"
        for file in files(sys.argv[1:])
        for line, finding in sorted(findings(file))
    ]
    print("\n".join(found), file=sys.stderr, end="\n" if found else "")
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
