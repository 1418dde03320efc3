"""The words that `tools/checks/prose.py` finds, and those that it leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from tools.checks import prose

if TYPE_CHECKING:
    from pathlib import Path


def found(tmp_path: Path, name: str, text: str) -> list[tuple[int, str]]:
    """Return the findings in a file with this text."""
    file = tmp_path / name
    file.write_text(text, encoding="utf-8")
    return sorted(prose.findings(file))


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("a.rs", "/// Whether it is.\nfn a() {}\n", [(1, 'begins with "Whether"')]),
        (
            "a.rs",
            "//! The crate.\n\nenum A {\n    /// A variant.\n    B,\n    /// It too.\n    C,\n}\n",
            [(6, 'begins with "It"')],
        ),
        ("a.rs", "/// Returns one.\n///\n/// How it does so is another paragraph.\nfn a() {}\n", []),
        ("a.rs", "// Why not: a plain comment.\n//// So many slashes.\nfn a() {}\n", []),
        ("a.rs", "/// Reads it in\n/// vain.\nfn a() {}\n", [(1, '"in vain"')]),
        (
            "a.rs",
            "/// Reads.\n/// ```\n/// let nor = 1; // so many\n/// ```\n/// Not so much.\nfn a() {}\n",
            [(5, '"so much"')],
        ),
        ("a.py", '"""What it is."""\n', [(1, 'begins with "What"')]),
        ("a.py", 'def a() -> None:\n    """Call it.\n\n    Once, nor twice.\n    """\n', [(4, '"nor"')]),
        (
            "a.py",
            'A = 1\n"""When it is."""\n#: Where it is.\nB = "so many"\n',
            [(2, 'begins with "When"'), (3, 'begins with "Where"')],
        ),
        ("a.py", 'A = b"Why"\nB = """How."""\n', []),
        ("a.md", "# How to\n\nWhat is next to it, besides `nor`.\n\n- in\n- vain\n", []),
        ("a.md", "Text.\n\n| beside | At |\n| Last | x |\n", [(3, '"beside"')]),
    ],
)
def test_words(tmp_path: Path, name: str, text: str, expected: list[tuple[int, str]]) -> None:
    assert found(tmp_path, name, text) == expected


@pytest.mark.parametrize(
    "phrase",
    ["is told", "to be told", "of no use", "in vain", "so many", "so much", "at last", "to be had", "is none",
     "no chronyd's", "be it", "as chrony has it", "what becomes of", "heed", "heeded", "beside", "whom", "nor",
     "from chrony 4.7 on", "from now on", "from the second one on", "From `a` on"],
)  # fmt: skip
def test_phrases_that_are_not_used(tmp_path: Path, phrase: str) -> None:
    [(line, said)] = found(tmp_path, "a.md", f"This {phrase.replace(' ', chr(10))}.\n")
    assert (line, said.casefold().replace("```", "`a`")) == (1, f'"{phrase.casefold()}"')


@pytest.mark.parametrize(
    "sentence",
    ["It differs from all that depends on it.", "A read from a chronyd on the machine.", "From one, two and so on.",
     "It returns None: the value is None.", "The last sample, northern besides.", "A copy from a crate based on it."],
)  # fmt: skip
def test_sentences_that_are_fine(tmp_path: Path, sentence: str) -> None:
    assert found(tmp_path, "a.md", sentence) == []
